"""Which settings are science: known to reports too, which import no configuration."""

NOT_SCIENCE = ("runs_dir", "force", "unlock", "tracker", "checkpoint", "runtime", "sweep")
"""Where and how a run is made, never what it is."""

PLACES = ("task.root",)
"""Settings of sections that are science, which say where something is: `task.digest` says what."""

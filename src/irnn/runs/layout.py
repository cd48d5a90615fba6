"""Names of a run's files and the words that stand in them: training writes them, reports read them.

The fields of each file are in `irnn.runs.schemas`, those of a task's metric in `irnn.tasks.metric`. Nothing
here imports torch.
"""

CONFIG = "config.yaml"
PROVENANCE = "provenance.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
LOG = "train.log"
CURVE = "curve.png"
SOURCE = "source"
"""A folder with a copy of the code of plug-ins that a run uses; nothing executes it."""
CHECKPOINTS, LAST, BEST = "checkpoints", "last.pt", "best.pt"

MARKERS = (CONFIG, RESULT, METRICS, PROVENANCE, LOG)
"""A folder with one of these files is a run's."""

SOLVED, EXHAUSTED, DIVERGED = "solved", "exhausted", "diverged"
STATUSES = (SOLVED, EXHAUSTED, DIVERGED)
"""How a run ends: `status` in its result."""

SCHEMA = 1
"""What the settings of a run mean. Enters every run id: raise it when old runs stop being comparable."""

SWEEPS, SWEEP = ".sweeps", "sweep.json"
"""In the folder of all runs: `.sweeps/NAME/sweep.json`."""
SWEEP_SCHEMA = 1
"""What the fields of `sweep.json` mean."""

RECORD = "results.jsonl"
"""The runs behind a claim, one JSON object a line."""

UNNAMED_TASK = "adding"
"""The task of folders of irnn 0.1, which name none, as the run ids of that task to this day."""

NOT_SCIENCE = ("runs_dir", "force", "unlock", "tracker", "checkpoint", "runtime", "sweep")
"""Settings that say where and how a run is made, never what it is; sections by their name."""

PLACES = ("task.root",)
"""Settings of sections that are science, which say where something is: see `Task.data_refusal`."""

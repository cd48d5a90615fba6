"""Reports on run folders: reads what training wrote and never imports what trains."""

"""Long-dependency tasks."""

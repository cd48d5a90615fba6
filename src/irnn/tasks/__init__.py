"""Long-dependency tasks; what is the same for all of them is in `base` and `data`."""

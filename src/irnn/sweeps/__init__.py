"""Sweeps: many runs that were asked for together."""

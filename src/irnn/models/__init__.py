"""Recurrent layers and their starts."""

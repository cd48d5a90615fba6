"""What the server that jobs are forked from imports, once for all of them."""

import matplotlib.backends.backend_agg
import matplotlib.figure
import matplotlib.font_manager

import irnn.training.session

__all__ = ["irnn", "matplotlib"]

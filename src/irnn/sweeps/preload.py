"""What the server that jobs are forked from imports, once for all of them."""

import irnn.training.session
from irnn.system import pictures

pictures.load()
import matplotlib.backends.backend_agg  # noqa: E402

__all__ = ["irnn", "matplotlib"]

"""The optimizers: their settings, and one step of each on a flat vector of parameters.

Why not `torch.optim` itself: its first step loads PyTorch's compiler, 1.2 s of every run's start, and its
bookkeeping over lists of parameters takes longer than the arithmetic on 10 000 numbers (see
docs/decisions/0004-flat-optimizers.md). The formulas and the settings' names are PyTorch's, and tests hold
them to it.
"""

"""What cannot be answered."""


class InputError(ValueError):
    """What was asked for cannot be done; the message names place and remedy."""

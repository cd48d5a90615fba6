"""A report that is opened before the command that trains: it waits for its runs instead of refusing."""

from collections.abc import Callable

from irnn.reporting.folders import NotYetError
from irnn.reporting.load import Cache
from irnn.reporting.run import Loaded


class Waiting:
    """Reads runs again and again; gives none until the sweep, or the folder of runs, is there at all.

    Args:
        read: reads the runs; raises NotYetError where what was asked for may still come.
    """

    def __init__(self, read: Callable[[Cache], Loaded]) -> None:
        self._read, self._found = read, False

    def __call__(self, cache: Cache) -> Loaded:
        """Read the runs.

        Raises:
            ValueError: They cannot be read, or were there and are gone.
        """
        try:
            loaded = self._read(cache)
        except NotYetError as error:
            if self._found:
                raise
            return Loaded((), (), (), awaited=error.awaited)
        self._found = True
        return loaded

"""What a test registers is forgotten when it ends: classes, and the plug-ins that were loaded."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from unittest.mock import patch

from irnn.spec import plugins, registry


class _EndedError(Exception):
    """For `taking_back`, which forgets what was registered if there is an error."""


@contextmanager
def registrations_forgotten() -> Iterator[None]:
    """Forget at the end which classes were registered within, and which plug-ins were loaded."""
    before, modules = dict(plugins._loaded), set(sys.modules)
    with patch.object(plugins, "_loaded", dict(before)), suppress(_EndedError):
        try:
            with registry.taking_back():
                yield
                raise _EndedError
        finally:
            loaded = plugins._loaded.items()
            added = {plugin.package for word, plugin in loaded if word not in before}
            for module in set(sys.modules) - modules:
                if module.partition(".")[0] in added:
                    del sys.modules[module]

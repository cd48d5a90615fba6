"""Import the scripts that stand beside the records."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

RECORDS = Path(__file__).parents[1] / "docs" / "records"


def script(name: str) -> ModuleType:
    """Import docs/records/NAME.py, which imports others there."""
    if str(RECORDS) not in sys.path:
        sys.path.append(str(RECORDS))
    return importlib.import_module(name)

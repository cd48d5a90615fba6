"""Long-dependency tasks; what is the same for all of them is in `base` and `data`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irnn.config import Task as TaskSettings
    from irnn.tasks.base import Task


def make(settings: "TaskSettings") -> "Task":
    """Make the task that `task.name` names; torch is imported once it makes sequences."""
    from irnn.choices import TaskName
    from irnn.tasks.adding import Adding
    from irnn.tasks.copy_memory import CopyMemory
    from irnn.tasks.multiplication import Multiplication
    from irnn.tasks.pixels import Pixels
    from irnn.tasks.temporal_order import TemporalOrder

    known: dict[TaskName, type[Task]] = {
        TaskName.adding: Adding,
        TaskName.multiplication: Multiplication,
        TaskName.copy_memory: CopyMemory,
        TaskName.temporal_order: TemporalOrder,
        TaskName.pixels: Pixels,
    }
    return known[settings.name](settings)

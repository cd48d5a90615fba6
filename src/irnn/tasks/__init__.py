"""Long-dependency tasks; what is the same for all of them is in `base` and `data`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irnn.config import Task as TaskSettings
    from irnn.tasks.base import Task


def make(settings: "TaskSettings") -> "Task":
    """Make the task that `task.name` names."""
    from irnn.choices import TaskName
    from irnn.tasks.adding import Adding

    return {TaskName.adding: Adding}[settings.name](settings)

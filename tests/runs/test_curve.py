"""A run's picture: all of it is inside, whatever task it is of."""

from typing import Any

import pytest

from irnn.runs import curve
from irnn.spec.composition import Composer
from irnn.system import pictures

COMPOSER = Composer()


@pytest.mark.parametrize(
    ("task", "scale"),
    [("adding", 1), ("adding", 1e-5), ("temporal_order", 1), ("copy_memory", 300)],
)
def test_no_word_of_the_picture_is_cut_or_covers_another_axis(task: str, scale: float) -> None:
    words = [f"task={task}", "task.seq_len=30", "stop.test_mse=null"]
    config = COMPOSER.compose([*words, "init=split_identity", "tracker=none"])
    names = ("train_mse", "test_mse", "train_loss", "test_loss")
    records = [
        {
            "step": 100_000 * step,
            **dict.fromkeys(names, 0.2 * scale / (1 + step)),
            "test_accuracy": 0.5,
        }
        for step in range(9)
    ]
    result: dict[str, Any] = {
        "status": "diverged",
        "solved_at": {"0.1": 100, "0.001": None},
        "divergences": [{"step": 3}],
    }
    with pictures.own_settings():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure = curve._figure(records, result, config, config.task)
        FigureCanvasAgg(figure).draw()
        whole, extents = figure.bbox, [axes.get_tightbbox() for axes in figure.axes]
    left, right = extents
    assert left is not None
    assert right is not None
    assert whole.x0 <= left.x0 < left.x1 <= right.x0 < right.x1 <= whole.x1
    top = figure.get_suptitle()
    assert top
    for extent in (left, right):
        assert whole.y0 <= extent.y0 < extent.y1 <= whole.y1 - 0.05 * whole.height

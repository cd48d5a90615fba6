"""Set detectors' thresholds by what they see, so that each fires as often as it should.

Starts that measure unlabelled data before training are common (Krähenbühl et al. 2016; Mishkin & Matas
2016, "All you need is a good init", section 3); there they set the scale of units, here how often a unit
fires. Nothing is assumed about the inputs, their range or the meaning of a feature.
"""

import torch
from torch import Tensor

from irnn.kernels import reference
from irnn.models.recurrent import RNN

_ROOM = 1 << 22  # activations held at once


@torch.no_grad()
def set_thresholds(recurrent: RNN, inputs: Tensor, firings: float, integrators: int) -> None:
    """Set the input biases of all units after the first `integrators` of every layer.

    A unit's bias becomes minus the level that its weighted input exceeds `firings` times per sequence on
    average, so that ReLU(w x + b) is positive that often. Recurrent input is not counted: detectors start
    with none.

    Args:
        recurrent: one direction, time-major.
        inputs: sequences (T, B, F) to measure, on the layer's device.
        firings: expected firings in a sequence, below T.
        integrators: units that keep their biases, fewer than H.
    """
    steps, batch = inputs.shape[:2]
    count = min(max(round(firings * batch), 1), steps * batch - 1)
    for layer in range(recurrent.num_layers):
        w_ih, w_hh, b_ih, b_hh = recurrent.all_weights[layer]
        seen = inputs.reshape(steps * batch, -1)
        together = max(1, _ROOM // len(seen))
        for first in range(integrators, len(w_ih), together):
            units = slice(first, first + together)
            weighted = w_ih[units] @ seen.T
            highest = weighted.topk(count + 1, dim=1).values
            # Between the last that fires and the next.
            b_ih[units] = -(highest[:, -2] + highest[:, -1]) / 2
        if layer + 1 < recurrent.num_layers:
            inputs = reference.recurrence(
                inputs,
                w_ih,
                w_hh,
                b_ih + b_hh,
                None,
                nonlinearity=recurrent.nonlinearity,
                last_only=False,
            )

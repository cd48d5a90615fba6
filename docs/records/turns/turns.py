"""Does it matter how far a plane turns, or that it is two units? A plug-in of docs/suite.md, section 2."""

import math
from typing import TYPE_CHECKING

from irnn.extend import Initialization, Shape, initialization, option

if TYPE_CHECKING:
    from torch import Generator, Tensor


@initialization("turns")
class Turns(Initialization):
    """Turn each plane by an angle of its own: planes of two units, or of all units mixed."""

    angles: str = option(
        "random", "random: U(0, pi); even: evenly spaced; orthogonal: of a random orthogonal matrix"
    )
    mixed: bool = option(
        False, "turn the planes of a random orthonormal basis, in place of those of two units"
    )

    needs_square = True

    def recurrent(self, shape: Shape, generator: "Generator | None") -> "Tensor":
        """Draw the matrix (H, H), of an even number of units.

        Raises:
            ValueError: `angles` is none of those that there are.
        """
        import torch

        hidden = shape.hidden
        planes = hidden // 2
        if self.angles == "random":
            angles = math.pi * torch.rand(planes, generator=generator, dtype=torch.float64)
        elif self.angles == "even":
            angles = math.pi * (torch.arange(planes, dtype=torch.float64) + 0.5) / planes
        elif self.angles == "orthogonal":
            eigenvalues = torch.linalg.eigvals(self._basis(hidden, generator))
            # Conjugate pairs, beside which a determinant of -1 has a single 1 and -1: the 1 counts twice.
            angles = eigenvalues.angle().abs().sort().values[::2]
        else:
            raise ValueError(f"init.angles={self.angles}: random, even or orthogonal")
        first = torch.arange(0, hidden, 2)
        matrix = torch.zeros(hidden, hidden, dtype=torch.float64)
        matrix[first, first] = matrix[first + 1, first + 1] = angles.cos()
        matrix[first + 1, first] = angles.sin()
        matrix[first, first + 1] = -angles.sin()
        if self.mixed:
            basis = self._basis(hidden, generator)
            matrix = basis @ matrix @ basis.T
        return matrix

    def _basis(self, hidden: int, generator: "Generator | None") -> "Tensor":
        import torch

        normal = torch.randn(hidden, hidden, generator=generator, dtype=torch.float64)
        factors = torch.linalg.qr(normal)
        return factors.Q * factors.R.diagonal().sign()  # uniform over all orthogonal matrices

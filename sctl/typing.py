"""Names for the kinds of arrays that signatures speak of."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Real numbers of any precision."""

Doubles: TypeAlias = NDArray[np.float64]
"""Real numbers of double precision."""

Ints: TypeAlias = NDArray[np.integer[Any]]
"""Whole numbers of any width."""

Bools: TypeAlias = NDArray[np.bool_]
"""Marks of which."""

Matrix: TypeAlias = Any
"""An array or a scipy sparse matrix; each docstring says of which shape."""

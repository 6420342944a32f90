"""How long a method will take on the user's data, said before it is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sctl.numerics.resample import ALL_CELLS_UP_TO, N_LANDMARKS

START = 8.0
"""Seconds until a computation of its own has started and read the data."""

BASIS = (
    "Estimated from the number of cells: measured with 700 to 20,000 target cells, and up to 12,000 source cells, on one core. "
    "A busy computer takes longer."
)


def seconds(method: str, *, n_target: int, n_source: int, n_thetas: int) -> float | None:
    """Return about how many seconds a method takes, or None where nobody has measured it.

    Examples
    --------
    >>> round(seconds("transfercluster", n_target=700, n_source=2000, n_thetas=10))
    9
    >>> round(seconds("transfercluster", n_target=20_000, n_source=2000, n_thetas=10))
    20
    """
    known = _WORK.get(method)
    return None if known is None else START + known(n_target, n_source, n_thetas)


def _clustering(n_cells: int) -> float:
    """Return the seconds of clustering once.

    1.3 s for 11 θ at 700 cells, 8 s at 1,500; with landmarks 0.3 s for one θ at 4,454 cells and about 1.2 s at 20,000.
    """
    compared = n_cells if n_cells <= ALL_CELLS_UP_TO else N_LANDMARKS
    return float(1.3 / 11 * (compared / 700) ** 2.4 + 5e-5 * (n_cells - compared))


def _network(n_source: int, n_target: int) -> float:
    """Return the seconds of training a network on the source, and of sharpening the target's groups.

    On the source 5 s at 1,900 cells, 7 s at 3,900, 15 s at 11,600; on the target 0.2 s at 700 cells, 3.3 s at 7,000.
    Loading the library of networks takes 2 s.
    """
    return 5.0 + 1.1e-3 * n_source + 0.6e-3 * n_target


def _code(n_source: int, n_target: int) -> float:
    """Return the seconds of learning a code of the source, and of comparing the target's cells with it.

    19 s at 1,500 source cells (2,000 genes), and well below a second for 440 target cells.
    """
    return 4.0 + 1e-2 * n_source + 1e-7 * n_source * n_target


def _reference(n_source: int, n_target: int) -> float:
    """Return the seconds of learning a reference, and of mapping a target onto it.

    On the source 3.5 s at 600 cells, 4.4 s at 2,500, 7.8 s at 4,500; on the target 2.2 s at 700 cells, 10 s at 4,500.
    Loading the library of networks takes 2 s.
    """
    return 4.5 + 1.2e-3 * n_source + max(2.2, 2.3e-3 * n_target)


_MOST_SOURCE = 1500  # of a larger source ConcatenateCluster draws this many cells

_WORK: Mapping[str, Callable[[int, int, int], float]] = {
    "transfercluster": lambda n_target, n_source, n_thetas: n_thetas * _clustering(n_target),
    "itclust": lambda n_target, n_source, n_thetas: _network(n_source, n_target),
    "poissonautoencoder": lambda n_target, n_source, n_thetas: _code(n_source, n_target),
    "scarches": lambda n_target, n_source, n_thetas: _reference(n_source, n_target),
    "targetcluster": lambda n_target, n_source, n_thetas: _clustering(n_target),
    "concatenatecluster": lambda n_target, n_source, n_thetas: _clustering(n_target + min(n_source, _MOST_SOURCE)),
}


def in_words(value: float | None) -> str:
    """Return a span of time, coarse on purpose.

    Examples
    --------
    >>> in_words(9.3), in_words(250), in_words(None)
    ('about 10 s', 'about 4 min', 'time not measured yet')
    """
    if value is None:
        return "time not measured yet"
    if value < 55:
        return f"about {max(5, 5 * round(value / 5))} s"
    if value < 5400:
        return f"about {max(1, round(value / 60))} min"
    return f"about {value / 3600:.1f} hours"

"""How long a method will take on the user's data, in words, before it is started; the numbers are the methods' own."""

from __future__ import annotations

START = 8.0
"""Seconds until a computation of its own has started and read the data."""

BASIS = (
    "Estimated from the number of cells: measured with 700 to 20,000 target cells, and up to 12,000 source cells, on one core. "
    "A busy computer takes longer."
)


def with_start(cost: float | None, times: int = 1) -> float | None:
    """Return about how many seconds a background job takes that does something several times.

    Parameters
    ----------
    cost : float or None
        Seconds of doing it once, see :meth:`sctl.methods.base.TransferMethod.cost`; None where it was not measured.
    times : int

    Examples
    --------
    >>> with_start(2.0, times=3), with_start(None)
    (14.0, None)
    """
    return None if cost is None else START + times * cost


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

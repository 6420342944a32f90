"""Limits on quality metrics: stated, suggested from the data, applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.errors import ParameterError
from sctl.typing import Floats

Limits = tuple[float | None, float | None]
Preset = Literal["auto", "loose", "strict", "none"]

_MADS = {"auto": 3.0, "loose": 5.0, "strict": 2.0}
_MAD_TO_SD = 1.4826  # of a normal distribution: a MAD so scaled reads like a standard deviation
_MT_FLOOR = 5.0  # per cent: a lower limit on mitochondrial counts would drop healthy cells of a clean sample


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Limits (low, high) on each metric, both inclusive; None is no limit.

    Raises
    ------
    ParameterError
        If a limit is not a number, or low is above high.

    Examples
    --------
    >>> Thresholds.from_dict(Thresholds(n_genes=(200, None)).to_dict()).n_genes
    (200, None)
    """

    n_genes: Limits = (None, None)
    total_counts: Limits = (None, None)
    pct_mt: Limits = (None, None)

    def __post_init__(self) -> None:
        """Check that limits are numbers in order."""
        for item in fields(self):
            low, high = _limits(item.name, getattr(self, item.name))
            object.__setattr__(self, item.name, (low, high))

    @property
    def limits(self) -> Mapping[str, Limits]:
        """Limits by the name of the metric."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def to_dict(self) -> dict[str, list[float | None]]:
        """Return the limits in a form that JSON takes."""
        return {name: list(limits) for name, limits in self.limits.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Thresholds:
        """Return the thresholds that :meth:`to_dict` described.

        Raises
        ------
        ParameterError
            If a metric is unknown, or limits are not two numbers in order.
        """
        known = {item.name for item in fields(cls)}
        for name in values:
            if name not in known:
                raise ParameterError(
                    f"There is no metric {name!r}.", expected=f"Metrics are {sorted(known)}.", do="Leave it out."
                )
        return cls(**{name: tuple(limits) for name, limits in values.items()})


def _limits(name: str, value: Any) -> Limits:
    numbers = isinstance(value, tuple) and len(value) == 2
    for limit in value if numbers else ():
        is_number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
        numbers = numbers and (limit is None or (is_number and bool(np.isfinite(limit))))
    if not numbers or (None not in value and value[0] > value[1]) or (value[1] is not None and value[1] < 0):
        raise ParameterError(
            f"The limits of {name} are {value!r}.",
            expected="They must be two numbers, the lower one first, the upper one not below 0; None stands for no limit.",
            do="Correct the limits, or clear them.",
        )
    low, high = value
    return low, high


def suggest(metrics: pd.DataFrame, preset: Preset = "auto") -> Thresholds:
    """Suggest thresholds from the bulk of the cells.

    Parameters
    ----------
    metrics : DataFrame
        From :func:`qc_metrics`.
    preset : {"auto", "loose", "strict", "none"}
        Median ± 3, 5 or 2 scaled median absolute deviations, or no limits.

    Returns
    -------
    Thresholds
        Genes and counts have both limits, found on a log scale; mitochondrial per cent has an upper
        one, never below 5 %. A metric that is the same for over half of the cells gets no limits, since it
        has no spread to measure outliers by.

    Raises
    ------
    ParameterError
        If the preset is unknown.

    Examples
    --------
    >>> suggest(pd.DataFrame({"n_genes": [900, 1000, 1100], "total_counts": [5, 5, 5]})).to_dict()
    {'n_genes': [654, 1528], 'total_counts': [None, None], 'pct_mt': [None, None]}
    """
    if preset == "none":
        return Thresholds()
    if preset not in _MADS:
        raise ParameterError(f"There is no preset {preset!r}.", expected=f"Presets are {[*_MADS, 'none']}.")
    width = _MADS[preset] * _MAD_TO_SD
    suggested: dict[str, Limits] = {}
    for name in ("n_genes", "total_counts"):
        center, mad = _center(np.log1p(metrics[name].to_numpy(dtype=np.float64)))
        if mad > 0:
            low, high = np.expm1(center - width * mad), np.expm1(center + width * mad)
            suggested[name] = (int(np.floor(low)) if low >= 1 else None, int(np.ceil(high)))
    if "pct_mt" in metrics:
        center, mad = _center(metrics["pct_mt"].to_numpy(dtype=np.float64))
        if mad > 0:
            suggested["pct_mt"] = (None, round(float(np.clip(center + width * mad, _MT_FLOOR, 100.0)), 1))
    return Thresholds(**suggested)


def _center(values: Floats) -> tuple[float, float]:
    """Return median and median absolute deviation; zeros for no values."""
    if not values.size:
        return 0.0, 0.0
    median = float(np.median(values))
    return median, float(np.median(np.abs(values - median)))


def keep(metrics: pd.DataFrame, thresholds: Thresholds) -> NDArray[np.bool_]:
    """Say which cells lie within all limits.

    Parameters
    ----------
    metrics : DataFrame
        From :func:`qc_metrics`; limits on a metric that was not measured are passed over.
    thresholds : Thresholds

    Returns
    -------
    ndarray of bool, shape (n_obs,)

    Examples
    --------
    >>> keep(pd.DataFrame({"n_genes": [100, 500]}), Thresholds(n_genes=(200, None))).tolist()
    [False, True]
    """
    mask = np.ones(len(metrics), dtype=bool)
    for name, (low, high) in thresholds.limits.items():
        if name not in metrics:
            continue
        values = metrics[name].to_numpy()
        if low is not None:
            mask &= values >= low
        if high is not None:
            mask &= values <= high
    return mask

"""What each seed gave, and how often the groups were told apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from sctl.errors import ParameterError


@dataclass(frozen=True)
class Outcome:
    """What one seed gave.

    Parameters
    ----------
    method : str
        The name under which the method was given.
    seed : int
    separated : bool
        Whether the two groups are in different clusters, see :func:`~sctl.analysis.stability_measures.separated`.
    total_variation : float
        How much their clusters differ, in [0, 1], see :func:`~sctl.analysis.stability_measures.total_variation`.
    n_clusters : int
        Clusters that were found among all target cells.
    """

    method: str
    seed: int
    separated: bool
    total_variation: float
    n_clusters: int


@dataclass(frozen=True)
class Separation:
    """The outcomes of all methods and seeds.

    Parameters
    ----------
    outcomes : tuple of Outcome

    Examples
    --------
    >>> found = Separation(tuple(Outcome("sc3", seed, seed < 8, 0.9, 4) for seed in range(10)))
    >>> found.counts().round(2).to_dict("records")
    [{'method': 'sc3', 'separated': 8, 'seeds': 10, 'share': 0.8, 'low': 0.49, 'high': 0.94, 'total_variation': 0.9}]
    """

    outcomes: tuple[Outcome, ...]

    def rows(self) -> pd.DataFrame:
        """Return a row for each outcome, with the columns of :class:`Outcome`."""
        return pd.DataFrame([asdict(outcome) for outcome in self.outcomes], columns=list(Outcome.__annotations__))

    def counts(self) -> pd.DataFrame:
        """Return a row for each method, in the order in which they came.

        Returns
        -------
        DataFrame
            ``separated`` of ``seeds`` runs, their ``share`` with its 95 % interval from ``low`` to ``high``
            (Wilson), and the mean of ``total_variation``.
        """
        rows = []
        for name in dict.fromkeys(outcome.method for outcome in self.outcomes):
            own = [outcome for outcome in self.outcomes if outcome.method == name]
            hits = sum(outcome.separated for outcome in own)
            low, high = wilson(hits, len(own))
            mean = float(np.mean([outcome.total_variation for outcome in own]))
            rows.append((name, hits, len(own), hits / len(own), low, high, mean))
        return pd.DataFrame(rows, columns=["method", "separated", "seeds", "share", "low", "high", "total_variation"])


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's score, which also holds near 0 and 1.

    Raises
    ------
    ParameterError
        If there is no trial.

    Examples
    --------
    >>> low, high = wilson(10, 10)
    >>> round(low, 3), high
    (0.722, 1.0)
    """
    if not 0 <= hits <= trials or trials < 1:
        raise ParameterError(f"There are {hits} hits in {trials} trials.", expected="At least one trial is needed.")
    interval = binomtest(hits, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)

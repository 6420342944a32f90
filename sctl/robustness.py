"""How often a method tells two close groups of cells apart, when all that changes is the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from sctl.base import SweepsTheta, TransferMethod, transfer
from sctl.data import Pair
from sctl.errors import DataError, ParameterError
from sctl.run import Run
from sctl.sweep import ThetaSweep

Bools = NDArray[np.bool_]
Groups = tuple[Bools, Bools]

APART = 0.5
"""Groups whose clusters differ by less than this are not separated, see :func:`apart`."""

_Z = 1.959963984540054  # two-sided 95 % of a normal distribution


@dataclass(frozen=True)
class Outcome:
    """What one seed gave.

    Parameters
    ----------
    method : str
        The name under which the method was given.
    seed : int
    separated : bool
        Whether the two groups are in different clusters, see :func:`separated`.
    apart : float
        How much their clusters differ, in [0, 1], see :func:`apart`.
    n_clusters : int
        Clusters that were found among all target cells.
    """

    method: str
    seed: int
    separated: bool
    apart: float
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
    [{'method': 'sc3', 'separated': 8, 'seeds': 10, 'share': 0.8, 'low': 0.49, 'high': 0.94, 'apart': 0.9}]
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
            (Wilson), and the mean of ``apart``.
        """
        rows = []
        for name in dict.fromkeys(outcome.method for outcome in self.outcomes):
            own = [outcome for outcome in self.outcomes if outcome.method == name]
            hits = sum(outcome.separated for outcome in own)
            low, high = wilson(hits, len(own))
            mean = float(np.mean([outcome.apart for outcome in own]))
            rows.append((name, hits, len(own), hits / len(own), low, high, mean))
        return pd.DataFrame(rows, columns=["method", "separated", "seeds", "share", "low", "high", "apart"])


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A method made ready for many seeds: what does not depend on the seed is computed already.

    Made by :func:`prepare_trial`; plain data, so that it can be sent to another process with a seed.
    """

    name: str
    method: TransferMethod
    pair: Pair
    groups: Groups
    sweep: ThetaSweep | None = None


def groups_from(labels: ArrayLike, one: str, other: str) -> Groups:
    """Return which cells belong to either of two named groups.

    Parameters
    ----------
    labels : array-like of shape (n_obs,)
        Known types of the target cells, or clusters found in them; cells without one belong to neither.
    one, other : str

    Returns
    -------
    tuple of two ndarrays of bool, shape (n_obs,)

    Raises
    ------
    ParameterError
        If the names are the same, or a group has no cell.

    Examples
    --------
    >>> [mask.tolist() for mask in groups_from(["a", "b", None, "a"], "a", "b")]
    [[True, False, False, True], [False, True, False, False]]
    """
    text = pd.Series(np.asarray(labels, dtype=object))
    text = text.where(text.isna(), text.astype(str))
    names = sorted(text.dropna().unique())
    for name in (one, other):
        if name not in names:
            raise ParameterError(
                f"No cell belongs to {name!r}.", expected=f"The groups are {names}.", do="Choose one of these."
            )
    if one == other:
        raise ParameterError(
            f"Both groups are {one!r}.", expected="Two groups are compared.", do="Choose another second group."
        )
    return (text == one).to_numpy(dtype=bool), (text == other).to_numpy(dtype=bool)


def apart(clusters: ArrayLike, groups: Groups) -> float:
    """Return how much two groups differ in the clusters that their cells are in.

    The total variation distance between the two groups' shares of cells in each cluster: 0 where both are
    spread alike, 1 where no cluster holds cells of both. Who guesses a cell's group from its cluster, when
    either group is as likely, is right with probability ``(1 + apart) / 2``.

    Parameters
    ----------
    clusters : array-like of shape (n_obs,)
        Cells without a cluster (−1) form one of their own.
    groups : tuple of two ndarrays of bool

    Returns
    -------
    float

    Examples
    --------
    >>> groups = groups_from(["a", "a", "b", "b"], "a", "b")
    >>> apart([0, 0, 1, 1], groups), apart([0, 0, 0, 1], groups), apart([0, 0, 0, 0], groups)
    (1.0, 0.5, 0.0)
    """
    one, other = _shares(clusters, groups)
    return float(np.abs(one - other).sum() / 2)


def separated(clusters: ArrayLike, groups: Groups, *, at_least: float = APART) -> bool:
    """Say whether two groups are in different clusters.

    The released code of Mieth et al. (2019), behind their Table 1, counts groups whose largest shares of cells
    are in different clusters. That alone is also met by chance where both are scattered over the same clusters;
    so :func:`apart` must also be ``at_least`` so large. By default, three of four cells can then be told
    by their cluster. ``at_least=0`` gives the published rule.

    Parameters
    ----------
    clusters : array-like of shape (n_obs,)
    groups : tuple of two ndarrays of bool
    at_least : float
        In [0, 1].

    Examples
    --------
    >>> groups = groups_from(["a"] * 5 + ["b"] * 5, "a", "b")
    >>> scattered = [0, 0, 0, 1, 1, 0, 0, 1, 1, 1]
    >>> separated(scattered, groups), separated(scattered, groups, at_least=0)
    (False, True)
    """
    one, other = _shares(clusters, groups)
    return bool(one.argmax() != other.argmax() and apart(clusters, groups) >= at_least)


def _shares(clusters: ArrayLike, groups: Groups) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return of each group the share of its cells in each cluster: (n_clusters,) each."""
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    one, other = (np.bincount(codes.ravel()[mask], minlength=len(names)) / mask.sum() for mask in groups)
    return one, other


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's score, which also holds near 0 and 1.

    Examples
    --------
    >>> low, high = wilson(10, 10)
    >>> round(low, 3), high
    (0.722, 1.0)
    """
    share, spread = hits / trials, _Z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return (0.0 if hits == 0 else low), (1.0 if hits == trials else high)  # without rounding errors at the ends


def prepare_trial(name: str, pair: Pair, method: TransferMethod, groups: Groups, run: Run | None = None) -> Trial:
    """Compute what is the same for every seed.

    A method that sweeps θ compares source and target once, and then only clusters anew. Others learn anew for
    every seed, as does such a method where chance already plays a part: in groups found in an unlabelled
    source, in landmarks, in shuffled genes.

    Parameters
    ----------
    name : str
        What the method is called in the outcomes.
    pair : Pair
    method : TransferMethod
        Not changed.
    groups : tuple of two ndarrays of bool, shape (n_obs,)
        Target cells of either group; from :func:`groups_from`.
    run : Run, optional

    Returns
    -------
    Trial

    Raises
    ------
    DataError
        If the groups do not fit the target, share cells, or one is empty.
    """
    run = run or Run()
    _check(groups, pair.target.n_obs)
    trial = Trial(name=name, method=method, pair=pair, groups=groups)
    if not (isinstance(method, SweepsTheta) and method.requires_labels):
        return trial
    _ = pair.labels
    with threadpool_limits(limits=1, user_api="blas"):
        own: Any = replace(method).fit(pair.source, pair.label_key, run)
        sweep = own.prepare_sweep(pair.target, run)
    if sweep.landmarks is not None or sweep.nulls:
        return trial
    return replace(trial, method=own, sweep=sweep)


def one_seed(trial: Trial, seed: int, run: Run | None = None) -> Outcome:
    """Cluster the target with one seed and look where the two groups are.

    Depends on nothing but its arguments, so that seeds can be given to any number of processes.

    Parameters
    ----------
    trial : Trial
    seed : int
    run : Run, optional
        For its stop switch.

    Returns
    -------
    Outcome

    Raises
    ------
    Cancelled
        If the run was stopped.
    """
    silent = Run(seed=seed, cancelled=run.cancelled) if run else Run(seed=seed)
    clusters = _clusters(trial, silent)
    return Outcome(
        method=trial.name,
        seed=seed,
        separated=separated(clusters, trial.groups),
        apart=apart(clusters, trial.groups),
        n_clusters=len(np.unique(clusters[clusters >= 0])),
    )


def _clusters(trial: Trial, run: Run) -> NDArray[np.integer[Any]]:
    method: Any = trial.method
    if trial.sweep is None:
        return transfer(trial.pair, replace(method), run).clusters
    sweep = replace(trial.sweep, seed=run.seed)
    theta = method.params.get("theta")
    with threadpool_limits(limits=1, user_api="blas"):
        points = list(sweep.points(method.thetas if theta is None else (theta,), run))
        result = method.result_at(sweep, trial.pair.target.obs_names, theta, points)
    found: NDArray[np.integer[Any]] = result.clusters
    return found


def each_seed(
    pair: Pair, methods: Mapping[str, TransferMethod], groups: Groups, *, n_seeds: int = 100, run: Run | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of every method and seed as soon as it is known.

    Seeds count up from the run's own. Each takes its turn with all methods, so that whoever stops early can
    compare them.

    Parameters
    ----------
    pair, methods, groups, n_seeds, run
        As for :func:`separation`.

    Raises
    ------
    Cancelled
        If the run was stopped; what was yielded is complete.
    """
    run = run or Run()
    if n_seeds < 1:
        raise ParameterError(f"{n_seeds} repeats were asked for.", expected="One is the least.", do="Ask for more.")
    trials = [prepare_trial(name, pair, method, groups, run) for name, method in methods.items()]
    turns = [(trial, seed) for seed in range(run.seed, run.seed + n_seeds) for trial in trials]
    for trial, seed in run.track("Clustering again with another seed", turns):
        yield one_seed(trial, seed, run)


def separation(
    pair: Pair, methods: Mapping[str, TransferMethod], groups: Groups, *, n_seeds: int = 100, run: Run | None = None
) -> Separation:
    """Count how often each method tells two groups apart: Table 1 of Mieth et al. (2019) for any pair.

    Parameters
    ----------
    pair : Pair
    methods : mapping of str to TransferMethod
        What each is called, and the method; not changed.
    groups : tuple of two ndarrays of bool, shape (n_obs,)
        Target cells of either group; from :func:`groups_from`.
    n_seeds : int
        Runs of each method; the paper's are 1000.
    run : Run, optional
        The first seed, progress and stop switch.

    Returns
    -------
    Separation

    Raises
    ------
    DataError
        If the groups do not fit the target, share cells, or one is empty.
    Cancelled
        If the run was stopped.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> from sctl.simulate import toy_pair
    >>> pair = toy_pair()
    >>> groups = groups_from(pair.target.obs["cell_type"], "type A", "type B")
    >>> separation(pair, {"alone": get_method("targetcluster")()}, groups, n_seeds=3).counts()["separated"].tolist()
    [3]
    """
    return Separation(tuple(each_seed(pair, methods, groups, n_seeds=n_seeds, run=run)))


def _check(groups: Groups, n_obs: int) -> None:
    one, other = groups
    if one.shape != (n_obs,) or other.shape != (n_obs,):
        raise DataError(
            f"The groups are about {len(one)} and {len(other)} cells, the target has {n_obs}.",
            expected="Each says of every target cell whether it belongs to the group.",
            do="Make the groups from labels of the prepared target's cells, in its order.",
        )
    if not (one.any() and other.any()):
        raise DataError(
            "One of the groups has no cell.", expected="Two groups are compared.", do="Choose groups that have cells."
        )
    if (one & other).any():
        raise DataError(
            f"{int((one & other).sum())} cells belong to both groups.",
            expected="Groups that are told apart have no cell in common.",
            do="Choose other groups.",
        )

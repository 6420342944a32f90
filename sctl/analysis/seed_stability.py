"""One method, many seeds: what does not depend on the seed is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sctl.analysis.stability_measures import Groups, separated, total_variation
from sctl.analysis.stability_outcomes import Outcome, Separation
from sctl.data import Pair
from sctl.errors import DataError, ParameterError
from sctl.methods.base import SweepsTheta, TransferMethod, fit_transfer, learned
from sctl.methods.ordered_sweep import prepared_sweep
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.run import Run


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
        Target cells of either group; from :func:`~sctl.analysis.stability_measures.groups_from`.
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
    with threadpool_limits(limits=1, user_api="blas"):
        own: Any = learned(pair, method.with_settings(), run)
        sweep = prepared_sweep(own, pair.target, run)
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
        total_variation=total_variation(clusters, trial.groups),
        n_clusters=len(np.unique(clusters[clusters >= 0])),
    )


def _clusters(trial: Trial, run: Run) -> NDArray[np.integer[Any]]:
    method: Any = trial.method
    if trial.sweep is None:
        return fit_transfer(trial.pair, method.with_settings(), run).clusters
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
        Target cells of either group; from :func:`~sctl.analysis.stability_measures.groups_from`.
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
    >>> from sctl.analysis.stability_measures import groups_from
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

"""The same analysis again and again with other seeds: whether two groups stay apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sctl.workflow.batches import with_batches
from sctl.workflow.settings import baselines_of
from sctl.workflow.source import with_found_groups

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from sctl.analysis.seed_stability import Trial
    from sctl.analysis.stability_measures import Groups
    from sctl.analysis.stability_outcomes import Outcome
    from sctl.data import Pair
    from sctl.methods.base import TransferMethod
    from sctl.run import Run


def compared_methods(method: TransferMethod, theta: float | None = None) -> dict[str, TransferMethod]:
    """Return the methods that are compared, by key: the one in use first, then the baselines with its settings.

    Parameters
    ----------
    method : TransferMethod
    theta : float, optional
        Chosen by hand; by default the method chooses it anew for every seed.
    """
    from sctl.methods import get_method  # noqa: PLC0415

    settings: dict[str, Any] = {} if theta is None or "theta" not in method.params else {"theta": theta}
    compared = {method.key: method.with_settings(**settings)}
    for key in baselines_of(method):
        kind = get_method(key)
        names = {parameter.name for parameter in kind.parameters()}
        shared = {name: value for name, value in method.params.items() if name in names}
        compared.setdefault(key, kind(**shared))
    return compared


def repeats(
    pair: Pair,
    methods: Mapping[str, TransferMethod],
    groups: Groups,
    *,
    n_seeds: int,
    run: Run,
    done: Collection[tuple[str, int]] = (),
) -> Iterator[Outcome]:
    """Cluster the target with one seed after the other, by every method, and look where the two groups are.

    Parameters
    ----------
    pair : Pair
    methods : mapping of key to TransferMethod
        From :func:`compared_methods`.
    groups : tuple of two ndarrays of bool, shape (n_obs,)
        From :func:`sctl.analysis.stability_measures.groups_from`.
    n_seeds : int
        Seeds count up from 0.
    run : Run
        Progress and stop switch.
    done : collection of (method key, seed)
        Turns that are not taken again.

    Yields
    ------
    Outcome
        As soon as it is known; each seed takes its turn with all methods.
    """
    from sctl.analysis.seed_stability import one_seed, prepare_trial  # noqa: PLC0415
    from sctl.methods import METHODS  # noqa: PLC0415

    trials: dict[str, Trial] = {}
    turns = [(key, seed) for seed in range(n_seeds) for key in methods]
    for place, (key, seed) in enumerate(turns):
        run.report("Clustering again with other seeds", place, len(turns), METHODS[key].title)
        if (key, seed) in done:
            continue
        if key not in trials:
            trials[key] = prepare_trial(
                key, _pair_for(key, pair, methods, run), with_batches(pair, methods[key]), groups
            )
        yield one_seed(trials[key], seed, run)
    run.report("Clustering again with other seeds", len(turns), len(turns))


def _pair_for(key: str, pair: Pair, methods: Mapping[str, TransferMethod], run: Run) -> Pair:
    """Return the pair for a method: baselines take the groups that the first one finds in an unlabelled source."""
    own = next(iter(methods))
    return pair if key == own else with_found_groups(pair, methods[own], run)

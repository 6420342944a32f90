"""The same analysis again and again with other seeds: whether two groups stay apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import pandas as pd

from sctl.analysis.seed_stability import Trial, one_seed, prepare_trial
from sctl.analysis.stability_measures import Groups, groups_from
from sctl.analysis.stability_outcomes import Outcome
from sctl.data import Pair, TransferResult
from sctl.errors import DataError, ParameterError
from sctl.methods import METHODS, get_method
from sctl.methods.base import TransferMethod
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Inputs, Journal, Params, Setting
from sctl.workflow.batches import with_batches
from sctl.workflow.settings import baselines_of
from sctl.workflow.source import with_found_groups
from sctl.workflow.steps import chosen_theta, groups_of


def compared_methods(method: TransferMethod, theta: float | None = None) -> dict[str, TransferMethod]:
    """Return the methods that are compared, by key: the one in use first, then the baselines with its settings.

    Parameters
    ----------
    method : TransferMethod
    theta : float, optional
        Chosen by hand; by default the method chooses it anew for every seed.
    """
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


# -- on demand -------------------------------------------------------------------------------------------

GroupsOf = Literal["clusters", "labels", "truth"]
GROUPS_OF: tuple[GroupsOf, ...] = ("clusters", "labels", "truth")


@dataclass(frozen=True, kw_only=True)
class RepeatsParams(Params):
    """Two groups of target cells, and how often the clustering is repeated.

    Parameters
    ----------
    of : {"clusters", "labels", "truth"}
        Clusters of the result, its transferred cell types, or true types that no method sees.
    one, other : str
        Their names.
    n_seeds : int
        A larger number goes on with the same repeats.
    """

    of: GroupsOf
    one: str
    other: str
    n_seeds: int = 20

    def __post_init__(self) -> None:
        """Check the kind; names are checked where the cells are known."""
        if self.of not in GROUPS_OF:
            raise ParameterError(f"There are no groups {self.of!r}.", expected=f"Groups are {list(GROUPS_OF)}.")

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        names = {name: str(value[name]) for name in ("one", "other")}
        return cls(of=value["of"], **names, n_seeds=int(value.get("n_seeds", cls.n_seeds)))

    def identity(self) -> dict[str, Any]:
        """Return the groups; the number of seeds does not count."""
        return {"of": self.of, "one": self.one, "other": self.other}

    def settings(self) -> tuple[Setting, ...]:
        """Return the setting with the truth where groups are of it."""
        return ("truth",) if self.of == "truth" else ()

    def groups(self, result: TransferResult, truth: pd.Series | None) -> Groups:
        """Return which target cells belong to either group.

        Raises
        ------
        ParameterError
            If a group has no cell, or both are the same.
        DataError
            If the groups are of a truth that is not known.
        """
        return groups_from(cell_groups(result, self.of, truth), self.one, self.other)


def cell_groups(result: TransferResult, of: GroupsOf, truth: pd.Series | None) -> pd.Series:
    """Return the group of each target cell, missing where it has none.

    Raises
    ------
    DataError
        If the groups are of a truth that is not known.
    """
    if of != "truth":
        return groups_of(result, of)
    if truth is None:
        raise DataError("The true cell types of this target are not known.", do="Choose groups that were found.")
    return truth.reindex(result.obs_names)


def _run(inputs: Inputs, params: RepeatsParams, run: Run) -> Iterator[Outcome]:
    method = inputs["method"]
    methods = compared_methods(method, chosen_theta(method, inputs["theta"]))
    done = {(outcome.method, outcome.seed) for outcome in inputs["done"]}
    groups = params.groups(inputs["result"], inputs["truth"])
    return repeats(inputs["pair"], methods, groups, n_seeds=params.n_seeds, run=run, done=done)


def _unpack(line: Mapping[str, Any]) -> Outcome:
    return Outcome(
        method=str(line["method"]),
        seed=int(line["seed"]),
        separated=bool(line["separated"]),
        total_variation=float(line["total_variation"]),
        n_clusters=int(line["n_clusters"]),
    )


ANALYSIS = Analysis(
    name="repeats",
    title="Repeating with other seeds",
    after="theta",
    inputs=("pair", "method", "result", "theta", "truth", "done"),
    params=RepeatsParams,
    run=_run,
    form=Journal(pack=asdict, unpack=_unpack),
    weight=20.0,
    seeded=False,  # the seeds are those of the repeats
)

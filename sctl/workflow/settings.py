"""The steps, what each depends on, and their settings: defaults, checks, and what is worth storing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from sctl import methods, preprocess
from sctl._version import __version__
from sctl.errors import ParameterError

# Methods and preprocessing take a second or two to load: they are named by their packages, which import them when they
# are used. The shell's --help, the list of projects and the first word of a job need neither.
if TYPE_CHECKING:
    from sctl.methods.base import TransferMethod

STEPS = ("data", "preprocess", "transfer", "theta", "explore", "markers", "consensus")
"""The steps in the order of the pages."""

UPSTREAM: Mapping[str, str | None] = {
    "data": None,
    "preprocess": "data",
    "transfer": "preprocess",
    "theta": "transfer",
    "explore": "preprocess",  # maps show the data; they do not change with θ
    "markers": "theta",
    "consensus": "theta",
}
"""What each step is computed from."""

DEFAULT_METHOD = "transfercluster"
"""Key of the method that the app, the command line and scripts take where none is chosen."""

Genes = Literal["shared", "union"]
GENES: tuple[Genes, ...] = get_args(Genes)
"""Which genes several datasets of one side are joined on: those that all have, or those that any has."""

GROUPS = ("clusters", "labels", "final")
"""What markers can be of: clusters, transferred labels, or the labels the user settled on."""


def baselines_of(method: TransferMethod) -> tuple[str, ...]:
    """Return the keys of the baselines that a method can be compared with; a trained source has no cells to mix.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> baselines_of(get_method("transfercluster")())
    ('targetcluster', 'concatenatecluster')
    """
    baselines = (kind for kind in methods.METHODS.values() if kind.is_baseline)
    return tuple(kind.key for kind in baselines if not (method.is_pretrained_ and kind.needs_source_cells))


def target_alone() -> type[TransferMethod]:
    """Return the baseline that needs no cells of a source: it compares the target's cells by the target alone.

    Examples
    --------
    >>> target_alone().title
    'TargetCluster'
    """
    return next(kind for kind in methods.METHODS.values() if kind.is_baseline and not kind.needs_source_cells)


def version() -> str:
    """Return the version of sctl, which is part of every fingerprint."""
    return __version__


def complete(step: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a step with every default filled in.

    Parameters
    ----------
    step : str
        One of :data:`STEPS`.
    params : mapping
        What the user chose; checked where it is used, not here.
    """
    if step == "preprocess":
        return preprocess.PreprocessParams.from_dict(params).to_dict()
    if step == "transfer":
        return _complete_transfer(params)
    return {**_DEFAULTS[step], **params}


def reduce(step: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a step and return those that are not default: what is stored and fingerprinted.

    Raises
    ------
    ParameterError
        If a value is unknown or out of its range.

    Examples
    --------
    >>> reduce("theta", {"theta": None}), reduce("theta", {"theta": 0.3})
    ({}, {'theta': 0.3})
    """
    _check(step, params)
    if step != "transfer":
        return _changed(complete(step, params), complete(step, {}))
    method_of(params)
    chosen = complete(step, params)
    settings = _changed(chosen["params"], complete(step, {"method": chosen["method"]})["params"])
    return _changed({**chosen, "params": settings}, {"method": DEFAULT_METHOD, "seed": 0, "params": {}})


def _changed(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ, with tuples as the lists that JSON makes of them."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}
    expected = {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}
    return {name: value for name, value in plain.items() if name not in expected or expected[name] != value}


def _check(step: str, params: Mapping[str, Any]) -> None:
    known = {"preprocess": params, "transfer": ("method", "params", "seed")}.get(step) or _DEFAULTS.get(step, params)
    if unknown := sorted(set(params) - set(known)):
        raise ParameterError(
            f"There is no setting {unknown[0]!r} here.", expected=f"Settings are {list(known)}.", do="Leave it out."
        )
    for name in ("label_key", "batch_key"):
        if not isinstance(params.get(name), (str, type(None))):
            raise ParameterError(
                f"{name} is {params[name]!r}.",
                expected="It must be the name of a column, or nothing.",
                do="Choose a column.",
            )
    seed = params.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ParameterError(f"The seed is {seed!r}.", expected="It must be a whole number from 0 on.", do="Take 0.")
    theta = params.get("theta")
    if theta is not None and not (isinstance(theta, (int, float)) and 0.0 <= theta <= 1.0):
        raise ParameterError(
            f"θ is {theta}.",
            expected="It must lie between 0 (the target alone) and 1 (the source alone).",
            do="Choose a value in between, or auto.",
        )
    _check_choice("answer", params.get("answer"), (None, "before", "after"))
    _check_choice("groups", params.get("groups", "clusters"), GROUPS)
    if step == "consensus":
        _check_range(complete(step, params))


def _check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    if value not in choices:
        found = f"There are no groups {value!r}." if name == "groups" else f"The {name} is {value!r}."
        raise ParameterError(found, expected=f"It must be one of {list(choices)}.", do="Choose one of these.")


MOST_CLUSTERS = 40
"""The largest number of clusters that can be looked at."""


def _check_range(params: Mapping[str, Any]) -> None:
    low, high = params["k_min"], params["k_max"]
    if not 2 <= low <= high <= MOST_CLUSTERS:
        raise ParameterError(
            f"The numbers of clusters go from {low} to {high}.",
            expected=f"They must go upwards, from 2 or more to {MOST_CLUSTERS} or fewer.",
            do="Choose another range.",
        )


_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "data": {"label_key": None, "batch_key": None},
    "theta": {"theta": None, "answer": None},  # None: chosen by kernel target alignment; what the method chose
    "explore": {"seed": 0},
    "markers": {"groups": "clusters"},
    "consensus": {"k_min": 2, "k_max": 12},
}


def _complete_transfer(params: Mapping[str, Any]) -> dict[str, Any]:
    key = params.get("method", DEFAULT_METHOD)
    declared = methods.METHODS[key].parameters() if key in methods.METHODS else ()
    chosen = params.get("params") or {}
    return {
        "method": key,
        "seed": params.get("seed", 0),
        "params": {**{parameter.name: parameter.default for parameter in declared}, **chosen},
    }


def method_of(params: Mapping[str, Any]) -> TransferMethod:
    """Return the method that the parameters of the step ``"transfer"`` name, with its settings.

    Raises
    ------
    ParameterError
        If there is no such method, or a setting is unknown or out of range.
    """
    full = complete("transfer", params)
    kind = methods.get_method(full["method"])
    known = {parameter.name for parameter in kind.parameters()}
    if unknown := sorted(set(full["params"]) - known):
        raise ParameterError(
            f"{kind.title} has no setting {unknown[0]!r}.",
            expected=f"Its settings are {sorted(known)}.",
            do="Remove it, or choose one of these.",
        )
    # JSON knows lists only; a setting that is a tuple by declaration gets one again.
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in full["params"].items()})

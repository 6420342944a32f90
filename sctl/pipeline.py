"""The steps from two files to an annotated target, written once: the app and the shell run the same.

Nothing here knows a project or a screen. Each step takes values and a :class:`~sctl.run.Run`, and
returns values; what a long step has finished is handed to a callback, so that a stop loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import sctl

# Everything below is imported where it is used: the shell's --help, the settings of a project and the
# first word of a job need none of it, and together it takes seconds.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from anndata import AnnData

    from sctl.base import SweepsTheta, TransferMethod
    from sctl.data import Pair, TransferResult
    from sctl.preprocess import Prepared
    from sctl.run import Run
    from sctl.sweep import ThetaSweep

STEPS = ("data", "preprocess", "transfer", "theta", "explore", "markers")
"""The steps in the order of the pages."""

UPSTREAM: Mapping[str, str | None] = {
    "data": None,
    "preprocess": "data",
    "transfer": "preprocess",
    "theta": "transfer",
    "explore": "preprocess",  # maps show the data; they do not change with θ
    "markers": "theta",
}
"""What each step is computed from."""

DEFAULT_METHOD = "transfercluster"

BASELINES = ("targetcluster", "concatenatecluster")
"""Methods that a θ sweep is compared with: the target alone, and both datasets thrown together."""

GROUPS = ("clusters", "labels", "final")
"""What markers can be of: clusters, transferred labels, or the labels the user settled on."""

_CLUSTERING = ("n_clusters", "distances", "transformations", "n_init")
"""Settings that a baseline shares with the method it is compared with, where both have them."""


def version() -> str:
    """Return the version of sctl, which is part of every fingerprint."""
    return sctl.__version__


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
        from sctl.preprocess import PreprocessParams  # noqa: PLC0415

        return PreprocessParams.from_dict(params).to_dict()
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
    from sctl.errors import ParameterError  # noqa: PLC0415

    known = {"preprocess": params, "transfer": ("method", "params", "seed")}.get(step) or _DEFAULTS.get(step, params)
    if unknown := sorted(set(params) - set(known)):
        raise ParameterError(
            f"There is no setting {unknown[0]!r} here.", expected=f"Settings are {list(known)}.", do="Leave it out."
        )
    theta = params.get("theta")
    if theta is not None and not 0.0 <= theta <= 1.0:
        raise ParameterError(
            f"θ is {theta}.",
            expected="It must lie between 0 (the target alone) and 1 (the source alone).",
            do="Choose a value in between, or auto.",
        )
    if params.get("groups", "clusters") not in GROUPS:
        raise ParameterError(
            f"There are no groups {params['groups']!r}.",
            expected=f"Groups are {list(GROUPS)}.",
            do="Choose one of these.",
        )


_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "data": {"label_key": None, "batch_key": None},
    "theta": {"theta": None},  # None: chosen by kernel target alignment
    "explore": {"seed": 0},
    "markers": {"groups": "clusters"},
}


def _complete_transfer(params: Mapping[str, Any]) -> dict[str, Any]:
    from sctl.methods import METHODS  # noqa: PLC0415

    key = params.get("method", DEFAULT_METHOD)
    declared = METHODS[key].parameters() if key in METHODS else ()
    chosen = params.get("params") or {}
    return {
        "method": key,
        "seed": params.get("seed", 0),
        "params": {**{parameter.name: parameter.default for parameter in declared}, **chosen},
    }


def prepare(source: AnnData, target: AnnData, params: Mapping[str, Any], run: Run) -> Prepared:
    """Filter and normalise both sides and bring them to the same genes.

    Parameters
    ----------
    source, target : AnnData
    params : mapping
        Those of the steps ``"data"`` (``label_key``, ``batch_key``) and ``"preprocess"`` together.
    run : Run

    Returns
    -------
    Prepared
    """
    from sctl.preprocess import PreprocessParams, prepare_pair  # noqa: PLC0415

    keys = {name: params.get(name) for name in ("label_key", "batch_key")}
    chosen = PreprocessParams.from_dict({name: value for name, value in params.items() if name not in keys})
    return prepare_pair(source, target, chosen, run=run, **keys)


def method_of(params: Mapping[str, Any]) -> TransferMethod:
    """Return the method that the parameters of the step ``"transfer"`` name, with its settings.

    Raises
    ------
    ParameterError
        If there is no such method, or a setting is unknown or out of range.
    """
    from sctl.errors import ParameterError  # noqa: PLC0415
    from sctl.methods import get_method  # noqa: PLC0415

    full = complete("transfer", params)
    kind = get_method(full["method"])
    known = {parameter.name for parameter in kind.parameters()}
    if unknown := sorted(set(full["params"]) - known):
        raise ParameterError(
            f"{kind.title} has no setting {unknown[0]!r}.",
            expected=f"Its settings are {sorted(known)}.",
            do="Remove it, or choose one of these.",
        )
    # JSON knows lists only; a setting that is a tuple by declaration gets one again.
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in full["params"].items()})


def as_sweep(method: TransferMethod) -> SweepsTheta | None:
    """Return the method as one that sweeps θ, or None if it does not."""
    from sctl.base import SweepsTheta  # noqa: PLC0415

    return method if isinstance(method, SweepsTheta) else None


def prepare_sweep(pair: Pair, method: TransferMethod, run: Run) -> ThetaSweep:
    """Learn from the source and prepare the target, so that any θ takes milliseconds."""
    if method.needs_labels:
        _ = pair.labels
    fitted = cast("SweepsTheta", method.fit(pair.source, pair.label_key, run))
    return fitted.prepare_sweep(pair.target, run)


def baseline(pair: Pair, key: str, method: TransferMethod, run: Run) -> TransferResult:
    """Return the result of a baseline, clustered with the same settings as ``method``."""
    from sctl.base import transfer  # noqa: PLC0415
    from sctl.methods import get_method  # noqa: PLC0415

    kind = get_method(key)
    names = {parameter.name for parameter in kind.parameters()} & set(_CLUSTERING)
    shared = {name: value for name, value in method.params.items() if name in names}
    return transfer(pair, kind(**shared), run)


def transfer(pair: Pair, method: TransferMethod, run: Run, *, theta: float | None = None) -> TransferResult:
    """Cluster and label the target; a method that sweeps θ does so, unless θ is given."""
    from sctl import base  # noqa: PLC0415

    sweeping = as_sweep(method)
    if sweeping is None:
        return base.transfer(pair, method, run)
    sweep = prepare_sweep(pair, method, run)
    thetas = sweeping.thetas if theta is None else (theta,)
    points = list(sweep.points(thetas, run))
    return sweeping.result_at(sweep, pair.target.obs_names, theta, points)


def explore(pair: Pair, params: Mapping[str, Any], run: Run) -> dict[str, np.ndarray[Any, Any]]:
    """Return maps of the target alone and of both datasets.

    Returns
    -------
    dict of str to ndarray
        ``target_pca``, ``target_umap``, ``target_tsne`` of shape (n_target, 2);
        ``joint_<kind>_source`` (n_shown, 2) and ``joint_<kind>_target`` (n_target, 2) for the kinds
        ``pca``, ``umap`` and ``tsne``; ``joint_source_index`` (n_shown,), the source cells shown.
    """
    from sctl import embed  # noqa: PLC0415

    run = replace(run, seed=int(complete("explore", params)["seed"]))
    marked = pair.target.var.get("highly_variable")
    target = pair.target if marked is None else pair.target[:, marked.to_numpy(dtype=bool)]
    scores = embed.pca(target.X, run=run.within("Map of the target"))
    maps: dict[str, np.ndarray[Any, Any]] = {"target_pca": scores[:, :2]}
    maps["target_umap"] = embed.umap(scores, run.within("Map of the target"))
    maps["target_tsne"] = embed.tsne(scores, run.within("Map of the target"))
    for kind in ("pca", "umap", "tsne"):
        joint = embed.joint_embedding(pair, run.within("Map of both"), kind)
        maps[f"joint_{kind}_source"], maps[f"joint_{kind}_target"] = joint.source, joint.target
        maps["joint_source_index"] = joint.source_index
    return maps


def groups_of(result: TransferResult, kind: str, final: pd.Series | None = None) -> pd.Series:
    """Return the group of each target cell: its cluster, its label, or the label the user settled on.

    Parameters
    ----------
    result : TransferResult
    kind : {"clusters", "labels", "final"}
    final : Series, optional
        The user's labels by cell; cells and projects without keep the transferred ones.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    labels = pd.Series(result.labels.astype(str), index=result.obs_names)
    if kind == "clusters":
        names = np.array([*result.cluster_names, "none"], dtype=str)
        return pd.Series(names[result.clusters], index=result.obs_names)
    if kind == "final" and final is not None:
        return final.reindex(labels.index).fillna(labels)
    return labels

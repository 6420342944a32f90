"""Settings of steps and methods, read from the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sctl import workflow
from sctl.errors import ParameterError
from sctl.methods import get_method

if TYPE_CHECKING:
    from sctl.methods.base import Parameter


def preprocess_settings(arguments: argparse.Namespace, *, correct: bool = True) -> dict[str, Any]:
    """Return the settings of preprocessing; without corrections of the pair where there is no pair."""
    limits = {"pct_mt": [None, arguments.max_mt]} if arguments.max_mt is not None else {}
    role = {"min_genes": arguments.min_genes, "min_cells": arguments.min_cells, "thresholds": limits}
    names: tuple[str, ...] = ("n_top_genes",)
    names += ("imputation", "imputation_t", "imputation_knn", "batch_correction") if correct else ()
    top = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    return workflow.complete("preprocess", {"source": role, "target": role, **top})


def transfer_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return method, seed and the settings that were given."""
    key = arguments.method or workflow.DEFAULT_METHOD
    declared = {parameter.name: parameter for parameter in get_method(key).parameters()}
    params = dict(_setting(text, declared) for text in arguments.param)
    if getattr(arguments, "n_clusters", None) is not None:
        params["n_clusters"] = arguments.n_clusters
    return {"method": key, "seed": arguments.seed or 0, "params": params}


def _setting(text: str, declared: Mapping[str, Parameter]) -> tuple[str, Any]:
    """Read NAME=VALUE; text stays text where the method declares text, all else is read as JSON."""
    name, equals, value = text.partition("=")
    if not equals or name not in declared:
        raise ParameterError(
            f"--param {text} is no setting of this method.",
            expected=f"Settings are {', '.join(declared) or 'none'}.",
            do="Write --param NAME=VALUE with one of these names.",
        )
    if declared[name].kind is str and value.lower() not in {"none", "null"}:
        return name, value
    if declared[name].kind is tuple and not value.startswith("["):
        return name, tuple(_value(part) for part in value.split(","))
    return name, _value(value)


def _value(text: str) -> Any:
    try:
        return json.loads({"True": "true", "False": "false", "None": "null", "none": "null"}.get(text, text))
    except ValueError:
        return text  # the method's own check says what it should be

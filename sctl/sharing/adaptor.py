"""What surgery learned for some datasets, as a file: for those who have the reference, a few kilobytes instead of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sctl._version import __version__
from sctl.data import TransferResult
from sctl.errors import DataError, ParameterError
from sctl.sharing.model_file import ADAPTOR, opened, write_parts

_BETWEEN = "/"


def save_adaptor(result: TransferResult, path: Path | str, *, note: str = "") -> Path:
    """Write the weights that a result's datasets got on a reference.

    Parameters
    ----------
    result : TransferResult
        Of a target that was mapped onto a reference whose own weights were left as they were.
    path : Path or str
        ``.sctl`` is added where it is missing.
    note : str
        Goes into the card.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        If the result has no such weights.
    """
    mapping = result.diagnostics.mapping
    if mapping is None or not mapping.adaptors:
        raise ParameterError(
            "This result has no adaptor.",
            expected="One belongs to each new dataset that was mapped onto a reference without moving it.",
            do="Map the cells with scArches, with 'What is adapted' set to 'condition'.",
        )
    arrays = {
        f"{name}{_BETWEEN}{part}": np.asarray(weight, dtype=np.float32)
        for name, weights in mapping.adaptors.items()
        for part, weight in weights.items()
    }
    manifest = {
        "kind": ADAPTOR,
        "method": result.method,
        "params": {},
        "seed": result.seed,
        "sctl": __version__,
        "note": note,
        "facts": {"datasets": list(mapping.adaptors), "reference": mapping.reference_id},
    }
    return write_parts(Path(path), manifest, arrays, _card(manifest, sum(map(np.size, arrays.values()))))


def load_adaptor(path: Path | str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return which reference an adaptor belongs to, and its weights by dataset: for ``with_adaptors``.

    Raises
    ------
    DataError
        If the file is none, or damaged.
    """
    arrays, manifest = opened(Path(path))
    names, reference = manifest["facts"].get("datasets"), manifest["facts"].get("reference")
    found: dict[str, dict[str, Any]] = {}
    for key, weight in arrays.items():
        name, _, part = key.rpartition(_BETWEEN)
        found.setdefault(name, {})[part] = weight
    if manifest.get("kind") != ADAPTOR or not isinstance(names, list) or set(names) != set(found):
        raise DataError(
            f"{Path(path).name} is no adaptor.",
            expected="A file with the weights of datasets that were mapped onto a reference.",
            do="Choose one that was written by --save-adaptor or save_adaptor.",
        )
    return str(reference), found


def _card(manifest: Mapping[str, Any], n_numbers: int) -> str:
    facts = manifest["facts"]
    note = f"{manifest['note']}\n\n" if manifest["note"] else ""
    return (
        f"# Adaptor of {len(facts['datasets'])} datasets\n\n{note}"
        f"{n_numbers} numbers that {manifest['method']} learned when these datasets were mapped onto the reference "
        f"`{facts['reference']}`: {', '.join(facts['datasets'])}. With that reference, cells of the same datasets are mapped as "
        "they were then, and nothing is trained. It holds nothing of single cells.\n\n"
        "```bash\nsctl run --model reference.sctl --adaptor adaptor.sctl --target my_cells.h5ad --out named.h5ad\n```\n"
    )

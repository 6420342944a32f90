"""A trained model as one file: tensors, a manifest and a card in a zip; nothing in it is ever executed."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import sctl
from sctl.base import Saveable, TransferMethod
from sctl.errors import DataError, ParameterError, SctlError
from sctl.io.archive import unpack
from sctl.io.system import refused
from sctl.methods import METHODS, get_method
from sctl.sharing.card import model_card

ENDING = ".sctl"
"""How the names of model files end."""
SCHEMA = 1
"""Version of the file's layout; files with a larger one are refused."""

_MANIFEST, _TENSORS, _CARD = "manifest.json", "tensors.safetensors", "README.md"
_NEEDED = ("schema", "method", "params", "seed", "sctl", "facts", "sha256")


def save_model(method: TransferMethod, path: Path | str, *, seed: int = 0, note: str = "") -> Path:
    """Write a fitted method into a file.

    Parameters
    ----------
    method : TransferMethod
        Fitted, and :class:`~sctl.base.Saveable`.
    path : Path or str
        ``.sctl`` is added where it is missing.
    seed : int
        The seed it was fitted with, to be kept.
    note : str
        Where the source came from, its licence, and whatever a reader should know; it goes into the card.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ParameterError
        If the method cannot be saved.
    NotFittedError
        If it has not been fitted.
    DataError
        If the file cannot be written.
    """
    if not isinstance(method, Saveable):
        raise ParameterError(
            f"{method.title} does not train a model that could be saved.",
            expected="A method with a trained network was expected.",
            do="Keep the source and the settings instead.",
        )
    arrays, facts = method.state()
    tensors = save_tensors({name: np.ascontiguousarray(value) for name, value in arrays.items()})
    manifest = {
        "schema": SCHEMA,
        "method": method.key,
        "title": method.title,
        "reference": method.reference,
        "params": dict(method.params),
        "seed": seed,
        "sctl": sctl.__version__,
        "note": note,
        "facts": _plain(facts),
    }
    card = model_card(manifest).encode()
    sums = {name: hashlib.sha256(part).hexdigest() for name, part in ((_TENSORS, tensors), (_CARD, card))}
    manifest["sha256"] = {**sums, "manifest": _digest(manifest)}
    path = Path(path)
    path = path if path.suffix == ENDING else path.with_name(path.name + ENDING)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False))
            archive.writestr(_TENSORS, tensors)
            archive.writestr(_CARD, card)
    except OSError as error:
        raise refused(f"{path.name} cannot be written", error) from error
    return path


def load_model(path: Path | str) -> TransferMethod:
    """Return the fitted method that :func:`save_model` wrote.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    TransferMethod
        Ready for ``transfer``; no data and no training are needed.

    Raises
    ------
    DataError
        If the file is missing, damaged, changed, of another kind, or from a newer version.
    """
    manifest, tensors = _parts(Path(path))
    name = Path(path).name
    try:
        method = get_method(manifest["method"])(**manifest["params"])
        arrays = load_tensors(tensors)
        if not isinstance(method, Saveable):
            raise _strange(name, "is of a method that trains no model")
        return method.restore(arrays, _restored(manifest["facts"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, SctlError) and manifest["method"] in METHODS:
            raise
        raise _strange(name, "holds a model that this version of sctl does not know") from error


def read_manifest(path: Path | str) -> dict[str, Any]:
    """Return what a model's file says of itself, after the same checks as :func:`load_model`.

    Raises
    ------
    DataError
        As :func:`load_model`.
    """
    return _parts(Path(path))[0]


def _parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return manifest and tensors of a file whose sums are right."""
    if not path.is_file():
        raise DataError(f"There is no file {path.name}.", do="Check the name and the folder.")
    if not zipfile.is_zipfile(path):
        raise _strange(path.name, "is no model, or only the beginning of one")
    with tempfile.TemporaryDirectory() as folder:
        found = {file.name: file for file in unpack(path, Path(folder), name=path.name)}
        if set(found) != {_MANIFEST, _TENSORS, _CARD}:
            raise _strange(path.name, f"holds {sorted(found)[:5]}")
        manifest = _manifest(found[_MANIFEST].read_bytes(), path.name)
        tensors = found[_TENSORS].read_bytes()
        sums = {_TENSORS: tensors, _CARD: found[_CARD].read_bytes()}
        expected = {file: hashlib.sha256(part).hexdigest() for file, part in sums.items()}
    if manifest["sha256"] != {**expected, "manifest": _digest(manifest)}:
        raise DataError(
            f"{path.name} was changed or damaged after it was written.",
            expected="Its parts should have the checksums that it was saved with.",
            do="Get it again from where it came from.",
        )
    return manifest, tensors


def _manifest(content: bytes, name: str) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise _strange(name, "has a manifest that cannot be read") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("schema"), int):
        raise _strange(name, "has a manifest of another kind")
    if manifest["schema"] > SCHEMA:
        raise DataError(
            f"{name} was written by a newer version of sctl ({manifest.get('sctl', 'unknown')}).",
            expected=f"This version reads files of layout {SCHEMA} or older.",
            do="Update sctl.",
        )
    if any(key not in manifest for key in _NEEDED):
        raise _strange(name, "has an incomplete manifest")
    return manifest


def _digest(manifest: Mapping[str, Any]) -> str:
    """Return the checksum of a manifest without its own checksums."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return facts in the form that JSON holds; a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _restored(value: Any) -> Any:
    """Undo :func:`_plain`: null is the number that is none."""
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return float("nan") if value is None else value


def _strange(name: str, what: str) -> DataError:
    return DataError(
        f"{name} {what}.",
        expected="A model file holds a manifest, tensors and a card, as sctl wrote them.",
        do="Choose a model that was saved by sctl.",
    )

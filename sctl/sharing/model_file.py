"""A trained model as one file: tensors, a manifest and a card in a zip; nothing in it is ever executed."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sctl._version import __version__
from sctl.errors import DataError, ParameterError
from sctl.io.archive import unpack
from sctl.io.system import exhausted, refused, require
from sctl.methods import get_method
from sctl.methods.base import Saveable, TransferMethod
from sctl.run import LARGEST_SEED
from sctl.sharing.card import model_card
from sctl.sharing.levels import LEVELS, Level, kept, level_of
from sctl.sharing.trained import SourceSummary, TrainedSource

ENDING = ".sctl"
"""How the names of model files end."""
SCHEMA = 1
"""Version of the file's layout; files with a larger one are refused."""

ADAPTOR = "adaptor"
"""``kind`` in the manifest of a file that belongs to a reference; see :mod:`sctl.sharing.adaptor`."""

MANIFEST, _TENSORS, _CARD = "manifest.json", "tensors.safetensors", "README.md"
MAX_MANIFEST = 64_000_000
"""Most bytes of a manifest; that of 60,000 genes has about three million."""
_COPIES = 2  # of the tensors: as bytes, and as arrays
_NEEDED = ("schema", "method", "params", "seed", "sctl", "facts", "sha256")


def save_model(
    method: TransferMethod,
    path: Path | str,
    *,
    seed: int = 0,
    note: str = "",
    source: SourceSummary | None = None,
    keep: Level = "latents",
) -> Path:
    """Write a fitted method into a file.

    Parameters
    ----------
    method : TransferMethod
        Fitted, and :class:`~sctl.methods.base.Saveable`.
    path : Path or str
        ``.sctl`` is added where it is missing.
    seed : int
        The seed it was fitted with, to be kept.
    note : str
        Where the source came from, and whatever a reader should know; it goes into the card.
    source : SourceSummary, optional
        With it the file can be used in the source's place; see :func:`load_trained`.
    keep : {"weights", "latents", "counts"}
        How much of single cells of the source may go into the file, where the method has anything of them. The card says
        what is there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ParameterError
        If the method cannot be saved, or not so that nothing more is kept than ``keep`` allows.
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
    arrays = kept(method, arrays, facts, keep)
    level = level_of(method, arrays)
    arrays = {**arrays, **(source.arrays() if source else {})}
    manifest = {
        "method": method.key,
        "title": method.title,
        "reference": method.reference,
        "params": dict(method.params),
        "seed": seed,
        "sctl": __version__,
        "note": note,
        "keep": level,
        "facts": _plain(facts),
        "source": _plain(source.facts()) if source else None,
    }
    return write_parts(Path(path), manifest, arrays, model_card(manifest))


def write_parts(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, Any], about: str) -> Path:
    """Write tensors, a manifest with its checksums, and a card into one file; ``DataError`` where that cannot be."""
    manifest: dict[str, Any] = {"schema": SCHEMA, **facts}
    tensors = save_tensors({name: np.ascontiguousarray(value) for name, value in arrays.items()})
    card = about.encode()
    sums = {name: hashlib.sha256(part).hexdigest() for name, part in ((_TENSORS, tensors), (_CARD, card))}
    manifest["sha256"] = {**sums, "manifest": manifest_digest(manifest)}
    path = path if path.suffix == ENDING else path.with_name(path.name + ENDING)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False))
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
    return _loaded(Path(path))[0]


def load_trained(path: Path | str) -> TrainedSource:
    """Return a trained source, which can be used in the place of a source.

    Raises
    ------
    DataError
        As :func:`load_model`, and where the file says nothing of its source.
    """
    path = Path(path)
    method, arrays, manifest = _loaded(path)
    if not SourceSummary.is_in(arrays, manifest):
        raise DataError(
            f"{path.name} holds a model, but not the profiles of its source.",
            expected="A trained source has a mean profile of every cell type, which stands for the source.",
            do="Save it from the app, or make it with sctl train.",
        )
    with _understood(path.name):
        summary = SourceSummary.read(arrays, manifest["source"])
        trained = TrainedSource(method, manifest, summary)
        if not _fit_together(trained):
            raise _strange(path.name, "has profiles of other types or genes than its model")
        return trained


def _fit_together(trained: TrainedSource) -> bool:
    """Tell whether the profiles are of the model's types and genes, and the rest is what it should be."""
    names = trained.label_names
    named = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    counted = len(names) == len(trained.summary.n_cells) and min(trained.summary.n_cells) >= 0
    seed = trained.manifest["seed"]
    seeded = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= LARGEST_SEED
    return named and counted and seeded and set(trained.genes) <= set(trained.summary.genes)


def _loaded(path: Path) -> tuple[TransferMethod, dict[str, Any], dict[str, Any]]:
    """Return the fitted method of a file, its arrays and its manifest."""
    arrays, manifest = opened(path)
    if manifest.get("kind") == ADAPTOR:
        raise DataError(
            f"{path.name} is an adaptor: it belongs to a reference, and is none itself.",
            expected="A model was expected.",
            do="Give the reference, and the adaptor beside it (sctl run --model … --adaptor …).",
        )
    with _understood(path.name):
        method = get_method(manifest["method"])(**_tuples(manifest["params"]))
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise _strange(path.name, "holds numbers that are missing or infinite")
        if not isinstance(method, Saveable):
            raise _strange(path.name, "is of a method that trains no model")
        own = {key: value for key, value in arrays.items() if not SourceSummary.holds(key)}
        if manifest.get("keep", LEVELS[-1]) not in LEVELS[LEVELS.index(level_of(method, own)) :]:
            raise _strange(path.name, "holds more of single cells than it says")
        restored: TransferMethod = method.restore(own, _restored(manifest["facts"]))
        restored.is_pretrained_ = True
        return restored, arrays, manifest


def opened(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the manifest of a file whose sums are right; ``DataError`` as :func:`load_model`."""
    manifest, tensors = _parts(path)
    with _understood(path.name):
        return load_tensors(tensors), manifest


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """Turn whatever a strange content raises into words."""
    try:
        yield
    except MemoryError as error:
        raise exhausted(name) from error
    except (
        SafetensorError, ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
    ) as error:  # fmt: skip
        if isinstance(error, DataError):
            raise
        raise _strange(name, "holds a model that this version of sctl does not know") from error


def _tuples(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a method takes them: JSON knows lists only."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}


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
        if set(found) != {MANIFEST, _TENSORS, _CARD}:
            raise _strange(path.name, f"holds {sorted(found)[:5]}")
        if found[MANIFEST].stat().st_size > MAX_MANIFEST:
            raise _strange(path.name, "has a manifest that is far too long")
        manifest = parse_manifest(found[MANIFEST].read_bytes(), path.name)
        require(_COPIES * found[_TENSORS].stat().st_size, path.name)
        tensors = found[_TENSORS].read_bytes()
        sums = {_TENSORS: tensors, _CARD: found[_CARD].read_bytes()}
        expected = {file: hashlib.sha256(part).hexdigest() for file, part in sums.items()}
    if manifest["sha256"] != {**expected, "manifest": manifest_digest(manifest)}:
        raise DataError(
            f"{path.name} was changed or damaged after it was written.",
            expected="Its parts should have the checksums that it was saved with.",
            do="Get it again from where it came from.",
        )
    return manifest, tensors


def parse_manifest(content: bytes, name: str) -> dict[str, Any]:
    """Return the manifest of the file called ``name``; ``DataError`` where it is none of this version's."""
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
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


def manifest_digest(manifest: Mapping[str, Any]) -> str:
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

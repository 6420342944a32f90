"""What a dataset holds, in forms that ``.h5ad`` takes: nothing that was computed is lost over a column that cannot be written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

_RESERVED = "_index"
_PLAIN_KINDS = "biuf"


def storable(adata: AnnData) -> tuple[AnnData, tuple[str, ...]]:
    """Return a dataset that can be written, and what had to be changed for that.

    Parameters
    ----------
    adata : AnnData
        Left as it is; matrices are shared, not copied.

    Returns
    -------
    adata : AnnData
        Columns with values of several kinds are text, names that the format keeps for itself have another one, and what
        has no form in a file is left out.
    notes : tuple of str
        A sentence for each change; empty where all could be written as it was.
    """
    notes: list[str] = []
    parts: dict[str, Any] = {
        "obs": _table(adata.obs, "the cells", notes),
        "var": _table(adata.var, "the genes", notes),
        "uns": _mapping(adata.uns, "uns", notes),
    }
    for name in ("obsm", "varm", "layers", "obsp", "varp"):
        parts[name] = _arrays(getattr(adata, name), name, notes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique")
        out = AnnData(X=_matrix(adata.X), **parts)
        if adata.raw is not None:
            var = _table(adata.raw.var, "the genes of 'raw'", notes)
            out.raw = AnnData(X=_matrix(adata.raw.X), var=var, obs=pd.DataFrame(index=out.obs_names))
            for name, value in _arrays(adata.raw.varm, "raw.varm", notes).items():
                out.raw.varm[name] = value
    return out, tuple(dict.fromkeys(notes))


def _matrix(values: Any) -> Any:
    """Return a matrix in one of the layouts that the format has."""
    if sparse.issparse(values) and values.format not in ("csr", "csc"):
        return values.tocsr()
    return values


# -- tables ----------------------------------------------------------------------------------------------


def _table(table: pd.DataFrame, whose: str, notes: list[str]) -> pd.DataFrame:
    names = _names([*table.columns], whose, notes)
    columns = {
        name: _column(table.iloc[:, place], f"The column '{name}' of {whose}", notes)
        for place, name in enumerate(names)
    }
    index = pd.Index([str(name) for name in table.index], dtype=object)
    label = table.index.name
    if label is not None and str(label) in (*names, _RESERVED):
        notes.append(f"The names of {whose} had the heading '{label}', which a column has too: it is left out.")
        label = None
    index.name = None if label is None else str(label).replace("/", "|")
    kept = {name: column for name, column in columns.items() if column is not None}
    return pd.DataFrame({name: column.set_axis(index) for name, column in kept.items()}, index=index)


def _names(given: list[Any], whose: str, notes: list[str]) -> list[str]:
    """Return names of columns that are text, not reserved, and each there once."""
    taken = {str(name) for name in given if str(name) != _RESERVED}
    found: list[str] = []
    for name in given:
        text = str(name)
        wanted = "index" if text == _RESERVED else text
        if _nested(text, taken):
            wanted = text.strip("/").replace("/", "|") or "column"
        number, free = 1, wanted
        while free in found or (free != text and free in taken):
            free, number = f"{wanted}-{number}", number + 1
        if free != text:
            notes.append(f"The column '{text}' of {whose} is called '{free}' in the file: its name cannot be written.")
        found.append(free)
    return found


def _nested(name: str, names: set[str]) -> bool:
    """Tell whether a slash in a name would put its column into another's place."""
    parts = name.split("/")
    if len(parts) == 1:
        return False
    above = {"/".join(parts[:n]) for n in range(1, len(parts))}
    return any(part in ("", ".", "..") for part in parts) or bool(above & names) or _RESERVED in parts


def _column(values: pd.Series, what: str, notes: list[str]) -> Any:
    """Return a column in a form that can be written, or None where there is none."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(values, what, notes)
    if str(dtype) in _NULLABLE:
        return values
    if not isinstance(dtype, np.dtype):
        number = isinstance(dtype, pd.SparseDtype) or pd.api.types.is_numeric_dtype(dtype)
        plain = not pd.api.types.is_bool_dtype(dtype) and number
        if plain:
            return pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan), index=values.index)
    elif dtype.kind in _PLAIN_KINDS:
        return values.astype(np.float32) if dtype == np.float16 else values
    elif dtype.kind in _KINDS:
        notes.append(f"{what} holds {_KINDS[dtype.kind]}, which are written as text.")
        return _as_text(values)
    return _objects(values.astype(object), what, notes)


_NULLABLE = {"boolean", *(f"{sign}nt{bits}" for sign in ("I", "UI") for bits in (8, 16, 32, 64))}
_KINDS = {"m": "durations", "M": "dates", "c": "complex numbers"}


def _objects(values: pd.Series, what: str, notes: list[str]) -> pd.Series:
    """Return values of any kinds as truth values, numbers or, where they are mixed, as text."""
    nothing: Any = None  # which pandas takes here, and its stubs do not
    if pd.api.types.infer_dtype(values, skipna=True) == "string":
        missing = values.isna()
        return (
            pd.Series(pd.Categorical(values.where(~missing, nothing)), index=values.index) if missing.any() else values
        )
    known = values[values.notna()]
    kinds = {_kind(value) for value in known}
    if kinds == {"truth"}:
        kept: pd.Series = values.where(values.notna(), nothing)
        return kept.astype("boolean" if len(known) < len(values) else bool)
    if kinds == {"number"} or not kinds:
        try:
            return pd.Series(values.where(values.notna(), np.nan).to_numpy(dtype=np.float64), index=values.index)
        except (TypeError, ValueError, OverflowError):
            pass
    notes.append(
        f"{what} holds values of several kinds, or of one that has no form in a file: they are written as text."
    )
    return _as_text(values)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "truth"
    return "number" if isinstance(value, (int, float, np.integer, np.floating)) else "other"


def _as_text(values: pd.Series) -> pd.Series:
    present = values.notna().to_numpy()
    text = [_text(value) if there else None for value, there in zip(values, present, strict=True)]
    return pd.Series(pd.Categorical(pd.Series(text, dtype=object)), index=values.index)


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _category(values: pd.Series, what: str, notes: list[str]) -> pd.Series:
    """Return a categorical column whose categories are all text, or all numbers."""
    categories = values.cat.categories
    kinds = {_kind(value) for value in categories}
    if len(kinds) <= 1 and "other" not in kinds:
        if isinstance(categories.dtype, np.dtype) and categories.dtype.kind in f"{_PLAIN_KINDS}O":
            plain = categories if kinds != {"text"} else pd.Index([_text(value) for value in categories], dtype=object)
        else:
            plain = pd.Index(list(categories), dtype=object if kinds == {"text"} else None)
        if plain.is_unique and not (plain.dtype == object and kinds != {"text"}):
            return values.cat.rename_categories(plain) if len(plain) else values
    text = [_text(value) for value in categories]
    names = dict(zip(categories, text, strict=True))
    if len(set(text)) == len(text):
        notes.append(f"The categories of {what[:1].lower()}{what[1:]} are written as text.")
        return values.cat.rename_categories(pd.Index(text, dtype=object))
    notes.append(f"{what} has categories that are the same as text; they are written as one.")
    return _as_text(values.astype(object).map(names, na_action="ignore"))


# -- arrays and what is unstructured ---------------------------------------------------------------------


def _arrays(values: Mapping[Any, Any], where: str, notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = str(name).replace("/", "|")
        whole = _array(value, f"{where}['{key}']", notes)
        if whole is None:
            notes.append(f"{where}['{key}'] has no form in a file and is left out.")
            continue
        found[key] = whole
    return found


def _array(value: Any, what: str, notes: list[str]) -> Any:
    if isinstance(value, pd.DataFrame):
        return _table(value, what, notes)
    if isinstance(value, np.ndarray) and value.dtype.kind in _PLAIN_KINDS and value.dtype.names is None:
        return value
    value = _matrix(value)
    if sparse.issparse(value) and value.dtype.kind in _PLAIN_KINDS:
        return value
    return value if _can_be_written(value) else None


def _can_be_written(value: Any) -> bool:
    """Try to write a value into a file that lies in memory, and to read it back."""
    with h5py.File("trial", "w", driver="core", backing_store=False) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ad.io.write_elem(file, "value", value, dataset_kwargs={})
            ad.io.read_elem(file["value"])
        except Exception:  # noqa: BLE001 - whatever an object of another program raises, it cannot be written
            return False
        return True


def _mapping(values: Mapping[Any, Any], where: str, notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = str(name).replace("/", "|") or "unnamed"
        while key in found:
            key = f"{key}-1"
        if key != name:
            notes.append(f"{where}[{name!r}] is called '{key}' in the file: its name cannot be written.")
        what = f"{where}['{key}']"
        if isinstance(value, Mapping):
            found[key] = _mapping(value, what, notes)
            continue
        written = _leaf(value, what, notes)
        if written is None:
            notes.append(f"{what} has no form in a file and is left out.")
        else:
            found[key] = written
    return found


def _leaf(value: Any, what: str, notes: list[str]) -> Any:
    """Return a single value of ``uns`` in a form that can be written, or None."""
    found = _matrix(value)
    if value is None:
        return None
    if isinstance(value, pd.DataFrame):
        found = _table(value, what, notes)
    elif isinstance(value, AnnData):
        found = storable(value)[0]
    elif isinstance(value, (list, tuple, set, frozenset)) or not _can_be_written(found):
        found = _converted(value, what, notes)
    return found


def _converted(value: Any, what: str, notes: list[str]) -> Any:
    """Return a list, or anything else, as an array or a text."""
    items = list(value) if isinstance(value, (list, tuple, set, frozenset, pd.Series, pd.Index)) else None
    if items is not None and all(isinstance(item, str) for item in items):
        return np.array([_text(item) for item in items], dtype=object)
    if items is not None and {_kind(item) for item in items} in ({"number"}, {"truth"}):
        array = np.array(items)
        if array.dtype.kind in _PLAIN_KINDS:
            return array
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU" and all(isinstance(item, str) for item in value.flat):
        return np.array([_text(item) for item in value.flat], dtype=object).reshape(value.shape)
    try:
        text = json.dumps(items if items is not None else value, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    notes.append(f"{what} is written as text.")
    return _first_written((_text(text),))


def _first_written(choices: tuple[Any | Callable[[], Any], ...]) -> Any:
    for choice in choices:
        value = choice() if callable(choice) else choice
        if _can_be_written(value):
            return value
    return None

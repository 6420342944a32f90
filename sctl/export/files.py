"""Results as files: annotated ``.h5ad``, tables, one archive.

The same input gives the same bytes: no dates and no machine's names are written.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.analysis.uncertainty import cell_table, cluster_table
from sctl.data import TransferResult, writable, write_result
from sctl.errors import DataError, ParameterError
from sctl.export.edits import with_final_labels
from sctl.io import write_h5ad
from sctl.typing import Floats

_UNSEEN = r"\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_FORMULA = re.compile(rf"(^|[;\t\r\n])(?=[{_UNSEEN}]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]|[\t\r\n])")
"""Where a spreadsheet may take what follows for a formula: what shows nothing before the sign, and signs of full width, do
not hold it back, and in much of Europe a semicolon or tab begins the next cell."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_OLDEST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold; the same in every archive


def annotated(
    target: AnnData,
    results: Sequence[TransferResult],
    *,
    embeddings: Mapping[str, Floats] | None = None,
    labels_final: Any = None,
    provenance: Mapping[str, Any] | None = None,
) -> AnnData:
    """Return a copy of the target with every result in its slot.

    Parameters
    ----------
    target : AnnData
        The cells of the results (more are dropped).
    results : sequence of TransferResult
        All of the same cells.
    embeddings : mapping of str to ndarray of shape (n_obs, n_dimensions), optional
        ``umap``, ``tsne``, ``pca``, ...: written to ``obsm["X_umap"]`` and so on.
    labels_final : sequence of str, length n_obs, optional
        Labels as the user left them, written to ``obs["sctl_label_final"]``.
    provenance : mapping, optional
        Whatever else describes the analysis, written to ``uns["sctl"]``.

    Returns
    -------
    AnnData

    Raises
    ------
    DataError
        If something is not of the target's cells.
    """
    out = target.copy()
    for name, coords in (embeddings or {}).items():
        _check_length(name, len(coords), target.n_obs)
        out.obsm[f"X_{name}"] = np.asarray(coords, dtype=np.float32)
    if labels_final is not None:
        with_final_labels(out, labels_final)
    for result in results:
        out = write_result(out, result)
    about = {"methods": [result.method for result in results], **(provenance or {})}
    out.uns["sctl"] = {**out.uns.get("sctl", {}), **writable(about)}
    return out


def export_h5ad(
    path: str | Path,
    target: AnnData,
    results: Sequence[TransferResult],
    *,
    embeddings: Mapping[str, Floats] | None = None,
    labels_final: Any = None,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write :func:`annotated` as a compressed ``.h5ad``.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists; a file appears only when it is complete.
    target, results, embeddings, labels_final, provenance
        As for :func:`annotated`.

    Returns
    -------
    Path
    """
    path = Path(path)
    whole = annotated(target, results, embeddings=embeddings, labels_final=labels_final, provenance=provenance)
    write_h5ad(whole, path)
    return path


def export_tables(
    results: Sequence[TransferResult],
    *,
    labels_final: Any = None,
    markers: pd.DataFrame | None = None,
    theta_curve: pd.DataFrame | None = None,
    dropped: pd.DataFrame | None = None,
) -> dict[str, bytes]:
    """Return the tables as CSV files.

    Parameters
    ----------
    results : sequence of TransferResult
    labels_final : sequence of str, length n_obs, optional
        Labels as the user left them; one more column of every cell table.
    markers, theta_curve, dropped : DataFrame, optional
        From :func:`sctl.analysis.markers.rank_markers`; ``theta``, ``kta``, ...; cells that were filtered out and why.

    Returns
    -------
    dict of str to bytes
        ``cells_<method>.csv``, ``clusters_<method>.csv``, ``markers.csv``, ``theta_curve.csv`` and
        ``dropped_cells.csv``, as far as given; see :func:`to_csv`.
    """
    files = {}
    for result in results:
        cells = cell_table(result).rename_axis("cell")
        if labels_final is not None:
            _check_length("labels_final", len(labels_final), result.n_obs)
            cells["label_final"] = np.asarray(labels_final, dtype=object)
        files[f"cells_{result.method}.csv"] = to_csv(cells.reset_index())
        files[f"clusters_{result.method}.csv"] = to_csv(cluster_table(result))
    extra = {"markers.csv": markers, "theta_curve.csv": theta_curve, "dropped_cells.csv": dropped}
    return files | {name: to_csv(table) for name, table in extra.items() if table is not None}


def to_csv(table: pd.DataFrame) -> bytes:
    """Write a table as CSV in UTF-8, harmless to open in a spreadsheet.

    A text, or a column's name, that begins with ``= + - @``, be it behind blanks, line breaks or tabs, would be run as a
    formula; it gets an apostrophe in front, which spreadsheets take as "this is text". Numbers are written as they are.

    Examples
    --------
    >>> to_csv(pd.DataFrame({"gene": ["=cmd()", "INS"], "change": [-1.5, 2.0]})).decode().splitlines()
    ['gene,change', "'=cmd(),-1.5", 'INS,2.0']
    """
    safe = table.reset_index(drop=True).copy()
    for place, dtype in enumerate(safe.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            text_of: Any = safe.iloc[:, place].astype(object).map(_harmless)  # a column, which stubs do not know
            safe.isetitem(place, text_of)
    safe.columns = pd.Index([_harmless(name) for name in table.columns])
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8")


def bundle(files: Mapping[str, bytes | Path]) -> bytes:
    """Pack files into one zip archive.

    Parameters
    ----------
    files : mapping of str to bytes or Path
        Name in the archive (``/`` makes folders) to content, or to the file that holds it.

    Returns
    -------
    bytes
        Sorted by name and without dates.

    Raises
    ------
    ParameterError
        If a name would leave the folder it is unpacked in.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            parts = PurePosixPath(name.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts or not parts.name or ":" in name:
                raise ParameterError(f"{name!r} is no name for a file in an archive.", do="Choose a plain name.")
            entry = zipfile.ZipInfo(str(parts), date_time=_OLDEST_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # readable by all who unpack it
            archive.writestr(entry, content if isinstance(content, bytes) else content.read_bytes())
    return buffer.getvalue()


def _check_length(name: str, found: int, expected: int) -> None:
    if found != expected:
        raise DataError(
            f"{name} has {found} entries for {expected} cells.",
            expected="There must be one for every cell.",
            do="Pass what belongs to this target, before any further filtering.",
        )


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value if _NUMBER.fullmatch(value) else _FORMULA.sub(r"\1'", value)
    return text.replace("\r\n", "\n").replace("\r", "\n")  # the writer quotes line feeds only

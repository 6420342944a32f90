"""Datasets and label tables of a project, stored under the fingerprint of their content."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sctl.errors import ProjectError
from sctl.project.files import damaged, read_json, store, write_json

# anndata and pandas take a second to import; the list of projects and the settings do without them.
if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from sctl.sharing import TrainedSource

MODEL_SUFFIX = ".sctl"
LABEL_KEY = "cell_type"  # of the stand-in, see sctl.sharing.trained


def put_dataset(folder: Path, adata: AnnData, origin: Mapping[str, Any]) -> str:
    """Store a dataset and what is known of it; return its fingerprint."""
    notes: list[str] = []
    reference = store(folder, ".h5ad", lambda path: notes.extend(write_dataset(adata, path)))
    origin = {**origin, "notes": notes} if notes else origin
    known = {"fingerprint": reference, "bytes": (folder / f"{reference}.h5ad").stat().st_size, "added": time.time()}
    write_json(folder / f"{reference}.json", {**described(adata), **origin, **known})
    return reference


def origin_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said of where an input came from, without what its content says."""
    return {name: value for name, value in info.items() if name not in _MEASURED}


_MEASURED = {"notes", "n_obs", "n_vars", "values", "species", "obs_columns", "fingerprint", "bytes", "added", "trained"}


def write_dataset(adata: AnnData, path: Path) -> tuple[str, ...]:
    """Write a dataset as projects keep it; ``adata`` is left as it is. Returns what had to be changed for that."""
    from sctl.io import write_h5ad  # noqa: PLC0415

    return write_h5ad(adata, path, compression="lzf")


def put_model(folder: Path, path: Path, origin: Mapping[str, Any]) -> str:
    """Store the file of a trained source and what is known of it; return its fingerprint."""
    from sctl.sharing import load_trained  # noqa: PLC0415

    trained = load_trained(path)
    reference = store(folder, MODEL_SUFFIX, lambda copy: shutil.copyfile(path, copy))
    file = folder / f"{reference}{MODEL_SUFFIX}"
    known = {"fingerprint": reference, "bytes": file.stat().st_size, "added": time.time()}
    facts = {"title": trained.manifest["title"], "n_cells": trained.n_source, "n_genes": len(trained.genes)}
    write_json(folder / f"{reference}.json", {**described(trained.stand_in()), **origin, **known, "trained": facts})
    return reference


def is_model(folder: Path, reference: str) -> bool:
    """Tell whether an input is a trained source."""
    return (folder / f"{reference}{MODEL_SUFFIX}").exists()


def model(folder: Path, reference: str) -> TrainedSource | None:
    """Read a stored trained source; None where the input is a dataset.

    Raises
    ------
    ProjectError
        If its file is damaged.
    """
    path = folder / f"{reference}{MODEL_SUFFIX}"
    if not is_model(folder, reference):
        return None
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.sharing import load_trained  # noqa: PLC0415

    try:
        return load_trained(path)
    except DataError as error:
        raise damaged(path) from error


def described(adata: AnnData) -> dict[str, Any]:
    """Return what the pages show of a dataset without opening it again."""
    from sctl.genes import guess_species  # noqa: PLC0415
    from sctl.values import value_kind  # noqa: PLC0415

    return {
        "n_obs": adata.n_obs,
        "n_vars": adata.n_vars,
        "values": value_kind(adata.X),
        "species": guess_species(adata.var_names),
        "obs_columns": [str(name) for name in adata.obs.columns],
    }


def dataset(folder: Path, reference: str) -> AnnData:
    """Read a stored dataset; of a trained source, the profiles that stand for it.

    Raises
    ------
    ProjectError
        If its file is missing or damaged.
    """
    trained = model(folder, reference)
    if trained is not None:
        return trained.stand_in()
    path = folder / f"{reference}.h5ad"
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.io import read_h5ad  # noqa: PLC0415

    try:
        return read_h5ad(path, path.name)
    except DataError as error:
        raise damaged(path) from error


def info(folder: Path, reference: str) -> dict[str, Any]:
    """Return what is known of a stored dataset.

    Raises
    ------
    ProjectError
        If its file is missing or damaged.
    """
    if not any((folder / f"{reference}{suffix}").exists() for suffix in (".h5ad", MODEL_SUFFIX)):
        raise damaged(folder / f"{reference}.h5ad")
    return read_json(folder / f"{reference}.json")


def put_series(folder: Path, values: pd.Series) -> str:
    """Store one text per cell; return its fingerprint."""
    import pandas as pd  # noqa: PLC0415

    table = pd.DataFrame({"cell": values.index.astype(str), "label": values.astype(str).to_numpy()})
    return store(folder, ".csv", lambda path: table.to_csv(path, index=False))


def series(folder: Path, reference: str) -> pd.Series:
    """Read one text per cell.

    Raises
    ------
    ProjectError
        If the file is missing or damaged.
    """
    import pandas as pd  # noqa: PLC0415

    path = folder / f"{reference}.csv"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.Series(table["label"].to_numpy(), index=pd.Index(table["cell"]), name="label")
    except (OSError, KeyError, OverflowError, ValueError, pd.errors.ParserWarning) as error:
        raise damaged(path) from error


def given_of(folder: Path, reference: str) -> str:
    """Return the fingerprint of the dataset as it was read, from which repairs have made another; or its own."""
    path = folder / f"{reference}.json"
    given = read_json(path).get("given", reference) if path.exists() else reference
    if not isinstance(given, str) or _REFERENCE.fullmatch(given) is None:
        raise damaged(path)
    return given


_REFERENCE = re.compile("[0-9a-f]{16}")


def collect(folder: Path, references: set[str]) -> None:
    """Delete stored files that no settings in the history name any more, nor an input that was made from them."""
    references = references | {given_of(folder, reference) for reference in references}
    for path in folder.glob("*.*"):
        if (
            path.suffix in {".h5ad", ".csv", ".json", MODEL_SUFFIX}
            and path.stem not in references
            and not path.name.startswith(".")
        ):
            path.unlink(missing_ok=True)


def missing(role: str) -> ProjectError:
    """Return the error for an input that was never given."""
    return ProjectError(f"This project has no {role} yet.", do=f"Load a {role} on the Data page.")

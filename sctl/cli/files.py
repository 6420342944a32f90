"""Which files can be read and written, and what is said of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sctl import io, workflow
from sctl.errors import DataError, ParameterError
from sctl.io.system import system_errors

if TYPE_CHECKING:
    from anndata import AnnData

    from sctl.methods.base import TransferMethod
    from sctl.preflight import Finding, Report


def writable(out: Path, *, inputs: Sequence[Path], force: bool, ending: str = ".h5ad") -> Path:
    """Return the output path if it can be written, before anything is computed."""
    with system_errors(f"{out.name} cannot be written"):
        return _free(out, inputs, force=force, ending=ending)


def _free(out: Path, inputs: Sequence[Path], *, force: bool, ending: str) -> Path:
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise ParameterError(
            f"{out} is one of the input files.", do="Give --out another name: inputs are never changed."
        )
    if out.suffix != ending:
        raise ParameterError(f"The output {out.name!r} does not end in {ending}.", do="Give --out a name that does.")
    if not out.parent.is_dir():
        raise ParameterError(f"There is no folder {out.parent}.", do="Make it, or give --out another one.")
    if not os.access(out.parent, os.W_OK):
        raise ParameterError(f"The folder {out.parent} cannot be written to.", do="Give --out another one.")
    if out.exists() and not (force and out.is_file()):
        raise ParameterError(f"{out} exists already.", do="Give --out another name, or replace it with --force.")
    return out


def with_labels(source: AnnData, arguments: argparse.Namespace) -> AnnData:
    """Return the source with the cell types of a table, if there is one, and say how many it has.

    Where no column was named, the one of the table that holds cell types becomes ``arguments.label_key``: who gives a
    table means its labels, whatever else the source has.
    """
    if arguments.labels is None:
        return source
    joined, said = io.join_labels(source, io.read_labels(arguments.labels))
    print(f"Labels: {said.text}")
    found = workflow.labels_in_table(joined, said.columns)
    if arguments.label_key is None and len(found) == 1:
        arguments.label_key = found[0]
        print(f"Cell types are taken from the column '{found[0]}' of the table.")
    return joined


def columns(arguments: argparse.Namespace, source: AnnData, method: TransferMethod) -> dict[str, str | None]:
    """Return the columns of the source that are used; says where the cell types were found."""
    label_key = arguments.label_key or workflow.find_labels(source, required=method.requires_labels)
    if label_key != arguments.label_key:
        print(f"Cell types are taken from obs['{label_key}'] of the source.")
    return {"label_key": label_key, "batch_key": arguments.batch_key}


def print_repairs(applied: Sequence[Finding]) -> None:
    """Print what was repaired in the files."""
    for finding in applied:
        print(f"Repaired: {finding.text} {finding.fix.done if finding.fix else ''}".rstrip())


def print_notes(notes: Sequence[str]) -> None:
    """Print what had to be changed so that it could be written."""
    for text in notes:
        print(f"Note: {text}")


def require_usable(report: Report) -> None:
    """Print what is to be known of the files, and refuse what cannot be used."""
    for finding in report:
        if finding.code == "read_notes":
            print(f"Note: {finding.text} {finding.do}")
    for finding in report.of("warn"):
        print(f"Warning: {finding.text} {finding.do}".rstrip())
    if not report.ok:
        worst = report.of("block")
        fixable = any(finding.fix for finding in worst)
        raise DataError(
            " ".join(finding.text for finding in worst),
            do=" ".join([*(finding.do for finding in worst), "Or add --fix to do so here." if fixable else ""]).strip(),
        )

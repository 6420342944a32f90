"""Files on their way from the browser, or from a folder of the server, into a project."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from streamlit.runtime.scriptrunner import get_script_run_ctx

from sctl import io, workflow
from sctl.data.demo import load_demo
from sctl.errors import DataError
from sctl.jobs import isolated
from sctl.project import Project
from sctl.sharing import ENDING

if TYPE_CHECKING:
    from anndata import AnnData

_BLOCK = 1 << 20
"""Bytes copied at once: an upload is never held a second time in memory."""
_HEAD, _TAIL = 150, 50  # bytes of a name that are kept; disks take 255
_LISTED = 500
"""Files of the server's folders that a list shows at most."""


class Upload(Protocol):
    """What Streamlit's uploader returns."""

    name: str

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""

    def close(self) -> None:
        """Free the memory."""


@contextmanager
def on_disk(uploads: Sequence[Upload]) -> Iterator[tuple[list[Path], str]]:
    """Copy uploads to a folder that vanishes afterwards; yield the files and a digest of their content."""
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory(prefix="sctl-upload-") as folder:
        paths = []
        for number, upload in enumerate(uploads):
            name = _name_on_disk(upload.name)  # as the user knows it; several may have the same
            path = Path(folder, name if len(uploads) == 1 else f"{number}-{name}")
            with path.open("wb") as file:
                while block := upload.read(_BLOCK):
                    digest.update(block)
                    file.write(block)
            paths.append(path)
            _free(upload)
        yield paths, digest.hexdigest()


def _name_on_disk(name: str) -> str:
    """Return the name of a file as a disk takes it: too long a one, counted in bytes, loses its middle."""
    known = Path(name.replace("\0", "")).name.lstrip(".").encode("utf-8", "replace")
    if len(known) > _HEAD + _TAIL:
        known = known[:_HEAD] + "…".encode() + known[-_TAIL:]
    return known.decode("utf-8", "ignore") or "file"


def _free(upload: Upload) -> None:
    """Free the memory of an upload that is on the disk: Streamlit would keep it until the visitor leaves."""
    context = get_script_run_ctx(suppress_warning=True)
    file_id = getattr(upload, "file_id", None)
    remove = getattr(context and context.uploaded_file_mgr, "remove_file", None)
    if context is not None and file_id is not None and remove is not None:
        remove(context.session_id, file_id)
        upload.close()


def take(project: Project, role: str, uploads: Sequence[Upload], *, genes: workflow.Genes = "shared") -> None:
    """Read uploaded files as the source or the target of a project.

    Raises
    ------
    DataError
        If they cannot be read; the project is then as it was.
    """
    names = [upload.name for upload in uploads]
    if any(name.lower().endswith(ENDING) for name in names):
        _take_trained(project, role, uploads)
        return
    with on_disk(uploads) as (paths, digest):
        origin = {"filename": " + ".join(names), "files": names, "sha256": digest, "genes": genes}
        isolated.put_datasets(project, role, paths, names, origin, genes=genes, note=f"Load the {role} from {names[0]}")


def _take_trained(project: Project, role: str, uploads: Sequence[Upload]) -> None:
    """Use an uploaded trained source."""
    with on_disk(uploads) as (paths, digest):
        _put_trained(project, role, paths, {"filename": uploads[0].name, "sha256": digest})


def _put_trained(project: Project, role: str, paths: Sequence[Path], origin: Mapping[str, Any]) -> None:
    if role != "source" or len(paths) != 1:
        found = "as the target" if role != "source" else "together with other files"
        raise DataError(
            f"A trained source was given {found}.",
            expected="It holds no cells, and stands for a whole source.",
            do="Choose it alone, on the side of the source.",
        )
    name = str(origin["filename"])
    try:
        isolated.check_model(paths[0], name)
        project.put_trained(paths[0], origin, note=f"Use the trained source {name}")
    except DataError as error:
        found = error.found.replace(paths[0].name, name)  # the user knows it by the name it was uploaded with
        raise DataError(found, expected=error.expected, do=error.do) from error


def rename_trained(project: Project, profile_source: AnnData, origin: Mapping[str, Any], *, note: str) -> None:
    """Give the genes of a trained source the names that a repair gave those of its stand-in."""
    trained = project.trained()
    if trained is None:
        raise DataError("The source is no trained one.", do="Load the page again.")
    renamed = workflow.renamed(trained, profile_source)
    with tempfile.TemporaryDirectory(prefix="sctl-upload-") as folder:
        path = workflow.save_grown(renamed, Path(folder, "renamed"))
        project.put_trained(path, origin, note=note)


def take_from_server(project: Project, role: str, path: Path) -> None:
    """Read a file of the server as the source or the target of a project.

    Raises
    ------
    DataError
        If it lies outside the folders that may be read, or cannot be read.
    """
    allowed = inside_roots(path)
    if allowed.name.lower().endswith(ENDING):
        _put_trained(project, role, [allowed], {"filename": allowed.name})
        return
    name = allowed.name
    isolated.put_datasets(project, role, [allowed], [name], {"filename": name}, note=f"Load the {role} from {name}")


def take_demo(project: Project, role: str) -> None:
    """Put one side of the bundled pair into a project, with what is known of it."""
    demo = load_demo()
    origin = {"filename": f"Demo: human pancreas, {role}", "demo": True}
    with project.one_act():
        project.put_input(role, getattr(demo, role), origin, note=f"Load the demo's {role}")
        if role == "source":
            project.set_params("data", {"label_key": demo.label_key}, note="Choose the demo's cell types")
        else:
            project.put_truth(demo.truth)


def roots() -> list[Path]:
    """Return the server's folders that visitors may read: ``$SCTL_DATA_ROOTS``, as a search path is written."""
    named = os.environ.get("SCTL_DATA_ROOTS", "").split(os.pathsep)
    return [root for root in (Path(name).expanduser().resolve() for name in named if name) if root.is_dir()]


def inside_roots(path: Path) -> Path:
    """Return a path with all links followed, if it lies in one of the folders that may be read.

    Raises
    ------
    DataError
        If it does not.
    """
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots()):
        raise DataError(
            f"{path.name} lies outside the folders that may be read.",
            expected="Only the folders that the server's owner named can be read.",
            do="Upload the file instead, or ask the owner of the server.",
        )
    return real


def server_files() -> list[Path]:
    """Return files in the server's folders that could be datasets, sorted; links that lead outside are left out."""
    found: list[Path] = []
    for root in roots():
        found += _readable(root.rglob("*"))
        if len(found) > _LISTED:
            break
    return sorted(found)[:_LISTED]


def _readable(paths: Iterable[Path]) -> Iterator[Path]:
    endings: Any = (*io.ACCEPTED, ENDING)
    for path in paths:
        if path.name.lower().endswith(endings) and path.is_file():
            try:
                yield inside_roots(path)
            except DataError:
                continue

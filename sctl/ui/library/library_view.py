"""The library of trained sources on its page: what there is, and what can be done with it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import streamlit as st

from sctl.io.system import readable
from sctl.jobs import isolated
from sctl.project import Project, trained_file
from sctl.sharing import ENDING, Entry, Library
from sctl.ui.frame import errors, shell, state, steps
from sctl.ui.widgets import uploads

_MANY = 5
"""With more models than this there is a field to find one."""
_SHOWN = 12
"""Names of types in the line of a model; all are in its card."""

FOREIGN = """
The models of **scArches** and **scvi-tools** are kept as *pickles*: files that can run any program on the computer that
opens them. This app never opens such files, whoever they come from. There are safer ways to read a part of them, but not
the part that says how the network is built, and its answers here would not be those of the original.

**What you can do instead.** What such a model was learned from is usually public: the annotated dataset (`.h5ad`) that it
was published with, or that its paper names.

1. Open the page *Build a reference*, choose that dataset with the column of its cell types, and build it. What is learned goes
   into this library.
2. Or start a project with it as the **source**, add your cells as the target and run *Transfer*. What was learned can then be
   saved on the page *Export*.
3. Or in a shell: `sctl train --source atlas.h5ad --label-key cell_type --method scarches --out atlas.sctl`

If you have only the model, open it with the program that made it, on a computer that you could do without, and save its
annotated dataset from there: `model.adata.write_h5ad("atlas.h5ad")`.
"""


def draw(project: Project | None) -> None:
    """Draw the library: ways in, then its models."""
    library = Library()
    entries = listed(library)
    _ways_in(library, project, unfold=not entries)
    if not entries:
        st.info(
            "The library is empty. Trained sources come from the page *Build a reference*, from *Export* of a project, from "
            "`sctl train`, or are fetched from Zenodo in the next tab.",
            icon=":material/local_library:",
        )
    for entry in _found(entries):
        _card(library, entry, project)
    with st.expander("Can I use a model of scArches or scvi-tools?", icon=":material/help:"):
        st.markdown(FOREIGN)
    st.caption("Everyone who uses this app sees the same library.")


def listed(library: Library) -> list[Entry]:
    """Return the models of the library, broken ones last; a file that has not changed is not read again."""
    return sorted(
        (_entry(library, library.place, *file) for file in library.files()), key=lambda entry: bool(entry.problem)
    )


@st.cache_data(max_entries=200, show_spinner=False)
def _entry(_library: Library, place: str, name: str, size: int, changed: str) -> Entry:
    _ = place  # a part of the key
    return _library.entry(name, size, changed)


# -- ways in -------------------------------------------------------------------------------------------


def _ways_in(library: Library, project: Project | None, *, unfold: bool) -> None:
    with st.expander("Add a trained source", icon=":material/add:", expanded=unfold):
        count = state.LIBRARY_ROUND
        file = st.file_uploader(f"File ({ENDING})", key=f"{count.name}:{count.get()}")
        st.caption("It is checked first. Nothing in it is ever run.")
        if file is not None:
            count.set(count.get() + 1)
            with st.spinner("Checking the file …"), errors.remembered("The library is as it was.", place="library"):
                with uploads.on_disk([file]) as (paths, _):
                    isolated.check_model(paths[0], file.name, trained=False)
                    entry = library.add(paths[0], name=file.name)
                errors.notify(f"{entry.name} is in the library.")
            st.rerun()
        path = trained_file(project) if project is not None and not project.has_trained else None
        if project is not None and path is not None:
            st.button(
                "Add what this project has learned",
                icon=":material/school:",
                key="library:learned",
                on_click=_add_learned,
                args=(library, path, project.name.replace("/", "-")),  # no folder
            )


def _add_learned(library: Library, path: Path, name: str) -> None:
    with errors.remembered("The library is as it was.", place="library"):
        errors.notify(f"{library.add(path, name=name).name} is in the library.")


# -- the models ----------------------------------------------------------------------------------------


def _found(entries: list[Entry]) -> list[Entry]:
    """Return the models that hold the words looked for, where there are enough to look."""
    if len(entries) <= _MANY:
        return entries
    words = st.text_input(
        "Find", key=state.LIBRARY_FIND.name, placeholder="name, method, cell type or gene", icon=":material/search:"
    )
    found = [entry for entry in entries if all(word in _text(entry) for word in words.casefold().split())]
    st.caption(f"{len(found)} of {len(entries)} trained sources")
    return found


def _text(entry: Entry) -> str:
    genes = entry.manifest.get("facts", {}).get("genes", [])
    return " ".join((entry.name, entry.title, *entry.types, *map(str, genes))).casefold()


def _card(library: Library, entry: Entry, project: Project | None) -> None:
    with st.container(border=True, gap="small"):
        if entry.problem:
            st.markdown(f":material/broken_image: **{errors.plain(entry.name)}** :red-badge[cannot be used]")
            st.caption(errors.plain(entry.problem))
            _remove_button(library, entry)
            return
        st.markdown(f":material/description: **{errors.plain(entry.name)}**")
        st.markdown(" ".join(f":violet-badge[{errors.plain(fact)}]" for fact in _facts(entry)))
        more = f" and {len(entry.types) - _SHOWN} more" if len(entry.types) > _SHOWN else ""
        st.caption(f"Cell types: {errors.plain(', '.join(entry.types[:_SHOWN]))}{more}")
        st.caption(_origin(entry))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            _use_button(library, entry, project)
            _export_button(library, entry)
            with st.popover("Card", icon=":material/badge:"):
                st.code(entry.card, language=None, wrap_lines=True)  # a stranger's words, not obeyed
                genes = ", ".join(map(str, entry.manifest["facts"]["genes"]))
                st.markdown(f"**All {entry.n_genes:,} genes**")
                st.code(genes, language=None, wrap_lines=True, height=160)
            _remove_button(library, entry)


def _facts(entry: Entry) -> list[str]:
    cells = [] if entry.n_cells is None else [f"{entry.n_cells:,} cells"]
    return [entry.title, *cells, f"{len(entry.types)} types", f"{entry.n_genes:,} genes", readable(entry.size)]


def _origin(entry: Entry) -> str:
    """Say where a model comes from, and what it tells of single cells."""
    name = str((entry.manifest.get("source") or {}).get("name") or "")
    learned = f"Learned from {name}. " if name else ""
    return errors.plain(f"{learned}{entry.holds}")


def _use_button(library: Library, entry: Entry, project: Project | None) -> None:
    label = "Use in this project as source" if project else "Start a project with it"
    pressed = st.button(
        label,
        icon=":material/arrow_forward:",
        key=f"use:{entry.name}",
        type="primary",
        disabled=not entry.usable,
        help=None if entry.usable else "It holds no profiles of its source, so it cannot stand in for one.",
    )
    if not pressed:
        return
    with errors.remembered("Your project is as it was.", place="library"), library.get(entry.name) as path:
        chosen = project or Project.create(f"{entry.name.removesuffix(ENDING)}, {datetime.now():%d %b %Y}")
        chosen.put_trained(path, {"filename": entry.name}, note=f"Use the trained source {entry.name}")
        shell.open_project(chosen.id)
        state.forget_settings()
        shell.go(steps.DATA)
    st.rerun()  # it failed: what is said of it stands above the models, where there is room


def _export_button(library: Library, entry: Entry) -> None:
    def content() -> bytes:
        with library.get(entry.name) as path:
            return path.read_bytes()

    st.download_button(
        "Export",
        data=content,
        file_name=entry.name,
        mime="application/octet-stream",
        icon=":material/download:",
        on_click="ignore",
        key=f"export:{entry.name}",
    )


def _remove_button(library: Library, entry: Entry) -> None:
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown(
            f"Delete **{errors.plain(entry.name)}** from the library, for everyone? Projects that use it keep their copy. "
            "This cannot be undone; *Export* it first if you may want it again."
        )
        st.button(
            "Delete for good", key=f"remove:{entry.name}", on_click=_remove, args=(library, entry.name), type="primary"
        )


def _remove(library: Library, name: str) -> None:
    with errors.remembered(place="library"):
        library.remove(name)
        errors.notify(f"{name} was removed.")

"""Zenodo on the page of trained sources: look for those of others, and publish one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sctl.errors import ParameterError
from sctl.io.system import readable
from sctl.run import Progress, Run
from sctl.sharing import Entry, Library
from sctl.sharing.description import LICENSES, Description, first_draft, record_number
from sctl.sharing.fetch import fetch
from sctl.sharing.zenodo import Record, Zenodo
from sctl.ui.frame import errors, state
from sctl.ui.library import library_view

ATTEMPTS = 3
"""Who looks at a page is not kept waiting as long as a script."""
_ABOUT = """
[Zenodo](https://zenodo.org) is a public archive run by CERN. What is published there gets a DOI, which a paper can
cite, and stays for good. Its **sandbox** is a second, separate place for trying things out: what is there may vanish, and
its DOIs lead nowhere. Each has accounts and tokens of its own.
"""
_TOKEN_HELP = (
    "In your account there: Applications, Personal access tokens, New token, with the rights deposit:write and "
    "deposit:actions. It is kept until you close this page, and stored nowhere."
)


# -- fetch ---------------------------------------------------------------------------------------------


def fetching() -> None:
    """Draw the tab in which published models are looked for and fetched."""
    st.markdown("Trained sources that others have published on Zenodo. No account is needed.")
    sandbox = _sandbox_switch("fetch", on=False)
    with st.form("zenodo:find", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        requested = st.text_input(
            "Number, DOI or address of a record, or words",
            key=state.ZENODO_ASKED.name,
            placeholder="e.g. 10.5281/zenodo.1234567, or: pancreas",
        )
        pressed = st.form_submit_button("Look", icon=":material/search:", type="primary")
    where = Zenodo("", sandbox=sandbox, attempts=ATTEMPTS)
    if pressed:
        state.ZENODO_FOUND.set(None)
        with errors.caught(), st.spinner("Asking Zenodo …"):
            state.ZENODO_FOUND.set((sandbox, _looked_up(where, requested)))
    found = state.ZENODO_FOUND.get()
    if found is None or found[0] != sandbox:
        return
    if not found[1]:
        st.info(
            "Nothing was found. Trained sources carry the keyword “sctl trained source”.", icon=":material/search_off:"
        )
    for record in found[1]:
        _record(where, record)


def _looked_up(where: Zenodo, requested: str) -> tuple[Record, ...]:
    """Return the record that was named; where none was, those that hold the words."""
    try:
        record_number(requested)
    except ParameterError:
        return tuple(where.search(requested))
    return (where.record(requested),)


def _record(where: Zenodo, record: Record) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**{errors.plain(record.title)}**")
        st.caption(errors.plain(" · ".join(filter(None, ("; ".join(record.creators), record.doi)))))
        files = [f"{file.name}, {readable(file.size)}" for file in record.models]
        if not files:
            st.markdown(
                ":gray[This record holds no trained source (.sctl). Models of other programs cannot be opened.]"
            )
        for file in files:
            st.markdown(f":material/description: {errors.plain(file)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            pressed = files and st.button(
                "Fetch into the library", icon=":material/cloud_download:", key=f"f:{record.id}"
            )
            st.link_button(
                "Look at it on Zenodo", where.address(record), icon=":material/open_in_new:", type="tertiary"
            )
        if pressed:
            with errors.caught("The library is as it was."):
                _fetch(where, record, st.progress(0.0, "Download"))


def _fetch(where: Zenodo, record: Record, bar: DeltaGenerator) -> None:
    library = Library()
    with _pending(library) as folder:
        path = fetch(where, record, folder, run=Run(listener=_shown_on(bar)))
        try:
            entry = library.add(path)
        finally:
            path.unlink()
    errors.notify(f"{entry.name} is in the library.")
    st.rerun()


@contextmanager
def _pending(library: Library) -> Iterator[Path]:
    """Yield where a download waits: beside the library, so that it can go on another day; else in passing."""
    if library.folder is not None:
        yield library.folder / ".downloads"
        return
    with tempfile.TemporaryDirectory(prefix="sctl-download-") as folder:
        yield Path(folder)


def _shown_on(bar: DeltaGenerator) -> Callable[[Progress], None]:
    """Return a listener that draws every whole percent, and not more."""
    last = -1

    def hear(progress: Progress) -> None:
        nonlocal last
        percent = int(100 * progress.done / max(progress.total, 1))
        if percent != last:
            last = percent
            said = f"{progress.stage}: {readable(progress.done)} of {readable(progress.total)}"
            bar.progress(min(percent, 100) / 100, said)

    return hear


# -- publish -------------------------------------------------------------------------------------------


def publishing() -> None:
    """Draw the tab in which a model of the library is described and published."""
    st.markdown("Give a trained source to everyone, with a DOI that can be cited.")
    with st.expander("What is Zenodo, and what is its sandbox?", icon=":material/help:"):
        st.markdown(_ABOUT)
    library = Library()
    entries = [entry for entry in library_view.listed(library) if not entry.problem]
    if not entries:
        st.info("The library is empty. Add a trained source first.", icon=":material/local_library:")
        return
    sandbox = _sandbox_switch("publish", on=True)
    token = st.text_input(
        f"Your token for {_called(sandbox)}",
        type="password",
        key=state.ZENODO_TOKEN.of(_called(sandbox)).name,
        help=_TOKEN_HELP,
    )
    names = {entry.name: entry for entry in entries}
    entry = names[st.selectbox("Trained source", list(names), key=state.PUBLISH.of("model").name)]
    form = _form(entry)
    _description(entry)
    _actions(library, entry, form, Zenodo(token, sandbox=sandbox, attempts=ATTEMPTS))
    _own(token, sandbox)


def _called(sandbox: bool) -> str:  # noqa: FBT001 - the one fact
    return "the sandbox" if sandbox else "Zenodo"


def _sandbox_switch(place: str, *, on: bool) -> bool:
    key = state.ZENODO_SANDBOX.of(place)
    key.start_with(on)
    return st.toggle("Use the sandbox, for trying things out", key=key.name)


def _form(entry: Entry) -> dict[str, str]:
    """Draw the fields of the description, filled with what the model says, and return what they hold."""
    title, text = first_draft(entry.manifest)
    fields = {name: state.PUBLISH.of(name, entry.name) for name in ("title", "creators", "license", "text")}
    fields["title"].start_with(title)
    fields["text"].start_with(text)
    license = str((entry.manifest.get("source") or {}).get("license") or "")
    fields["license"].start_with(license if license in LICENSES else next(iter(LICENSES)))
    left, right = st.columns([1.4, 1], gap="large")
    with left:
        said = {
            "title": st.text_input("Title", key=fields["title"].name),
            "text": st.text_area("Description", key=fields["text"].name, height=260),
        }
    with right:
        said["creators"] = st.text_area(
            "Authors, one in each line",
            key=fields["creators"].name,
            placeholder="Doe, Jane (0000-0002-1825-0097)\nRoe, Richard",
            help="Family name, given name; an ORCID behind it if you like.",
        )
        said["license"] = st.selectbox(
            "License",
            list(LICENSES),
            key=fields["license"].name,
            format_func=lambda key: f"{key.upper()} · {LICENSES[key]}",
        )
        st.caption("May the source be shared? Its owner, or its license, decides on that, not this app.")
    return said


def _description(entry: Entry) -> None:
    cells = entry.manifest.get("keep", "weights") != "weights"
    draw, icon = (st.warning, ":material/warning:") if cells else (st.info, ":material/lock:")
    draw(f"**What the file tells of the source.** {errors.plain(entry.holds)}", icon=icon)


def _actions(library: Library, entry: Entry, form: dict[str, str], where: Zenodo) -> None:
    """Draw the three ways to go on, the last of which is for good."""
    sure = st.checkbox(
        f"I understand that publishing makes this file public on {where.name}, and that **it cannot be deleted afterwards**.",
        key=state.PUBLISH.of("sure", entry.name, where.name).name,
    )
    missing = "" if where.web.token else "Give your token first."
    with st.container(horizontal=True):
        ways = {
            "check": st.button("Check only", icon=":material/fact_check:", key="publish:check", disabled=bool(missing),
                               help=missing or "Checks file, form and token, and sends nothing."),
            "draft": st.button("Upload as a draft", icon=":material/draft:", key="publish:draft", disabled=bool(missing),
                               help=missing or "Only you see it on Zenodo; publish or delete it there."),
            "publish": st.button("Publish", icon=":material/public:", key="publish:publish", type="primary",
                                 disabled=bool(missing) or not sure, help=missing or "Tick the box above first."),
        }  # fmt: skip
    way = next((name for name, pressed in ways.items() if pressed), "")
    if way:
        with errors.caught("" if way == "publish" else "Nothing was published."):
            _send(library, entry, _described(form), where, way)


def _described(form: dict[str, str]) -> Description:
    creators = tuple(line.strip() for line in form["creators"].splitlines() if line.strip())
    return Description(title=form["title"], creators=creators, license=form["license"], text=form["text"])


def _send(library: Library, entry: Entry, about: Description, where: Zenodo, way: str) -> None:
    bar = st.progress(0.0, "Check")
    with library.get(entry.name) as path:
        run = Run(listener=_shown_on(bar))
        record = where.share(path, about, publish=way == "publish", dry_run=way == "check", run=run)
    bar.empty()
    if way == "check":
        size = readable(record.files[0].size)
        st.success(
            f"All is well: the file ({size}), the form and the token. Nothing was sent.", icon=":material/check:"
        )
        return
    address = where.address(record)
    said = (
        f"Published. DOI: {record.doi}"
        if record.published
        else "The draft is there. Look at it and publish it on Zenodo:"
    )
    st.success(f"{errors.plain(said)}  \n[{address}]({address})", icon=":material/check_circle:")


def _own(token: str, sandbox: bool) -> None:  # noqa: FBT001 - the one fact
    with st.expander("My uploads there", icon=":material/folder_shared:"):
        if not token:
            st.caption("Give your token first.")
        elif st.button("List them", key="publish:own"):
            with errors.caught(), st.spinner("Asking Zenodo …"):
                where = Zenodo(token, sandbox=sandbox, attempts=ATTEMPTS)
                for record in where.own():
                    state_of = "published" if record.published else "draft"
                    st.markdown(f"[{errors.plain(record.title)}]({where.address(record)}) :gray-badge[{state_of}]")

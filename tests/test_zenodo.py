"""Zenodo, as a server of this computer that speaks its language plays it, with all that can go wrong."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from sctl.errors import Cancelled, DataError, ParameterError, ServiceError
from sctl.run import Run
from sctl.sharing import read_manifest
from sctl.sharing.description import KEYWORD, Description, first_draft, record_number
from sctl.sharing.fetch import fetch
from sctl.sharing.web import Web
from sctl.sharing.zenodo import SANDBOX, SITE, Zenodo

ABOUT = Description(title="Toy <cells>", creators=("Doe, Jane (0000-0002-1825-0097)",), text="One.\n\n<b>Two</b>.")
FETCH = "GET /records/7/files"


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def zenodo(zenodo_server, waits) -> Zenodo:
    return Zenodo(zenodo_server.token, base_url=zenodo_server.url, sleep=waits.append)


@pytest.fixture
def stranger(zenodo_server, waits) -> Zenodo:
    return Zenodo("", base_url=zenodo_server.url, sleep=waits.append)


@pytest.fixture
def shared(zenodo_server, model_file) -> None:
    """A record with one model and a note."""
    zenodo_server.put("7", {"my atlas.sctl": model_file.read_bytes(), "notes.txt": b"x"}, doi="10.1234/other")


# -- looking -----------------------------------------------------------------------------------------------


def test_a_record_by_number_doi_and_address(stranger, shared, zenodo_server):
    for which in ("7", "10.5281/zenodo.7", "https://doi.org/10.5281/zenodo.7", "https://zenodo.org/records/7?x=1"):
        record = stranger.record(which)
        assert (record.id, record.title, record.doi) == ("7", "Record 7", "10.5281/zenodo.7")
        assert [file.name for file in record.models] == ["my atlas.sctl"]
    assert stranger.record("https://doi.org/10.1234/other").id == "7"
    assert "Authorization" not in zenodo_server.seen[0][2]
    with pytest.raises(ServiceError, match="no record with this DOI"):
        stranger.record("10.1234/none")
    with pytest.raises(ParameterError, match="no record of Zenodo"):
        stranger.record("../../etc")


def test_the_former_form_of_answers_is_understood(stranger, zenodo_server):
    entry = {"key": "a.sctl", "size": 3, "checksum": "md5:" + "0" * 32, "links": {"self": "https://evil.example"}}
    old = {"id": 9, "metadata": {"title": "Old", "creators": [{"name": "Doe, J"}], "doi": "10.5281/zenodo.9"}}
    zenodo_server.faults.append(("GET /records/9", (200, {}, {**old, "submitted": True, "files": [entry]})))
    record = stranger.record("9")
    assert (record.creators, record.doi, record.models[0].size) == (("Doe, J",), "10.5281/zenodo.9", 3)


def test_search_asks_for_models_of_ours_and_quotes_words(stranger, shared, zenodo_server):
    assert [record.id for record in stranger.search('pancreas" OR x:*')] == ["7"]
    (path,) = zenodo_server.asked("GET")
    assert KEYWORD.replace(" ", "+") in path
    assert "AND+%22pancreas%22+AND+%22OR%22+AND+%22x%22" in path


def test_own_records_need_a_token(zenodo, stranger, zenodo_server, shared):
    assert [record.id for record in zenodo.own()] == ["7"]
    before = len(zenodo_server.seen)
    with pytest.raises(ParameterError, match="token is missing"):
        stranger.own()
    assert len(zenodo_server.seen) == before


# -- giving ------------------------------------------------------------------------------------------------


def test_a_model_is_described_uploaded_and_published(zenodo, zenodo_server, model_file):
    heard = []
    record = zenodo.share(model_file, ABOUT, publish=True, run=Run(listener=heard.append))
    assert record.published
    assert record.doi == f"10.5281/zenodo.{record.id}"
    assert zenodo.address(record).endswith(f"/records/{record.id}")
    kept = zenodo_server.records[record.id]
    assert kept["files"] == {"toy.sctl": model_file.read_bytes()}
    assert (heard[-1].stage, heard[-1].done) == ("Upload", model_file.stat().st_size)
    metadata = kept["metadata"]
    assert metadata["rights"] == [{"id": "cc-by-4.0"}]
    assert metadata["description"] == "<p>One.</p><p>&lt;b&gt;Two&lt;/b&gt;.</p>"
    author = metadata["creators"][0]["person_or_org"]
    assert (author["family_name"], author["given_name"]) == ("Doe", "Jane")
    assert author["identifiers"] == [{"scheme": "orcid", "identifier": "0000-0002-1825-0097"}]
    assert {"subject": KEYWORD} in metadata["subjects"]


def test_a_draft_stays_private_and_can_be_discarded(zenodo, zenodo_server, model_file):
    draft = zenodo.share(model_file, ABOUT, publish=False)
    assert not draft.published
    assert not zenodo_server.records[draft.id]["open"]
    zenodo.discard(draft.id)
    assert zenodo_server.records == {}


def test_a_dry_run_writes_nothing_and_checks_all(zenodo, zenodo_server, model_file, tmp_path):
    record = zenodo.share(model_file, ABOUT, publish=True, dry_run=True)
    assert (record.id, record.published) == ("", False)
    assert record.files[0].md5 == hashlib.md5(model_file.read_bytes()).hexdigest()
    assert {method for method, _, _ in zenodo_server.seen} == {"GET"}
    (tmp_path / "x.sctl").write_text("hello")
    with pytest.raises(DataError, match="no model"):
        zenodo.share(tmp_path / "x.sctl", ABOUT, publish=True, dry_run=True)
    with pytest.raises(ServiceError, match="does not accept this token"):
        Zenodo("other", base_url=zenodo_server.url).share(model_file, ABOUT, publish=True, dry_run=True)


def test_what_arrives_otherwise_is_not_published_and_leaves_no_draft(zenodo, zenodo_server, model_file):
    zenodo_server.faults.append(("PUT /records/1000/draft/files", "other"))
    with pytest.raises(ServiceError, match="otherwise than it was sent"):
        zenodo.share(model_file, ABOUT, publish=True)
    assert zenodo_server.records == {}


def test_stop_while_uploading_leaves_no_draft(zenodo, zenodo_server, model_file):
    with pytest.raises(Cancelled):
        zenodo.share(model_file, ABOUT, publish=True, run=Run(cancelled=lambda: True))
    assert zenodo_server.records == {}


def test_an_upload_that_breaks_off_begins_anew(zenodo, zenodo_server, model_file, waits):
    zenodo_server.faults += [("PUT /records/1000/draft/files", "drop"), ("PUT /records/1000/draft/files", 502)]
    record = zenodo.share(model_file, ABOUT, publish=True)
    assert zenodo_server.records[record.id]["files"]["toy.sctl"] == model_file.read_bytes()
    assert waits == [1.0, 2.0]


def test_publishing_is_never_repeated_after_silence(zenodo, zenodo_server, model_file):
    draft = zenodo.share(model_file, ABOUT, publish=False)
    zenodo_server.faults.append((f"POST /records/{draft.id}/draft/actions/publish", "drop"))
    with pytest.raises(ServiceError, match="Look at your uploads"):
        zenodo.publish(draft.id)
    assert len([path for path in zenodo_server.asked("POST") if path.endswith("publish")]) == 1


def test_an_upload_that_may_not_be_published_is_kept_and_named(zenodo, zenodo_server, model_file):
    zenodo_server.faults.append(("POST /records/1000/draft/actions", 403))
    with pytest.raises(ServiceError, match=r"does not allow.*The upload 1000 is kept"):
        zenodo.share(model_file, ABOUT, publish=True)
    assert not zenodo_server.records["1000"]["open"]


def test_what_zenodo_finds_wrong_is_passed_on(zenodo, zenodo_server):
    said = {"errors": [{"field": "metadata.title", "messages": ["Too short."]}]}
    zenodo_server.faults.append(("POST /records", (400, {}, said)))
    with pytest.raises(ServiceError, match=r"\(metadata.title: Too short.\)"):
        zenodo.create(ABOUT)


@pytest.mark.parametrize(
    "form", [{"title": " "}, {"creators": ()}, {"creators": (" ",)}, {"text": ""}, {"license": "x"}]
)
def test_an_incomplete_form_is_not_sent(form):
    with pytest.raises(ParameterError, match=r"lacks|license"):
        Description(**{"title": "T", "creators": ("A, B",), "text": "x", **form})


def test_the_form_begins_with_what_the_model_says(model_file):
    title, text = first_draft(read_manifest(model_file))
    assert title == "TargetCluster model of 4 cell types"
    assert "200 cells of toy.h5ad" in text
    assert "no cell of the source" in text


# -- fetching ----------------------------------------------------------------------------------------------


def test_a_model_is_fetched_and_checked(stranger, shared, model_file, tmp_path):
    heard = []
    path = fetch(stranger, stranger.record("7"), tmp_path, run=Run(listener=heard.append))
    assert path == tmp_path / "my-atlas.sctl"
    assert path.read_bytes() == model_file.read_bytes()
    assert heard[-1].done == heard[-1].total == model_file.stat().st_size
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_transfer_goes_on_where_it_stopped(stranger, shared, zenodo_server, model_file, tmp_path):
    zenodo_server.faults += [(FETCH, "cut"), (FETCH, "cut")]
    path = fetch(stranger, stranger.record("7"), tmp_path)
    assert path.read_bytes() == model_file.read_bytes()
    size = model_file.stat().st_size
    ranges = [head.get("Range") for _, path, head in zenodo_server.seen if "content" in path]
    assert ranges == [None, f"bytes={size // 2}-", f"bytes={size // 2 + (size - size // 2) // 2}-"]


def test_what_arrived_is_kept_for_another_day(stranger, shared, zenodo_server, model_file, tmp_path):
    zenodo_server.faults += [(FETCH, "cut")] * 6
    with pytest.raises(ServiceError, match=r"broke off several times \(.* of .*\). What has arrived is kept"):
        fetch(stranger, stranger.record("7"), tmp_path)
    zenodo_server.faults += [(FETCH, "whole")]  # a server without ranges sends all of it
    assert fetch(stranger, stranger.record("7"), tmp_path).read_bytes() == model_file.read_bytes()
    assert "Range" in zenodo_server.seen[-1][2]


def test_another_content_is_refused_and_not_kept(stranger, shared, zenodo_server, tmp_path):
    zenodo_server.faults.append((FETCH, "other"))
    with pytest.raises(ServiceError, match="checksum is wrong"):
        fetch(stranger, stranger.record("7"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_stop_keeps_the_part(stranger, shared, tmp_path):
    record = stranger.record("7")
    with pytest.raises(Cancelled):
        fetch(stranger, record, tmp_path, run=Run(cancelled=lambda: True))
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]


def test_a_file_that_is_no_model_is_not_kept(stranger, zenodo_server, tmp_path):
    zenodo_server.put("8", {"x.sctl": b"hello"})
    with pytest.raises(DataError, match="no model"):
        fetch(stranger, stranger.record("8"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("files", [{}, {"model.pt": b"x"}, {"a.sctl": b"x", "b.sctl": b"y"}])
def test_a_record_needs_one_model(stranger, zenodo_server, tmp_path, files):
    zenodo_server.put("8", files)
    with pytest.raises(DataError, match="trained source"):
        fetch(stranger, stranger.record("8"), tmp_path)


def test_too_large(stranger, shared, zenodo_server, tmp_path):
    record = stranger.record("7")
    with pytest.raises(DataError, match="up to 100 bytes"):
        fetch(stranger, record, tmp_path, limit=100)
    assert not [path for path in zenodo_server.asked("GET") if "content" in path]


def test_more_than_was_announced(stranger, shared, zenodo_server, tmp_path):
    record = stranger.record("7")
    zenodo_server.records["7"]["files"]["my atlas.sctl"] += b"more"
    with pytest.raises(ServiceError, match="More arrives"):
        fetch(stranger, record, tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- refusals, patience, secrecy ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "does not accept this token"), (403, "does not allow"), (404, "no such record"), (410, "withdrawn")],
)
def test_refusals_are_said_once_and_in_words(zenodo, zenodo_server, shared, waits, status, said):
    zenodo_server.faults.append(("GET /records/7", status))
    with pytest.raises(ServiceError, match=said):
        zenodo.record("7")
    assert waits == []


def test_busy_is_waited_for_as_long_as_asked(stranger, zenodo_server, shared, waits, monkeypatch):
    now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(time=now.timestamp))
    then = format_datetime(now + timedelta(seconds=50), usegmt=True)
    zenodo_server.faults += [
        ("GET /records/7", (429, {"Retry-After": "7"})),
        ("GET /records/7", (503, {"Retry-After": then})),
        ("GET /records/7", (429, {"Retry-After": "soon"})),
    ]
    assert stranger.record("7").id == "7"
    assert waits[0] == 7
    assert waits[1] == 50
    assert waits[2] == 4


def test_busy_holds_for_a_post_too_for_nothing_was_done(zenodo, zenodo_server, waits):
    zenodo_server.faults.append(("POST /records", (429, {"Retry-After": "3"})))
    zenodo.create(ABOUT)
    assert waits == [3]
    assert len(zenodo_server.records) == 1


def test_patience_ends(stranger, zenodo_server, shared, waits):
    zenodo_server.faults += [("GET /records/7", 429)] * 5
    with pytest.raises(ServiceError, match="asked too often"):
        stranger.record("7")
    assert waits == [1, 2, 4, 8]
    zenodo_server.faults += [("GET /records/7", (429, {"Retry-After": "3600"}))]
    with pytest.raises(ServiceError, match="wait for 60 minutes"):
        stranger.record("7")


def test_nobody_there(waits):
    gone = Zenodo("", base_url="http://127.0.0.1:9/api", attempts=2, sleep=waits.append)
    with pytest.raises(ServiceError, match="cannot be reached"):
        gone.record("7")
    assert len(waits) == 1


def test_answers_that_are_none(stranger, zenodo_server):
    for answer in ([], {"metadata": 3}, {"id": "7"}):
        zenodo_server.faults.append(("GET /records/7", (200, {}, answer)))
        with pytest.raises(ServiceError, match="not understood"):
            stranger.record("7")


def test_redirects_stay_on_the_server(zenodo, zenodo_server, shared):
    zenodo_server.faults.append(("GET /records/6", (302, {"Location": f"{zenodo_server.url}/records/7"})))
    assert zenodo.record("6").id == "7"
    for elsewhere in ("http://localhost:1/x", "//example.org/x", "file:///etc/passwd"):
        zenodo_server.faults.append(("GET /records/6", (302, {"Location": elsewhere})))
        with pytest.raises(ServiceError, match="another server"):
            zenodo.record("6")
    zenodo_server.faults.append(("GET /records/6", 302))
    with pytest.raises(ServiceError, match="error 302"):
        zenodo.record("6")
    zenodo_server.faults.append(("POST /records", (307, {"Location": f"{zenodo_server.url}/records"})))
    with pytest.raises(ServiceError, match="another server"):
        zenodo.create(ABOUT)
    zenodo_server.faults += [("GET /records/6", (302, {"Location": f"{zenodo_server.url}/records/6"}))] * 4
    with pytest.raises(ServiceError, match="in circles"):
        zenodo.record("6")


def test_the_token_is_in_the_header_and_nowhere_else(zenodo, zenodo_server, model_file, caplog, tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password other")
    zenodo_server.put("7", {})
    zenodo_server.faults.append(("GET /records/6", (302, {"Location": f"{zenodo_server.url}/records/7"})))
    with caplog.at_level(logging.DEBUG):
        zenodo.record("6")
        zenodo.share(model_file, ABOUT, publish=True)
    token = zenodo_server.token
    assert all(head["Authorization"] == f"Bearer {token}" for _, _, head in zenodo_server.seen)
    assert not [path for _, path, _ in zenodo_server.seen if token in path]
    assert token not in caplog.text
    assert token not in repr(zenodo.web) + repr(vars(zenodo))


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel"])
def test_what_is_no_token_is_not_repeated(token):
    with pytest.raises(ParameterError) as caught:
        Zenodo(token)
    assert token not in str(caught.value)


def test_a_token_goes_over_no_open_line():
    with pytest.raises(ParameterError, match="open line"):
        Web("http://zenodo.example/api", "token")
    with pytest.raises(ParameterError, match="address"):
        Web("ftp://zenodo.example/api")


def test_real_service_and_sandbox_have_tokens_of_their_own(monkeypatch):
    monkeypatch.setenv("ZENODO_TOKEN", "real")
    monkeypatch.setenv("ZENODO_SANDBOX_TOKEN", "play")
    assert (Zenodo().web.base_url, Zenodo().web.token) == (SITE, "real")
    assert (Zenodo(sandbox=True).web.base_url, Zenodo(sandbox=True).web.token) == (SANDBOX, "play")
    assert Zenodo("").web.token == ""


def test_numbers_of_records():
    assert record_number(" 10.5072/zenodo.12 ") == "12"
    assert record_number("https://sandbox.zenodo.org/record/12#x") == "12"
    assert record_number("10.1000/xyz") == ""

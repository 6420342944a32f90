"""How well a reference knows what it knows, test by test, and the answer as part of a saved reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sctl.data import Pair
from sctl.errors import DataError
from sctl.methods.base import SelfTests, TransferMethod, has_capability
from sctl.methods.scarches.self_test import Part, parts
from sctl.run import Run
from sctl.sharing import load_trained
from sctl.workflow.analyses.base import Analysis, Document, Inputs, Params, Parts
from sctl.workflow.batches import SETTING, with_batches
from sctl.workflow.extend import save_grown


def tests_itself(method: type[TransferMethod] | TransferMethod) -> bool:
    """Tell whether a method learns a reference that can be tested.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> tests_itself(get_method("scarches")), tests_itself(get_method("targetcluster"))
    (True, False)
    """
    return has_capability(method, SelfTests)


def self_tests(pair: Pair, method: TransferMethod) -> tuple[Part, ...]:
    """Return the tests of the reference that a method learns from a pair's source.

    Raises
    ------
    DataError
        If the source has no labels, or is a trained one, whose cells are not there.
    """
    if pair.label_key is None or pair.profiles_only:
        raise DataError(
            "The reference cannot be tested here.",
            expected="Its cells and their types are needed, to hide some of them.",
            do="Test it in the project in which it was learned.",
        )
    method = with_batches(pair, method).with_settings()
    return parts(method, pair.source, pair.label_key, batch_key=method.params.get(SETTING))


def keep_self_test(path: Path, found: Mapping[str, Any]) -> None:
    """Write the answer of all tests into the file of a trained source, which goes on to others."""
    trained = load_trained(path)
    method: Any = trained.method
    method.self_test_ = dict(found)
    save_grown(trained, path)


# -- on demand -------------------------------------------------------------------------------------------

KINDS = ("types", "datasets", "genes")

Tables = dict[str, dict[str, list[Any]]]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one test found.

    Parameters
    ----------
    number : int
        Its place among all tests.
    kind : {"types", "datasets", "genes"}
    name : str
        Of what was hidden.
    rows : tuple of dict
        Of the table of its kind; a number that is none is NaN.
    """

    number: int
    kind: str
    name: str
    rows: tuple[Mapping[str, Any], ...] = ()


def self_test_tables(found: Iterable[Finding]) -> Tables:
    """Return a table for each kind of test, as columns; empty where nothing is finished."""
    rows: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in KINDS}
    for one in found:
        rows[one.kind] += one.rows
    return {kind: {key: [row[key] for row in own] for key in (own[0] if own else ())} for kind, own in rows.items()}


def _run(inputs: Inputs, _: Params, run: Run) -> Iterator[Finding]:
    tests = self_tests(inputs["pair"], inputs["method"])
    done = {(one.kind, one.name) for one in inputs["done"]}
    for number, test in enumerate(tests):
        if (test.kind, test.name) in done:
            continue
        own = run.part(number / len(tests), (number + 1) / len(tests)).within(f"Test {number + 1} of {len(tests)}")
        rows = tuple(asdict(row) for row in test.query(own))
        yield Finding(number=number, kind=test.kind, name=test.name, rows=rows)


def _pack(found: Finding) -> Document:
    rows = [{key: _plain(value) for key, value in row.items()} for row in found.rows]
    return Document(facts={"number": found.number, "kind": found.kind, "name": found.name, "rows": rows})


def _unpack(document: Document, _: Params) -> Finding:
    facts = document.facts
    rows = tuple({key: _number(value) for key, value in dict(row).items()} for row in facts["rows"])
    if facts["kind"] not in KINDS or any(set(row) != set(rows[0]) for row in rows):
        raise ValueError("a test is none, or its rows differ")
    return Finding(number=int(facts["number"]), kind=str(facts["kind"]), name=str(facts["name"]), rows=rows)


def _plain(value: Any) -> Any:
    """Return a value in the form that JSON holds; a number that is none becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    return math.nan if value is None else value


ANALYSIS = Analysis(
    name="self_test",
    title="Testing the reference",
    after="transfer",
    inputs=("pair", "method", "done"),
    run=_run,
    form=Parts(pack=_pack, unpack=_unpack, key=lambda found: f"{found.number:03d}"),
    weight=20.0,
)

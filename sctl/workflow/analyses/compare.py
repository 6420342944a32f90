"""The baselines that a sweep of θ is compared with: the target alone, and both datasets thrown together."""

from __future__ import annotations

from collections.abc import Iterator

from sctl.data import TransferResult
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Document, Inputs, Params, Parts
from sctl.workflow.settings import baselines_of
from sctl.workflow.source import with_found_groups
from sctl.workflow.steps import as_sweep, baseline


def _run(inputs: Inputs, _: Params, run: Run) -> Iterator[TransferResult]:
    """Compute the baselines of a method that sweeps θ which are not there yet."""
    method = inputs["method"]
    if as_sweep(method) is None:
        return
    done = {result.method for result in inputs["done"]}
    todo = [key for key in baselines_of(method) if key not in done]
    if not todo:
        return
    run = run.within("For comparison")
    pair = with_found_groups(inputs["pair"], method, run.part(0.0, 0.0))
    for number, key in enumerate(todo):
        yield baseline(pair, key, method, run.part(number / len(todo), (number + 1) / len(todo)))


def _unpack(document: Document, _: Params) -> TransferResult:
    if document.result is None:
        raise ValueError("there is no result")
    return document.result


ANALYSIS = Analysis(
    name="compare",
    title="Comparing with the baselines",
    after="transfer",
    inputs=("pair", "method", "done"),
    run=_run,
    form=Parts(pack=lambda result: Document(result=result), unpack=_unpack, key=lambda result: str(result.method)),
    weight=5.0,
    follows="transfer",
    order=2,
)

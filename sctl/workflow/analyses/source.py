"""Of what use the source is for the target: measured at the end of the preparation, before anything is clustered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl.errors import DataError, ParameterError
from sctl.workflow import source
from sctl.workflow.analyses.base import Analysis, Document, Inputs, Params, Whole

if TYPE_CHECKING:
    from sctl.run import Run


def _run(inputs: Inputs, _: Params, run: Run) -> source.SourceCheck:
    """Measure a source; one that cannot be measured stops nothing."""
    pair = inputs["pair"]
    try:
        return source.check_source(pair, source.usual_method(pair.label_key), run)
    except (DataError, ParameterError) as error:
        return source.SourceCheck(why_not=str(error))


ANALYSIS = Analysis(
    name="source",
    title="Measuring the use of the source",
    after="preprocess",
    inputs=("pair",),
    run=_run,
    form=Whole(
        pack=lambda check: Document(facts=check.to_dict()),
        unpack=lambda document, _: source.SourceCheck.from_dict(document.facts),
    ),
    weight=1.0,
    follows="prepare",
    order=1,
    seeded=False,
)

"""What the units of a network are busy with: pathways unit by unit, beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from sctl.analysis.enrichment import TypedCells, UnitPathways, UnitSettings, unit_pathways, with_controls
from sctl.data import Pair, canonical
from sctl.errors import ParameterError
from sctl.genesets import GeneSets
from sctl.methods.base import HasUnits, TransferMethod, has_capability, learned
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Columns, Document, Inputs, Params, Whole
from sctl.workflow.analyses.explain import PATHWAYS, hallmark_of
from sctl.workflow.batches import with_batches

CASES = ("trained", "units not kept apart", "random network", "shuffled types")
"""The network itself, the same without the constraint of orthogonality, and two controls in which nothing was learned."""


def has_units(method: TransferMethod | type[TransferMethod]) -> bool:
    """Return whether a method learns a code whose units can be looked at.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> has_units(get_method("poissonautoencoder")), has_units(get_method("itclust"))
    (True, False)
    """
    return has_capability(method, HasUnits)


def units(
    pair: Pair, method: TransferMethod, *, n_units: int, run: Run, sets: GeneSets | None = None
) -> Mapping[str, UnitPathways]:
    """Find the pathways of the first units of a code, and of the same units in three comparisons.

    Parameters
    ----------
    pair : Pair
        With the source's cells.
    method : TransferMethod
        Learns from the source unless it comes from a file.
    n_units : int
        A ranking for each of them and each cell type takes about 0.2 s, four times.
    run : Run
        With the seed of the training, so that the random network is the one it began as.
    sets : GeneSets, optional
        Hallmark by default.

    Returns
    -------
    mapping of str to UnitPathways
        By :data:`CASES`.

    Raises
    ------
    ParameterError
        If the method has no such units, or there are no source cells.
    DataError
        If gene sets and data do not meet.
    """
    from sctl.methods.poisson.autoencoder import train_poisson, untrained  # noqa: PLC0415 - torch, which takes seconds

    if not has_units(method) or pair.profiles_only:
        raise ParameterError(
            f"The units of {method.title} cannot be looked at here.",
            expected="It takes a method that learns a code, such as poissonautoencoder, and a source with cells.",
            do="Choose both.",
        )
    fitted: Any = learned(pair, with_batches(pair, method), run.part(0.0, 0.1))
    values, types, genes = fitted.training_cells(canonical(pair.source), pair.label_key)
    config, model = fitted.configs[0], fitted.models_[0]
    cells = TypedCells(values, tuple(map(str, genes)), types, tuple(fitted.label_names_))
    settings = UnitSettings(units=tuple(range(min(n_units, model.n_latent))))
    known = sets or hallmark_of(list(cells.genes))
    start = untrained(values.shape[1], config, run).as_model()
    found = dict(with_controls(model, start, cells, known, run=run.part(0.1, 0.6), settings=settings))
    apart = run.within(CASES[1].capitalize())
    free, _ = train_poisson(values, types, replace(config, orthogonality=0.0), run=apart.part(0.6, 0.8))
    found[CASES[1]] = unit_pathways(free, cells, known, run=apart.part(0.8, 1.0), settings=settings)
    return {name: found[name] for name in CASES}


# -- on demand -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class UnitsParams(Params):
    """Which units, and which gene sets.

    Parameters
    ----------
    n_units : int
        The first so many.
    sets : str
        As in :class:`~sctl.workflow.analyses.explain.ExplainParams`.
    """

    n_units: int
    sets: str = ""

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        return cls(n_units=int(value["n_units"]), sets=str(value["sets"]))


def _run(inputs: Inputs, params: UnitsParams, run: Run) -> Mapping[str, UnitPathways]:
    return units(inputs["pair"], inputs["fitted"], n_units=params.n_units, run=run, sets=inputs["gene_sets"])


def _pack(found: Mapping[str, UnitPathways]) -> Document:
    return Document(
        facts={"units": {case: one.n_units for case, one in found.items()}},
        tables={_table(case): one.table for case, one in found.items()},
    )


def _unpack(document: Document, params: UnitsParams) -> dict[str, UnitPathways]:
    n_units = {case: int(document.facts["units"][case]) for case in CASES}
    if not all(0 <= number <= params.n_units for number in n_units.values()):
        raise ValueError("the units are others")
    return {case: UnitPathways(document.tables[_table(case)], n_units[case]) for case in CASES}


def _table(case: str) -> str:
    return case.replace(" ", "_")


ANALYSIS = Analysis(
    name="units",
    title="Looking at the units",
    after="transfer",
    inputs=("pair", "fitted", "gene_sets"),
    params=UnitsParams,
    run=_run,
    form=Whole(
        pack=_pack,
        unpack=_unpack,
        columns={_table(case): Columns(("set", "cell_type", "leading_genes"), ("unit", *PATHWAYS)) for case in CASES},
    ),
    weight=60.0,
)

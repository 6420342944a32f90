"""Which pathways a ranking of genes belongs to: preranked GSEA, and what units of a code are busy with."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from sctl.errors import DataError
from sctl.genesets import GeneSets
from sctl.numerics.attribution import saliency_by_type
from sctl.numerics.encoder_decoder import EncoderDecoder
from sctl.run import Run
from sctl.typing import Ints

Over = Literal["all", "ranking"]

FDR = 0.05
"""Sets with a smaller false discovery rate are called significant."""

_COLUMNS = ["ranking", "set", "size", "score", "p_value", "fdr", "fdr_all", "leading_genes"]


@dataclass(frozen=True, kw_only=True)
class Gsea:
    """Settings of preranked gene set enrichment analysis (Subramanian et al. 2005).

    Parameters
    ----------
    n_permutations : int
        Of the genes.
    method : {"multilevel", "permutation"}
        Adaptive sampling (Korotkevich et al. 2021), which is eight times faster and finds small p-values as they are;
        or plain permutations, as in 2005, whose smallest p-value is one divided by their number.
    min_size, max_size : int
        Sets with fewer or more genes in the ranking are left out.
    weight : float
        How much the size of a gene's value counts, besides its place.
    n_threads : int
    """

    n_permutations: int = 1000
    method: Literal["multilevel", "permutation"] = "multilevel"
    min_size: int = 5
    max_size: int = 1000
    weight: float = 1.0
    n_threads: int = 2


def enrich(rankings: pd.DataFrame, sets: GeneSets, *, run: Run, gsea: Gsea | None = None) -> pd.DataFrame:
    """Look for the sets whose genes gather at the top or the bottom of rankings.

    Parameters
    ----------
    rankings : DataFrame of shape (n_genes, n_rankings)
        A value for each gene, largest at the top; genes are the index.
    sets : GeneSets
    run : Run
        A ranking takes about 0.2 s of processor time with fifty sets.
    gsea : Gsea, optional

    Returns
    -------
    DataFrame
        A row for each ranking and set, the smallest ``fdr`` of a ranking first: ``ranking``, ``set``, ``size`` (genes
        of the set in the ranking), ``score`` (normalised enrichment; above 0 at the top), ``p_value``, ``fdr`` (Benjamini
        and Hochberg, within the ranking), ``fdr_all`` (over all rankings), ``leading_genes`` (joined by ``;``).

    Raises
    ------
    DataError
        If no set has enough genes in the rankings, or a value is not finite.
    """
    gsea = gsea or Gsea()
    known = _usable(rankings, sets, gsea)
    tables = [
        _one(rankings[name], known, gsea, seed=run.random_state("gene permutations")).assign(ranking=str(name))
        for name in run.track("Compare with gene sets", list(rankings.columns))
    ]
    out = pd.concat(tables, ignore_index=True)
    out["fdr_all"] = false_discovery_control(out["p_value"]) if len(out) else []
    return out[_COLUMNS]


def significant(table: pd.DataFrame, *, fdr: float = FDR, over: Over = "all") -> pd.DataFrame:
    """Return the rows of :func:`enrich` with a small false discovery rate, over all rankings or within each."""
    return table[table["fdr_all" if over == "all" else "fdr"] < fdr]


@dataclass(frozen=True)
class UnitPathways:
    """What the units of a code are busy with.

    Parameters
    ----------
    table : DataFrame
        Of :func:`enrich`, with ``unit`` and ``cell_type`` besides; a ranking for each pair of them.
    n_units : int
    fdr : float
    over : {"all", "ranking"}
    """

    table: pd.DataFrame
    n_units: int
    fdr: float = FDR
    over: Over = "all"

    @property
    def hits(self) -> pd.DataFrame:
        """The significant rows."""
        return significant(self.table, fdr=self.fdr, over=self.over)

    @property
    def heatmap(self) -> pd.DataFrame:
        """In how many cell types each set (rows) is significant for each unit (columns) with any."""
        found = self.hits
        return found.groupby(["set", "unit"])["cell_type"].nunique().unstack(fill_value=0)

    @property
    def directions(self) -> pd.DataFrame:
        """Sum of the significant scores, as in :attr:`heatmap`: above 0 where the unit looks at the set's genes."""
        return self.hits.groupby(["set", "unit"])["score"].sum().unstack(fill_value=0)

    @property
    def sharing(self) -> pd.Series:
        """Number of units by how many sets are significant for them, from 0."""
        per_unit = self.hits.groupby("unit")["set"].nunique().reindex(range(self.n_units), fill_value=0)
        counts = np.bincount(per_unit.to_numpy(dtype=np.int64))
        return pd.Series(counts, index=pd.RangeIndex(len(counts), name="sets"), name="units")

    @property
    def n_single(self) -> int:
        """Units with exactly one significant set: what the paper asks of a code."""
        return int(self.sharing.get(1, 0))

    @property
    def n_any(self) -> int:
        """Units with any."""
        return self.n_units - int(self.sharing.get(0, 0))


@dataclass(frozen=True, kw_only=True)
class UnitSettings:
    """How units are compared with pathways.

    Parameters
    ----------
    units : tuple of int, optional
        Which ones; all by default.
    fdr : float
    over : {"all", "ranking"}
        Whether the rate counts over all rankings together, or (more leniently) within each.
    unit_mean : bool
        See :func:`~sctl.numerics.attribution.saliency_by_type`.
    gsea : Gsea
    """

    units: tuple[int, ...] | None = None
    fdr: float = FDR
    over: Over = "all"
    unit_mean: bool = False
    gsea: Gsea = Gsea()


@dataclass(frozen=True)
class TypedCells:
    """Cells with known types, as a network sees them.

    Parameters
    ----------
    X : CSR matrix of shape (n_obs, n_genes)
    genes : tuple of str
    types : ndarray of int, shape (n_obs,)
    type_names : tuple of str
    """

    X: Any
    genes: tuple[str, ...]
    types: Ints
    type_names: tuple[str, ...]


def unit_pathways(
    model: EncoderDecoder, cells: TypedCells, sets: GeneSets, *, run: Run, settings: UnitSettings | None = None
) -> UnitPathways:
    """Find the pathways whose genes move a unit more in one cell type than in the whole dataset.

    Parameters
    ----------
    model : EncoderDecoder
    cells : TypedCells
    sets : GeneSets
    run : Run
    settings : UnitSettings, optional

    Returns
    -------
    UnitPathways
    """
    settings = settings or UnitSettings()
    units = tuple(range(model.n_latent)) if settings.units is None else settings.units
    maps = saliency_by_type(
        model.of_units(units), cells.X, cells.types, run=run.part(0.0, 0.3), unit_mean=settings.unit_mean
    )
    pairs = [(kind, place) for kind in range(len(maps)) for place in range(len(units))]
    rankings = pd.DataFrame(
        np.array([maps[kind, place] for kind, place in pairs]).T,
        index=list(cells.genes),
        columns=[f"{kind}.{units[place]}" for kind, place in pairs],
    )
    moving = rankings.loc[:, rankings.to_numpy().std(axis=0) > 0]  # a dead unit has nothing to rank
    table = enrich(moving, sets, run=run.part(0.3, 1.0), gsea=settings.gsea)
    kinds, numbers = zip(*(name.split(".") for name in table["ranking"]), strict=True) if len(table) else ((), ())
    named = table.assign(unit=[int(unit) for unit in numbers], cell_type=[cells.type_names[int(k)] for k in kinds])
    return UnitPathways(named, len(units), settings.fdr, settings.over)


def with_controls(
    trained: EncoderDecoder,
    untrained: EncoderDecoder,
    cells: TypedCells,
    sets: GeneSets,
    *,
    run: Run,
    settings: UnitSettings | None = None,
) -> Mapping[str, UnitPathways]:
    """Repeat :func:`unit_pathways` where nothing was learned, and where types mean nothing.

    Many units and many sets give hits by chance, and a random network answers to the same genes that vary: only what
    goes beyond both is worth telling.

    Parameters
    ----------
    trained, untrained : EncoderDecoder
        The second with the weights that the first began with.
    cells : TypedCells
    sets : GeneSets
    run : Run
    settings : UnitSettings, optional

    Returns
    -------
    mapping of str to UnitPathways
        ``"trained"``, ``"random network"`` and ``"shuffled types"``.
    """
    shuffled = TypedCells(
        cells.X, cells.genes, run.rng("shuffled types").permutation(cells.types), cells.type_names
    )  # as many cells of each type, but any
    cases = {
        "trained": (trained, cells),
        "random network": (untrained, cells),
        "shuffled types": (trained, shuffled),
    }
    parts = {name: run.part(place / len(cases), (place + 1) / len(cases)) for place, name in enumerate(cases)}
    return {
        name: unit_pathways(model, given, sets, run=parts[name].within(name.capitalize()), settings=settings)
        for name, (model, given) in cases.items()
    }


def _usable(rankings: pd.DataFrame, sets: GeneSets, gsea: Gsea) -> dict[str, list[str]]:
    if not np.isfinite(rankings.to_numpy(dtype=np.float64)).all():
        raise DataError("A gene has no value to rank it by.", do="Leave out genes without a value.")
    sets.overlap(rankings.index).require(0.0)
    cut = sets.within(rankings.index, min_size=gsea.min_size, max_size=gsea.max_size)
    if not len(cut):
        raise DataError(
            f"No set of {sets.name} has {gsea.min_size} or more of the {len(rankings):,} genes.",
            expected="Sets and data must use the same names of genes.",
            do="Choose the sets of the right species, or learn from more genes.",
        )
    return {name: sorted(members) for name, members in cut.sets.items()}


def _one(ranking: pd.Series, sets: dict[str, list[str]], gsea: Gsea, *, seed: int) -> pd.DataFrame:
    """Return the enrichment of one ranking, the smallest rate first."""
    import gseapy  # noqa: PLC0415 - brings matplotlib along, and the app's start must not wait for it

    values = ranking.sort_values(ascending=False, kind="stable").astype(np.float64)
    values += 1e-9 * values.abs().max()  # a set whose genes are all exactly 0 has no score
    tied = values.nunique() < len(values) / 2  # adaptive sampling fails where most genes are equal
    method = "permutation" if tied else gsea.method
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"gseapy\..*")  # of pandas, inside gseapy
        found = gseapy.prerank(
            rnk=values,
            gene_sets=sets,
            min_size=1,
            max_size=len(ranking),
            permutation_num=gsea.n_permutations,
            method=method,
            weight=gsea.weight,
            threads=gsea.n_threads,
            seed=seed,
            outdir=None,
            no_plot=True,
            verbose=False,
        ).res2d
    least = 1 / gsea.n_permutations if method == "permutation" else 0.0
    p_values = np.clip(found["NOM p-val"].to_numpy(dtype=np.float64), least, 1.0)
    p_values = np.where(np.isnan(p_values), 1.0, p_values)  # no permutation had the sign of the score
    table = pd.DataFrame(
        {
            "set": found["Term"].astype(str),
            "size": [len(sets[name]) for name in found["Term"]],
            "score": np.nan_to_num(found["NES"].to_numpy(dtype=np.float64)),
            "p_value": p_values,
            "fdr": false_discovery_control(p_values),
            "leading_genes": found["Lead_genes"].astype(str),
        }
    )
    return table.sort_values(["fdr", "set"], kind="stable").reset_index(drop=True)

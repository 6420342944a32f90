"""A trained source: a fitted method, and what must be known of its source to use it in the source's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.methods.base import Saveable, TransferMethod
from sctl.preprocess import PreprocessParams
from sctl.preprocess.trained import COMPARED, MARKS

LABEL_KEY, CELLS_KEY = "cell_type", "n_cells"
"""Columns of the stand-in: type, and number of cells it was learned from."""
TRAINED_GENE = "trained_gene"
"""Column of the stand-in's genes: the name under which the source was trained."""
PREPARATION = ("normalize_to", "log", "normalize_on", "n_top_genes")
"""Settings of the preparation that hold for every target of a trained source."""
_PREFIX = "source."


@dataclass(frozen=True, kw_only=True)
class SourceSummary:
    """What a model's file keeps of its source: sums and names, no cells.

    Parameters
    ----------
    profiles : ndarray of shape (n_types, n_genes), float32
        Mean log-normalised expression of each type, in the order of the method's types.
    n_cells : tuple of int, length n_types
    genes : tuple of str, length n_genes
        All genes of the pair with which the source was prepared; cells are normalised over these.
    marks : DataFrame of n_genes rows
        ``highly_variable`` and ``variable_rank``, as in the pair.
    symbols : tuple of str or None
        Gene symbols, where the source had them beside other names.
    preparation : mapping
        The settings in :data:`PREPARATION`.
    name : str
        What the source was called, e.g. its file.
    license : str
        Under which the model may be used, such as ``"cc-by-4.0"``; empty where nothing is said.
    """

    profiles: NDArray[np.float32]
    n_cells: tuple[int, ...]
    genes: tuple[str, ...]
    marks: pd.DataFrame
    symbols: tuple[str, ...] | None
    preparation: Mapping[str, Any]
    name: str = ""
    license: str = ""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what goes among the tensors of a file."""
        return {
            f"{_PREFIX}profiles": np.asarray(self.profiles, dtype=np.float32),
            f"{_PREFIX}highly_variable": self.marks[MARKS[0]].to_numpy(dtype=np.uint8),
            f"{_PREFIX}variable_rank": self.marks[MARKS[1]].to_numpy(dtype=np.int64),
        }

    def facts(self) -> dict[str, Any]:
        """Return what goes into the manifest of a file."""
        return {
            "name": self.name,
            "license": self.license,
            "n_cells": list(self.n_cells),
            "genes": list(self.genes),
            "symbols": None if self.symbols is None else list(self.symbols),
            "preparation": dict(self.preparation),
        }

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`arrays` and :meth:`facts` gave.

        Raises
        ------
        DataError
            If the parts do not fit together.
        KeyError, TypeError, ValueError
            If they are of another kind.
        """
        own = {name.removeprefix(_PREFIX): array for name, array in arrays.items() if name.startswith(_PREFIX)}
        genes, symbols = tuple(facts["genes"]), facts["symbols"]
        PreprocessParams.from_dict(facts["preparation"])
        marks = pd.DataFrame({MARKS[0]: own[MARKS[0]].astype(bool), MARKS[1]: own[MARKS[1]].astype(np.int64)})
        found = cls(
            profiles=own["profiles"],
            n_cells=tuple(int(n) for n in facts["n_cells"]),
            genes=genes,
            marks=marks,
            symbols=None if symbols is None else tuple(symbols),
            preparation={name: facts["preparation"][name] for name in PREPARATION},
            name=str(facts["name"]),
            license=str(facts.get("license", "")),
        )
        found.check()
        return found

    def check(self) -> None:
        """Raise ``DataError`` unless all parts fit together."""
        names = [*self.genes, *(self.symbols or ())]
        lengths = {len(self.genes), len(self.marks), *([] if self.symbols is None else [len(self.symbols)])}
        fits = self.profiles.shape == (len(self.n_cells), len(self.genes)) and len(lengths) == 1
        named = all(isinstance(name, str) for name in names) and len(set(self.genes)) == len(self.genes)
        if not (fits and named and bool(np.isfinite(self.profiles).all()) and bool((self.profiles >= 0).all())):
            raise DataError(
                "The profiles of the trained source do not fit together.",
                expected="A value of every gene for every cell type.",
                do="Save the model again.",
            )

    @staticmethod
    def holds(name: str) -> bool:
        """Tell whether an array of a file belongs to the summary, and not to the method."""
        return name.startswith(_PREFIX)

    @classmethod
    def is_in(cls, arrays: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
        """Tell whether a file holds a summary at all."""
        return manifest.get("source") is not None and f"{_PREFIX}profiles" in arrays


@dataclass(frozen=True)
class TrainedSource:
    """A fitted method from a file, and the summary of its source.

    Parameters
    ----------
    method : TransferMethod
    manifest : mapping
        What the file says of itself.
    summary : SourceSummary
    """

    method: TransferMethod
    manifest: Mapping[str, Any]
    summary: SourceSummary

    @property
    def label_names(self) -> tuple[str, ...]:
        """The types, in the order of the profiles."""
        return tuple(self.manifest["facts"]["label_names"])

    @property
    def genes(self) -> tuple[str, ...]:
        """The genes by which the method compares cells."""
        return tuple(self.manifest["facts"]["genes"])

    @property
    def n_source(self) -> int:
        """Number of cells that it was trained on."""
        return sum(self.summary.n_cells)

    @property
    def seed(self) -> int:
        """The seed it was trained with."""
        return int(self.manifest["seed"])

    def profile_source(self) -> AnnData:
        """Return a dataset with one row for each type, its mean profile, to be where the source would be.

        Returns
        -------
        AnnData of shape (n_types, n_genes)
            Log-normalised; ``obs`` has the type and its number of cells, ``var`` what
            :func:`sctl.preprocess.prepare_target` needs.
        """
        names = pd.Index(self.label_names, dtype=object)
        var = self.summary.marks.set_index(pd.Index(self.summary.genes, dtype=object))
        var[COMPARED] = var.index.isin(self.genes)
        var[TRAINED_GENE] = var.index.to_numpy(dtype=str)
        if self.summary.symbols is not None:
            var["gene_symbols"] = list(self.summary.symbols)
        obs = pd.DataFrame(
            {LABEL_KEY: pd.Categorical(names), CELLS_KEY: list(self.summary.n_cells)},
            index=[f"mean of {name}" for name in names],
        )
        return AnnData(X=sparse.csr_matrix(self.summary.profiles, dtype=np.float32), obs=obs, var=var)

    def configured(self, settings: Mapping[str, Any]) -> TransferMethod:
        """Return the method with other settings of the target; whatever was learned stays as it is.

        Parameters
        ----------
        settings : mapping
            Those that are not in ``method.target_settings`` are passed over.
        """
        free = {name: value for name, value in settings.items() if name in self.method.target_settings}
        return self.method.with_settings(**free)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return it with other names of genes, as a repair of the stand-in gives them.

        Parameters
        ----------
        names : mapping
            Name in the file → name in the target. Genes without one keep theirs; of two that get the same name the
            second keeps its own too.
        """
        new = _unique(self.summary.genes, names)
        arrays, facts = cast("Saveable", self.method).state()
        facts = {**facts, "genes": [new[gene] for gene in facts["genes"]]}
        method = replace(self.method)
        cast("Saveable", method).restore(arrays, facts)
        method.is_pretrained_ = True
        summary = replace(self.summary, genes=tuple(new[gene] for gene in self.summary.genes))
        return replace(self, method=method, manifest={**self.manifest, "facts": facts}, summary=summary)


def _unique(genes: tuple[str, ...], names: Mapping[str, str]) -> dict[str, str]:
    """Return the new name of every gene; a name that is taken is not given again."""
    taken = set(genes) - set(names)
    out: dict[str, str] = {}
    for gene in genes:
        wanted = names.get(gene, gene)
        out[gene] = wanted if gene not in names or wanted not in taken else f"{gene} (as trained)"
        taken.add(out[gene])
    return out

"""Simulated single cells: a tree of cell types with negative-binomial counts, and pairs cut from it.

The model of Mieth et al. (2019), "Clustering single-cell RNA-seq data by transfer learning",
Scientific Reports 9:20353: baseline means are gamma distributed, every node of a tree of types
changes the expression of some genes, cells differ in size, counts are negative binomial.
"""

from __future__ import annotations

from sctl.simulate.cells import PAPER_TREE, CountModel, Tree, simulate_cells
from sctl.simulate.pairs import Overlap, simulate_pair, split_pair, toy_counts, toy_pair
from sctl.simulate.recipe import Simulated, Simulation

__all__ = [
    "PAPER_TREE",
    "CountModel",
    "Overlap",
    "Simulated",
    "Simulation",
    "Tree",
    "simulate_cells",
    "simulate_pair",
    "split_pair",
    "toy_counts",
    "toy_pair",
]

"""Why a cell's code lies nearer to cells of one label than to those of another, shared among the genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sctl.methods.explainer import Explainer
from sctl.methods.poisson.latent_space import FEW_CELLS, CodeScale, Scaling
from sctl.numerics.attribution import integrated_gradients
from sctl.numerics.encoder_decoder import EncoderDecoder
from sctl.numerics.neighbors import mean_of_nearest
from sctl.run import Run
from sctl.typing import Floats, Ints


@dataclass(frozen=True)
class LocalMargin:
    """How much nearer each cell's code lies to cells like it of one label than to those of another.

    With ``m`` the mean of the nearest reference cells of a label, the margin is ``‖u − m_b‖² − ‖u − m_a‖²``, ``u`` the
    cell in the space in which cells are compared. The reference cells stay those of the cell as it was.

    Parameters
    ----------
    scale : CodeScale
        What is taken from a code first.
    mean_a, mean_b : ndarray of shape (n_obs, n_latent)
    """

    scale: CodeScale
    mean_a: Floats
    mean_b: Floats

    def values(self, code: Floats) -> Floats:  # (n_obs, n_latent)
        """Return the margin of each cell: (n_obs,)."""
        u = self._unit(code)[0]
        out: Floats = ((u - self.mean_b) ** 2).sum(axis=1) - ((u - self.mean_a) ** 2).sum(axis=1)
        return out

    def gradient(self, code: Floats) -> Floats:  # (n_obs, n_latent)
        """Return the margin's gradient with respect to the code: (n_obs, n_latent)."""
        u, length = self._unit(code)
        slope = 2 * (self.mean_a - self.mean_b)
        if self.scale.unit_length:
            slope = (slope - (slope * u).sum(axis=1, keepdims=True) * u) / length
        out: Floats = slope / self.scale.spread
        return out

    def _unit(self, code: Floats) -> tuple[Floats, Floats]:
        v = (np.asarray(code, dtype=np.float64) - self.scale.center) / self.scale.spread
        length = np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
        return (v / length, length) if self.scale.unit_length else (v, length)


@dataclass(frozen=True)
class Reference:
    """The source's cells, and how codes are compared with theirs.

    Parameters
    ----------
    code : ndarray of shape (n_reference, n_latent)
    labels : ndarray of int, shape (n_reference,)
    scaling, unit_length
        See :class:`~sctl.methods.poisson.latent_space.CodeScale`.
    """

    code: Floats
    labels: Ints
    scaling: Scaling
    unit_length: bool


@dataclass(frozen=True)
class CodeReasons:
    """How near the codes of some cells lie to reference cells of each label.

    Parameters
    ----------
    model : EncoderDecoder
    scale : CodeScale
        Of the cells' codes.
    known : ndarray of shape (n_reference, n_latent)
        The reference in the space in which cells are compared.
    labels : ndarray of int, shape (n_reference,)
    inputs : ndarray of shape (n_obs, n_genes)
    n_neighbors : int
        So many nearest reference cells of a label are compared with.
    """

    model: EncoderDecoder
    scale: CodeScale
    known: Floats
    labels: Ints
    inputs: Floats
    n_neighbors: int

    @classmethod
    def of(cls, model: EncoderDecoder, reference: Reference, X: Any, cells: Ints, *, n_neighbors: int) -> CodeReasons:
        """Return it for some cells of a target, given by their places.

        Parameters
        ----------
        model : EncoderDecoder
        reference : Reference
        X : CSR matrix of shape (n_target, n_genes)
            All cells, by which codes may be scaled.
        cells : ndarray of int
        n_neighbors : int
        """
        each = reference.scaling == "each" and X.shape[0] >= FEW_CELLS
        own = model.encode(X) if each else reference.code
        known, scale = (
            CodeScale.of(code, scaling=reference.scaling, unit_length=reference.unit_length)
            for code in (reference.code, own)
        )
        inputs = X[cells].toarray().astype(np.float64)
        return cls(model, scale, known.apply(reference.code), reference.labels, inputs, n_neighbors)

    def explainer(self, genes: tuple[str, ...], label_names: tuple[str, ...], baseline: Floats) -> Explainer:
        """Return these reasons in the form that all methods share; ``baseline`` is (n_genes,)."""
        return Explainer(
            genes,
            label_names,
            self.inputs,
            baseline,
            margin=self.margin,
            contributions=lambda label, against: self.contributions(label, against, baseline),
        )

    def margin(self, x: Floats, label: int, against: int) -> Floats:
        """Return how much nearer the cells, changed to ``x`` (n_obs, n_genes), lie to the first label: (n_obs,)."""
        return self._near(label, against).values(self.model.code_of(x))

    def contributions(self, label: int, against: int, baseline: Floats) -> Floats:
        """Return each gene's share of the margin, by integrated gradients from a baseline: (n_obs, n_genes)."""
        near = self._near(label, against)

        def gradient(x: Floats) -> Floats:
            return self.model.pulled_back(x, near.gradient(self.model.code_of(x)))

        return integrated_gradients(gradient, self.inputs, baseline)

    def _near(self, label: int, against: int) -> LocalMargin:
        queries = self.scale.apply(self.model.encode(self.inputs))
        means = [
            mean_of_nearest(self.known[self.labels == kind], queries, self.n_neighbors, run=Run())
            for kind in (label, against)
        ]
        return LocalMargin(self.scale, *means)

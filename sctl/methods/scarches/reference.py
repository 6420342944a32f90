"""What a method has learned of a reference, as one value: taken apart for a file, and checked when it comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sctl.data import UNASSIGNED
from sctl.errors import DataError
from sctl.methods.scarches.datasets import EncodedDataset
from sctl.methods.scarches.ood_classifier import Novelty
from sctl.typing import Floats, Ints

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.methods.scarches.cvae import ConditionalAutoencoder


@dataclass(frozen=True, kw_only=True)
class ReferenceModel:
    """A trained reference.

    Parameters
    ----------
    network : ConditionalAutoencoder
    var_names, label_names, conditions : tuple of str
        Genes, types, datasets.
    latent : ndarray of shape (n_ref, n_latent), float32
    codes, batches : ndarray of shape (n_ref,)
        Type and dataset of each cell.
    usual : ndarray of shape (n_ref,)
        Mean distance of each cell to its neighbours: all that an exact index of neighbours takes time for.
    novelty : Novelty
    log : dict
        How training went.
    notes : list of str
        What users should know.
    self_test : dict
        Tables of :class:`~sctl.methods.scarches.self_test.SelfTest`; may be empty.
    lineage : tuple of dict
        Datasets that were added after the reference was learned, the first first.
    """

    network: ConditionalAutoencoder
    var_names: tuple[str, ...]
    label_names: tuple[str, ...]
    conditions: tuple[str, ...]
    latent: Floats
    codes: Ints
    batches: Ints
    usual: Floats
    novelty: Novelty
    log: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    self_test: dict[str, Any] = field(default_factory=dict)
    lineage: tuple[dict[str, Any], ...] = ()

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return arrays by name, and what JSON holds. No expression values are among them."""
        weights = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        arrays = {"latent": self.latent, "codes": self.codes, "batches": self.batches, "usual": self.usual}
        return {**weights, **arrays}, {
            "label_names": list(self.label_names),
            "n_source": len(self.codes),
            "genes": list(self.var_names),
            "conditions": list(self.conditions),
            "architecture": asdict(self.network.architecture),
            "novelty": asdict(self.novelty),
            "training": self.log,
            "notes": self.notes,
            "self_test": self.self_test,
            "lineage": list(self.lineage),
        }

    @property
    def identity(self) -> str:
        """A name for the reference's own weights: surgery that moves nothing, more datasets, and other names of genes leave it."""
        digest = hashlib.sha256()
        for layer in (self.network.encoder.first.main, self.network.to_mean, self.network.to_genes):
            digest.update(layer.weight.detach().numpy().tobytes())
        return digest.hexdigest()[:16]

    @property
    def without_cells(self) -> dict[str, int]:
        """Datasets that are known by their weights alone, and their numbers: they came by an adaptor."""
        there = set(np.unique(self.batches).tolist())
        return {name: number for number, name in enumerate(self.conditions) if number not in there}

    def with_adaptors(self, adaptors: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return it with further datasets, of which only the weights are known.

        Raises
        ------
        DataError
            If a name is taken, or the weights do not fit.
        """
        from sctl.methods.scarches.network import with_adaptors  # noqa: PLC0415 - torch, see above

        taken = sorted(set(adaptors) & set(self.conditions))
        if taken:
            raise DataError(f"The reference has a dataset {taken[0]!r} already.", do="Give the adaptor another name.")
        network = with_adaptors(self.network, adaptors)
        return replace(self, network=network, conditions=(*self.conditions, *adaptors))

    def with_cells(
        self, network: ConditionalAutoencoder, data: EncodedDataset, z: Floats, labels: Sequence[Any]
    ) -> Self:
        """Return it with the labelled cells of a target, and the network after surgery.

        Parameters
        ----------
        network : ConditionalAutoencoder
        data : Cohort
        z : ndarray of shape (n_obs, n_latent)
        labels : sequence, length n_obs
            In the order of ``data``.

        Raises
        ------
        DataError
            If there are not as many labels as cells, or none says anything.
        """
        types = np.array([str(label) if isinstance(label, str) else UNASSIGNED for label in labels], dtype=object)
        named = types != UNASSIGNED
        if len(types) != len(z) or not named.any():
            raise DataError(
                f"{int(named.sum())} of {len(types)} labels name a type, for {len(z)} cells.",
                expected="A label for each cell, of which those that name a type become part of the reference.",
                do="Give the labels in the order of the cells.",
            )
        new = sorted(set(types[named]) - set(self.label_names))
        names = (*self.label_names, *new)
        codes = np.array([names.index(name) for name in types[named]], dtype=np.int64)
        return replace(
            self, network=network, label_names=names, conditions=(*self.conditions, *data.batch_names),
            latent=np.vstack([self.latent, z[named].astype(np.float32)]), codes=np.concatenate([self.codes, codes]),
            batches=np.concatenate([self.batches, data.batches[named]]), self_test={},
        )  # fmt: skip

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], k: int) -> Self:
        """Take back what :meth:`state` returned.

        Parameters
        ----------
        arrays, facts : mapping
        k : int
            Number of neighbours, to measure distances that an older file lacks.

        Raises
        ------
        DataError
            If its parts do not fit together.
        """
        from sctl.methods.scarches.network import rebuilt  # noqa: PLC0415 - torch, see above

        network = rebuilt(arrays, facts["architecture"])
        latent, codes, batches = (np.asarray(arrays[name]) for name in ("latent", "codes", "batches"))
        genes, labels, conditions = (_names(facts[name]) for name in ("genes", "label_names", "conditions"))
        shape = network.architecture
        fits = (
            len(genes) == shape.n_vars
            and len(conditions) == network.n_conditions
            and latent.shape == (len(codes), shape.n_latent)
            and _finite(latent)
            and _numbered(codes, len(latent), len(labels))
            and _numbered(batches, len(latent), len(conditions))
        )
        if not fits:
            raise _distant()
        usual = np.asarray(arrays["usual"]) if "usual" in arrays else _usual(latent, codes, len(labels), k)
        if usual.shape != codes.shape or not _finite(usual) or not bool((usual > 0).all()):
            raise _distant()
        return cls(
            network=network, var_names=genes, label_names=labels, conditions=conditions, latent=latent, codes=codes,
            batches=batches, usual=usual, novelty=Novelty.read(facts["novelty"]), log=dict(facts["training"]),
            notes=list(facts["notes"]), self_test=dict(facts.get("self_test", {})),
            lineage=tuple(map(dict, facts.get("lineage", ()))),
        )  # fmt: skip


def _usual(latent: Floats, codes: Ints, n_labels: int, k: int) -> Floats:
    from sctl.methods.scarches.knn import ReferenceIndex  # noqa: PLC0415 - old files only

    return ReferenceIndex(latent, codes, n_labels, k).own


def _names(found: Sequence[Any]) -> tuple[str, ...]:
    names = tuple(found)
    if not names or len(set(names)) != len(names) or not all(isinstance(name, str) for name in names):
        raise _distant()
    return names


def _finite(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and bool(np.isfinite(values).all())


def _numbered(codes: NDArray[Any], n: int, n_names: int) -> bool:
    """Tell whether there is a number from 0 to ``n_names - 1`` for each cell, and a cell at all."""
    whole = codes.shape == (n,) and n > 0 and codes.dtype.kind in "iu"
    return whole and int(codes.min()) >= 0 and int(codes.max()) < n_names


def _distant() -> DataError:
    return DataError(
        "The parts of the model do not fit together.",
        expected="As many genes, cells, types and datasets as the network has places for, and finite numbers.",
        do="Save the model again, or get it again from where it came from.",
    )

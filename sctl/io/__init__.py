"""Read what biologists have, and refuse with a plain sentence what cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.io.arrays import read_arrays
    from sctl.io.contents import ACCEPTED
    from sctl.io.files import fingerprint, write_h5ad
    from sctl.io.hdf5 import opened_hdf5, read_h5ad, read_obs
    from sctl.io.labels import JoinReport, join_labels, read_labels
    from sctl.io.reading import read, read_many
    from sctl.io.storing import storable
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "ACCEPTED",
    "JoinReport",
    "fingerprint",
    "join_labels",
    "opened_hdf5",
    "read",
    "read_arrays",
    "read_h5ad",
    "read_labels",
    "read_many",
    "read_obs",
    "storable",
    "write_h5ad",
]

"""Read what biologists have, and refuse with a plain sentence what cannot be read."""

from sctl.io.contents import ACCEPTED
from sctl.io.files import fingerprint, write_h5ad
from sctl.io.labels import JoinReport, join_labels, read_labels
from sctl.io.reading import read, read_many

__all__ = ["ACCEPTED", "JoinReport", "fingerprint", "join_labels", "read", "read_labels", "read_many", "write_h5ad"]

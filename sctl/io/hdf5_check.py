"""What an HDF5 file is made of, looked through before a value is read.

A file from outside may name any other file of the computer as the place of its values, link its parts so that they
are met without end, or announce far more than it holds. Every object is visited once, by its address in the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5i, h5l, h5o, h5r, h5t

from sctl.errors import DataError
from sctl.io import system

MAX_PARTS = 100_000
"""Most groups, datasets and attributes in a file, counted as often as readers meet them."""
MAX_DEPTH = 50
"""Most groups within one another."""
MAX_SIDE = 100_000_000
"""Most rows or columns of a sparse matrix; what is announced beyond is not believed."""
FLOOR, MAX_RATIO = 256_000_000, 4
"""Text of variable length may take so many bytes, and beyond so many times the size of the file: HDF5 never packs it."""
LEAST_ANNOUNCED, MOST_ANNOUNCED = 2_000_000_000, 300
"""All parts may take so many bytes, and beyond so many times the size of the file; a dense matrix of
counts that is nearly all zeros, packed well, reaches about 100."""

_BLOCK = 64_000_000  # bytes of text in memory at once while it is measured
_PER_TEXT = 60  # bytes that Python takes for a text beside its letters
_HEAP = b"GCOL"  # begins each part of the file that holds texts of variable length
_SMALLEST_HEAP = 4096
_SCANNED = 1 << 24
_MAX_LETTERS = 50_000_000  # of the paths of all parts: HDF5 keeps the whole path of whatever is open

_TOO_DEEP = "lie in a circle, or too deep within one another"

_Identifier = Any
"""What h5py calls a group, a dataset or a stored type that is open."""


@dataclass(eq=False)
class _Part:
    """A group or a dataset: what it announces, and where it leads to."""

    id: _Identifier
    n_bytes: int = 0
    n_texts: int = 0  # of variable length
    leads_to: list[int] = field(default_factory=list)  # addresses
    soft: list[bytes] = field(default_factory=list)


def announced(file: h5py.File, name: str) -> int:
    """Return the bytes that reading all parts of a file takes in memory.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    name : str
        The name the user knows it by.

    Raises
    ------
    DataError
        If a part lies in another file or is found by a reference; if parts are linked in a circle, or are met too
        often; if the sides of a sparse matrix are not those of its parts; if text unpacks to far more than the
        file's size lets one expect.
    """
    survey = _Survey(file, name)
    survey.visit()  # to the end: nothing is read before it is known that all lies here
    survey.check_sparse()
    survey.measure_texts()
    return survey.n_bytes()


def require_likely(n_bytes: int, size: int, name: str) -> None:
    """Raise ``DataError`` where a file of ``size`` bytes announces far more than anything of that size holds."""
    if n_bytes > max(LEAST_ANNOUNCED, MOST_ANNOUNCED * size):
        raise _far_more(f"The parts of {name} unpack", MOST_ANNOUNCED)


def refers_elsewhere(name: str) -> DataError:
    """Return the error for a file whose values lie in another."""
    return DataError(
        f"{name} refers to data in other files.",
        expected="All data must lie in the file itself.",
        do="Open it where those files are, and write it again as one .h5ad.",
    )


def _far_more(found: str, ratio: int) -> DataError:
    return DataError(
        f"{found} to far more than its size lets one expect.",
        expected=f"At most {ratio} times the size of the file is unpacked.",
        do="Write the file again with the program that made it, with what is needed of it only.",
    )


class _Survey:
    """All groups and datasets of an open file, by their addresses in it."""

    def __init__(self, file: h5py.File, name: str) -> None:
        self.file, self.name = file, name
        self.size = Path(file.filename).stat().st_size
        self.parts: dict[int, _Part] = {}
        self._n_parts = self._n_letters = 0

    # -- every object once -----------------------------------------------------------------------

    def visit(self) -> None:
        """Find all objects; soft links, which can lead to these only, are noted."""
        waiting: list[tuple[_Identifier, int]] = [(h5g.open(self.file.id, b"/"), 0)]
        while waiting:
            item, depth = waiting.pop()
            address = _address(item)
            if address in self.parts:
                continue
            if depth > MAX_DEPTH:
                raise self._too_many(_TOO_DEEP)
            part = self.parts[address] = _Part(item)
            near = [*self._attributes(part), *self._content(part)]
            waiting += [(other, depth + 1) for other in near]
            part.leads_to += [_address(other) for other in near]
            self._n_parts += 1 + len(part.soft)
            if self._n_parts + len(waiting) > MAX_PARTS:
                raise self._too_many()

    def _content(self, part: _Part) -> Iterator[_Identifier]:
        """Yield what a group holds; of a dataset note what it announces."""
        if isinstance(part.id, h5d.DatasetID):
            self._note_dataset(part, part.id)
        if not isinstance(part.id, h5g.GroupID):
            return
        if part.id.get_num_objs() > MAX_PARTS:
            raise self._too_many()
        for key in part.id:
            self._n_letters += len(h5i.get_name(part.id) or b"") + len(key)
            if self._n_letters > _MAX_LETTERS:
                raise self._too_many("have too long names")
            kind = part.id.links.get_info(key).type
            if kind == h5l.TYPE_HARD:
                yield h5o.open(part.id, key)
            elif kind == h5l.TYPE_SOFT:
                part.soft.append(key)
            else:
                raise refers_elsewhere(self.name)

    def _note_dataset(self, part: _Part, dataset: h5d.DatasetID) -> None:
        made = dataset.get_create_plist()
        layout = made.get_layout()
        if made.get_external_count() or layout == h5d.VIRTUAL:
            raise refers_elsewhere(self.name)
        kind = dataset.get_type()
        if _has_references(kind):
            raise self._refers_within()
        n_values = int(dataset.get_space().get_simple_extent_npoints())
        n_unpacked = math.prod(made.get_chunk()) if layout == h5d.CHUNKED else 0  # a whole chunk, to read one value
        part.n_bytes += max(n_values, n_unpacked) * max(int(kind.get_size()), 1)
        part.n_texts = n_values * _n_variable(kind)

    def _attributes(self, part: _Part) -> Iterator[_Identifier]:
        """Note what the attributes of an object announce; yield the categories that an old file refers to."""
        n_attributes = h5a.get_num_attrs(part.id)
        self._n_parts += n_attributes
        if self._n_parts > MAX_PARTS:
            raise self._too_many()
        for i in range(n_attributes):
            attribute = h5a.open(part.id, index=i)
            kind = attribute.get_type()
            n_values = int(attribute.get_space().get_simple_extent_npoints())
            part.n_bytes += n_values * max(int(kind.get_size()), 1)
            # They are read whole, so that their texts cannot be measured: each may be the longest.
            if n_values * _n_variable(kind) > 1:
                system.require(n_values * _n_variable(kind) * self._longest_text, self.name)
            if _has_references(kind):
                yield self._categories(attribute, kind, n_values)

    def _categories(self, attribute: h5a.AttrID, kind: h5t.TypeID, n_values: int) -> h5d.DatasetID:
        """Return the one target of references that is allowed: anndata before 0.8 referred to categories so."""
        if attribute.name == b"categories" and n_values == 1 and kind.equal(h5t.STD_REF_OBJ):
            value = np.empty(attribute.shape, dtype=h5py.ref_dtype)
            attribute.read(value)
            target = h5r.dereference(value[()] if value.ndim == 0 else value.ravel()[0], self.file.id)
            if isinstance(target, h5d.DatasetID):
                return target
        raise self._refers_within()

    # -- sizes that are announced ----------------------------------------------------------------

    def check_sparse(self) -> None:
        """Refuse sparse matrices whose sides are not those of their parts: they are believed before these are read."""
        for part in self.parts.values():
            if isinstance(part.id, h5g.GroupID) and not _has_its_sides(h5py.Group(part.id)):
                raise DataError(
                    f"The sparse matrix {h5py.Group(part.id).name} of {self.name} has not the sides that it announces.",
                    expected="A pointer for each row or column, and as many indices as values, were expected.",
                    do="Write the file again with the program that made it.",
                )

    def measure_texts(self) -> None:
        """Add the bytes of texts of variable length, whose length only shows when they are read."""
        limit = max(FLOOR, MAX_RATIO * self.size)
        for part in self.parts.values():
            if not part.n_texts:
                continue
            part.n_bytes += part.n_texts * _PER_TEXT
            system.require(part.n_bytes, self.name)
            if part.n_texts * self._longest_text > _BLOCK:
                for n_bytes in self._text_bytes(h5py.Dataset(part.id), part.n_texts):
                    part.n_bytes += n_bytes
                    limit -= n_bytes
                    if limit < 0:
                        raise _far_more(f"The texts in {self.name} unpack", MAX_RATIO)

    def _text_bytes(self, dataset: h5py.Dataset, n_texts: int) -> Iterator[int]:
        """Read texts in blocks that cannot take much memory, and yield the bytes of each block."""
        n_rows = dataset.shape[0] if dataset.ndim else 1
        in_row = max(n_texts // max(n_rows, 1), 1) * self._longest_text
        system.require(in_row, self.name)
        if dataset.ndim == 0:
            yield _n_bytes(dataset[()])
            return
        step = max(1, _BLOCK // in_row)
        for start in range(0, n_rows, step):
            yield _n_bytes(dataset[start : start + step])

    @cached_property
    def _longest_text(self) -> int:
        """A bound of the bytes of one text of variable length: the largest heap of the file, where such texts lie."""
        width = self.file.id.get_create_plist().get_sizes()[1]
        longest, start, ahead = _SMALLEST_HEAP, 0, b""
        with Path(self.file.filename).open("rb") as stream:
            while block := stream.read(_SCANNED):
                content = ahead + block
                at = content.find(_HEAP)
                while 0 <= at <= len(content) - 8 - width:
                    n_bytes = int.from_bytes(content[at + 8 : at + 8 + width], "little")
                    if content[at + 4] == 1 and n_bytes <= self.size - start - at:
                        longest = max(longest, n_bytes)
                    at = content.find(_HEAP, at + 1)
                ahead = content[-(7 + width) :]
                start += len(content) - len(ahead)
        return longest

    # -- how often parts are met -----------------------------------------------------------------

    def n_bytes(self) -> int:
        """Return the bytes of all parts, each counted as often as paths from the top lead to it."""
        self._follow_soft_links()
        return self._matched(_address(h5g.open(self.file.id, b"/")), {}, ())[0]

    def _follow_soft_links(self) -> None:
        for part in self.parts.values():
            for key in part.soft:
                try:
                    address = _address(h5o.open(part.id, key))
                except KeyError:  # it leads nowhere
                    continue
                if address not in self.parts:
                    raise refers_elsewhere(self.name)
                part.leads_to.append(address)

    def _matched(self, address: int, known: dict[int, tuple[int, int]], above: tuple[int, ...]) -> tuple[int, int]:
        """Return bytes and number of all that is met from a part on."""
        if address in known:
            return known[address]
        if address in above or len(above) > MAX_DEPTH:
            raise self._too_many(_TOO_DEEP)
        part = self.parts[address]
        inner = [self._matched(other, known, (*above, address)) for other in part.leads_to]
        n_bytes, n_met = part.n_bytes + sum(n for n, _ in inner), 1 + sum(n for _, n in inner)
        if n_met > MAX_PARTS:
            raise self._too_many()
        known[address] = n_bytes, n_met
        return known[address]

    def _refers_within(self) -> DataError:
        return DataError(
            f"{self.name} holds references, which may lead to hidden data.",
            expected="All data must be found by their names.",
            do="Write the file again with a recent version of the program that made it.",
        )

    def _too_many(self, what: str = "") -> DataError:
        return DataError(
            f"The parts of {self.name} {what or f'are more than {MAX_PARTS:,}'}.",
            expected="A few tables and matrices, each with one name, were expected.",
            do="Write the dataset again, with what is needed of it only.",
        )


def _address(item: _Identifier) -> int:
    return int(h5o.get_info(item).addr)


def _has_references(kind: h5t.TypeID) -> bool:
    return any(inner.get_class() == h5t.REFERENCE for inner in _inner(kind))


def _n_variable(kind: h5t.TypeID) -> int:
    """Return how many parts of a value have a length of their own."""
    return sum(
        inner.get_class() == h5t.VLEN or (isinstance(inner, h5t.TypeStringID) and inner.is_variable_str())
        for inner in _inner(kind)
    )


def _inner(kind: h5t.TypeID) -> Iterator[h5t.TypeID]:
    """Yield a type, and those that it is made of."""
    yield kind
    if isinstance(kind, h5t.TypeCompoundID):
        for i in range(kind.get_nmembers()):
            yield from _inner(kind.get_member_type(i))
    elif isinstance(kind, (h5t.TypeArrayID, h5t.TypeVlenID)):
        yield from _inner(kind.get_super())


def _has_its_sides(group: h5py.Group) -> bool:
    """Say whether a group is no sparse matrix, or one whose announced shape is that of its parts."""
    key = next((key for key in ("shape", "h5sparse_shape") if key in group.attrs), None)
    if key is None or not {"data", "indices", "indptr"} <= set(group):
        return True
    if group.attrs.get_id(key).shape != (2,):
        return False
    shape, (ends, indices, values) = group.attrs[key], (group[name] for name in ("indptr", "indices", "data"))
    if shape.dtype.kind not in "iu" or not all(isinstance(item, h5py.Dataset) for item in (ends, indices, values)):
        return False
    by_row = "csr" in str(group.attrs.get("encoding-type", group.attrs.get("h5sparse_format", "")))
    along, across = (int(side) for side in (shape if by_row else shape[::-1]))
    return bool(ends.shape == (along + 1,) and 0 <= across <= MAX_SIDE and indices.shape == values.shape)


def _n_bytes(value: Any) -> int:
    """Return the bytes of all texts and lists within a value."""
    if isinstance(value, (bytes, str)):
        return len(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        items = value.ravel().tolist()
        return sum(_n_bytes(item) for item in items)
    if isinstance(value, (tuple, list)):
        return sum(map(_n_bytes, value))
    return int(getattr(value, "nbytes", 0))

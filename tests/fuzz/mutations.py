"""Spoil a sound file, a little or where it hurts: bytes, and the parts that a format is made of.

Each function takes the content of a file and a generator, and returns another content.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Rng = np.random.Generator
Spoil = Callable[[bytes, Rng], bytes]

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 10**6, 10**30, -(10**30), 0.5, float("nan"), float("inf"), "", "x", "é\u0000", "1e999", "9" * 5000,
    [], {}, [None], [[1, 2], [3]], {"x": [1]}, ["a", 1], "../x", "a" * 10_000,
)  # fmt: skip


def choose(rng: Rng, things: Any) -> Any:
    """Return one of some things."""
    return things[int(rng.integers(len(things)))]


# -- bytes -----------------------------------------------------------------------------------------


def flipped(content: bytes, rng: Rng) -> bytes:
    out = bytearray(content)
    for place in rng.integers(0, len(out), size=int(rng.integers(1, 12))):
        out[place] ^= int(rng.integers(1, 256))
    return bytes(out)


def cut(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def spliced(content: bytes, rng: Rng) -> bytes:
    """Copy a piece of the file over another place, or into it, or take it out."""
    a, b, n = (int(value) for value in rng.integers(0, [len(content), len(content), 200]))
    piece = choose(rng, [content[a : a + n], rng.bytes(n), bytes(n), b""])
    return content[:b] + piece + content[b + choose(rng, [0, n]) :]


BYTES: tuple[Spoil, ...] = (flipped, cut, spliced)


# -- HDF5 ------------------------------------------------------------------------------------------


def hdf5(content: bytes, rng: Rng) -> bytes:
    """Change one to three parts of an HDF5 file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            for _ in range(int(rng.integers(1, 4))):
                names: list[str] = []
                file.visit(names.append)
                choose(rng, _HDF5)(file, choose(rng, names), rng)
        return path.read_bytes()


def _deleted(file: h5py.File, name: str, rng: Rng) -> None:
    del file[name]


def _retyped(file: h5py.File, name: str, rng: Rng) -> None:
    del file[name]
    new = choose(
        rng,
        [
            np.arange(3), np.zeros((2, 2)), np.float64("nan"), 7, "text", ["a", "b"], np.array([b"\xff\xfe", b"a"]), np.zeros(0),
            h5py.Empty("f4"), np.array([True, False]), np.zeros(3, dtype=[("a", "i4"), ("b", "S3")]), np.zeros((3, 0)), 1 + 2j,
            np.zeros(4, dtype="u8") - 1, np.array(2**62), None,
        ],
    )  # fmt: skip
    if new is None:
        file.create_group(name)
    else:
        file[name] = new


def _reshaped(file: h5py.File, name: str, rng: Rng) -> None:
    if not isinstance(file[name], h5py.Dataset) or not file[name].size:
        return
    values, attributes = file[name][()], dict(file[name].attrs)
    values = choose(rng, [np.ravel(values)[:-1], np.resize(values, np.size(values) + 5), np.ravel(values)[None]])
    del file[name]
    data = file.create_dataset(name, data=values, dtype=None if values.dtype.kind != "O" else h5py.string_dtype())
    for key, value in attributes.items():
        data.attrs[key] = value


def _out_of_range(file: h5py.File, name: str, rng: Rng) -> None:
    data = file[name]
    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "iufS" or not data.size or not data.shape:
        return
    values = data[()]
    kind = values.dtype.kind
    limits = (
        [np.iinfo(values.dtype).min, np.iinfo(values.dtype).max, 0, 99] if kind in "iu" else [np.nan, np.inf, -1e300, 0]
    )
    with np.errstate(all="ignore"):
        values.flat[int(rng.integers(values.size))] = b"\xff" if kind == "S" else choose(rng, limits)
    data[...] = values


def _attribute(file: h5py.File, name: str, rng: Rng) -> None:
    attributes = file[name].attrs
    names = list(attributes)
    if not names:
        return
    key = choose(rng, names)
    new = choose(
        rng,
        [
            None, "x", "dataframe", "csr_matrix", "csc_matrix", "categorical", "array", "dict", "string-array", "0.1.0", 3,
            np.array([10**12, 3]), np.array([-1, 5]), np.array(["a", "b"], dtype=object), np.zeros((2, 2)), h5py.Empty("i4"),
            "nullable-integer", "awkward-array", "raw", "anndata", "rec-array", "numeric-scalar",
        ],
    )  # fmt: skip
    del attributes[key]
    if new is not None:
        attributes[key] = new


def _swapped(file: h5py.File, name: str, rng: Rng) -> None:
    names: list[str] = []
    file.visit(names.append)
    other = choose(rng, names)
    if not (name.startswith(other) or other.startswith(name)):
        file.move(name, "aside")
        file.move(other, name)
        file.move("aside", other)


def _linked(file: h5py.File, name: str, rng: Rng) -> None:
    target = file[choose(rng, ["/", name.rsplit("/", 1)[0]])]
    del file[name]
    file[name] = choose(
        rng,
        [
            h5py.SoftLink("/"),
            h5py.SoftLink("/nowhere"),
            h5py.SoftLink(f"/{name}"),
            h5py.ExternalLink("y.h5", "/x"),
            target,
        ],
    )


def _referring(file: h5py.File, name: str, rng: Rng) -> None:
    names: list[str] = []
    file.visit(names.append)
    file[name].attrs["categories"] = file[choose(rng, names)].ref


_HDF5 = (
    _deleted,
    _retyped,
    _retyped,
    _reshaped,
    _out_of_range,
    _out_of_range,
    _attribute,
    _swapped,
    _linked,
    _referring,
)


# -- text and JSON ---------------------------------------------------------------------------------


def text(content: bytes, rng: Rng) -> bytes:
    """Change fields or lines of a table."""
    packed = content[:2] == b"\x1f\x8b"
    lines = (gzip.decompress(content) if packed else content).split(b"\n")
    for _ in range(int(rng.integers(1, 4))):
        i = int(rng.integers(min(len(lines), choose(rng, [3, len(lines)]))))
        delimiter = b"\t" if b"\t" in lines[i] else b"," if b"," in lines[i] else b" "
        fields = lines[i].split(delimiter)
        fields[int(rng.integers(len(fields)))] = choose(
            rng,
            [
                b"", b"-1", b"1e999", b"9" * 400, b"99999999999999999999", b"nan", b"x", b"\xff\xfe", b"\x00", b'"', b"'", b"\r", b"0x1",
                b"1,5", b"1_000", b"\xef\xbb\xbf", b"%", b"#", b"inf", b"-0", b"2147483648", b"a" * 70_000, b"TRUE",
            ],
        )  # fmt: skip
        line = choose(rng, [delimiter, delimiter, delimiter, b";", delimiter * 2]).join(fields)
        lines[i : i + choose(rng, [1, 1, 1, 0, 3])] = [line] * choose(rng, [1, 1, 1, 2])
    out = choose(rng, [b"\n", b"\n", b"\n", b"\r", b"\r\n"]).join(lines)
    return gzip.compress(out) if packed else out


def as_json(content: bytes, rng: Rng) -> bytes:
    """Change values of a JSON document, or of one line of many."""
    lines = content.decode().split("\n") if content.count(b"\n{") else [content.decode()]
    i = int(rng.integers(len(lines)))
    value = json.loads(lines[i] or "{}")
    for _ in range(int(rng.integers(1, 3))):
        value = _json_changed(value, rng)
    lines[i] = json.dumps(value)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _json_changed(value: Any, rng: Rng) -> Any:
    inner = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not inner or rng.random() < 0.1:
        return choose(rng, JUNK)
    key = choose(rng, inner)
    if rng.random() < 0.15:
        del value[key]
    else:
        value[key] = _json_changed(value[key], rng)
    return value


# -- archives --------------------------------------------------------------------------------------


def npz(content: bytes, rng: Rng) -> bytes:
    """Change one array of a file of arrays."""
    with np.load(io.BytesIO(content)) as file:
        parts = dict(file)
    key = choose(rng, list(parts))
    value = parts.pop(key)
    new = choose(
        rng,
        [
            None, value.astype(str), value[..., None], value.ravel()[:-1], np.zeros(0), np.resize(value, value.size + 3),
            value * 0 - 1 if value.dtype.kind in "if" else value.ravel(), np.float64("nan"), np.array("text"), np.array(2**62),
            value.astype(complex) if value.dtype.kind in "if" else value[None], np.array(json.dumps([1])),
        ],
    )  # fmt: skip
    if new is not None:
        parts[choose(rng, [key, key, key, "other"])] = new
    stream = io.BytesIO()
    np.savez(stream, **parts)
    return stream.getvalue()


_BY_ENDING: tuple[tuple[tuple[str, ...], Spoil], ...] = (
    ((".h5ad", ".h5", ".loom"), hdf5),
    ((".json", ".jsonl"), as_json),
    ((".csv", ".tsv", ".txt", ".gz", ".mtx", ".md"), text),
    ((".npz",), npz),
)


def part(name: str, content: bytes, rng: Rng) -> bytes:
    """Spoil a file as its kind is made."""
    spoil = next((spoil for endings, spoil in _BY_ENDING if name.endswith(endings)), None)
    if name.endswith(".sctl"):
        spoil = model
    if spoil is None or rng.random() < 0.15:
        spoil = choose(rng, BYTES)
    return spoil(content, rng) if content else rng.bytes(9)


def archive(content: bytes, rng: Rng) -> bytes:
    """Change, rename, drop or repeat a member of a .zip or .tar.gz."""
    members = _members(content)
    i = int(rng.integers(len(members)))
    name, inner = members[i]
    what = int(rng.integers(8))
    if what == 0:
        del members[i]
    elif what == 1:
        new = choose(
            rng, ["../x", "/x", "x.zip", "a/" * 99 + "x", "", ".x", "x\\y", "é.csv", "x" * 300, "CON", name + "/x"]
        )
        members[i] = (new, inner)
    elif what == 2:
        members.append((name, inner))
    else:
        members[i] = (name, part(name, inner, rng))
    return _packed(members, content[:2] == b"PK")


def _members(content: bytes) -> list[tuple[str, bytes]]:
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return [(name, packed.read(name)) for name in packed.namelist()]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar if info.isfile()]  # type: ignore[union-attr]


def _packed(members: list[tuple[str, bytes]], as_zip: bool) -> bytes:
    stream = io.BytesIO()
    if as_zip:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, inner in members:
                packed.writestr(zipfile.ZipInfo(name), inner)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for name, inner in members:
                info = tarfile.TarInfo(name)
                info.size = len(inner)
                tar.addfile(info, io.BytesIO(inner))
    return stream.getvalue()


def bundle(content: bytes, rng: Rng) -> bytes:
    """Change a member of a project's file; a changed dataset gets the name that its content asks for."""
    members = dict(_members(content))
    for _ in range(int(rng.integers(1, 3))):
        name = choose(rng, list(members))
        new = part(name, members.pop(name), rng)
        if name.startswith("inputs/") and not name.endswith(".json"):
            # Whoever forges a dataset forges what refers to it, too.
            old, reference = Path(name).stem, hashlib.sha256(new).hexdigest()[:16]
            members = {
                key.replace(old, reference): inner.replace(old.encode(), reference.encode())
                if key.endswith(".json")
                else inner
                for key, inner in members.items()
            }
            name = name.replace(old, reference)
        members[name] = new
    return _packed(list(members.items()), as_zip=True)


def model(content: bytes, rng: Rng) -> bytes:
    """Change the manifest or the tensors of a model, with checksums that are right again."""
    members = dict(_members(content))
    tensors, manifest = members["tensors.safetensors"], json.loads(members["manifest.json"])
    if rng.random() < 0.4:
        n = int.from_bytes(tensors[:8], "little")
        spoil = choose(rng, [as_json, spliced])
        start = spoil(tensors[8 : 8 + n], rng)
        tensors = (
            len(start).to_bytes(8, "little") + start + tensors[8 + n :] if rng.random() < 0.7 else flipped(tensors, rng)
        )
    else:
        manifest = _json_changed(manifest, rng)
    if isinstance(manifest, dict):
        sums = {"tensors.safetensors": hashlib.sha256(tensors).hexdigest()}
        sums["README.md"] = hashlib.sha256(members["README.md"]).hexdigest()
        rest = {key: value for key, value in manifest.items() if key != "sha256"}
        sums["manifest"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
        manifest = {**rest, "sha256": sums}
    members |= {"tensors.safetensors": tensors, "manifest.json": json.dumps(manifest).encode()}
    return _packed(list(members.items()), as_zip=True)

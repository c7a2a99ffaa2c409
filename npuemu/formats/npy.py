"""``.npy`` streams and ``.npz`` archives of them, with the header checked before data is read."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from npuemu.formats.tensor import Array

Check = Callable[[np.dtype[Any], Sequence[int]], None]
_SUFFIX = ".npy"


def read_npy(path: Path, check: Check) -> Array:
    """The array of a ``.npy`` file. ``check(dtype, shape)`` raises if it is not the wanted one."""
    with path.open("rb") as stream:
        return _read_stream(stream, path.stat().st_size, check)


def keys_npz(path: Path) -> list[str]:
    """Names of the arrays in an archive."""
    with zipfile.ZipFile(path) as archive:
        return [n.removesuffix(_SUFFIX) for n in archive.namelist() if n.endswith(_SUFFIX)]


def read_npz(path: Path, key: str, check: Check) -> Array:
    """One array of an archive; the key is one of `keys_npz`."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(key + _SUFFIX)
        with archive.open(member) as stream:
            return _read_stream(stream, member.file_size, check)


def _read_stream(stream: IO[bytes], size: int, check: Check) -> Array:
    """``size``: bytes that the stream is said to hold."""
    shape, fortran, dtype, header = _read_header(stream)
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are refused")
    check(dtype, shape)
    expected = math.prod(shape) * dtype.itemsize
    # Asking for no more than the file can hold keeps a hostile header from reserving memory.
    found = max(size - header, 0)
    data = bytearray(expected if found >= expected else 0)
    if found < expected or stream.readinto(data) != expected:  # type: ignore[attr-defined]
        raise ValueError(f"truncated: the header promises {expected} bytes, found {found}")
    stream.read(1)  # an archive compares its checksum at the end of the member
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, Fortran order, type, and the bytes that the header took."""
    magic = stream.read(npy_format.MAGIC_LEN)
    if magic[:1] == b"\x80":
        raise ValueError("it is a Python pickle, which is refused")
    if not magic:
        raise ValueError("it is empty")
    if len(magic) < npy_format.MAGIC_LEN or not magic.startswith(npy_format.MAGIC_PREFIX):
        raise ValueError("it is no .npy data")
    version = (magic[-2], magic[-1])
    if version == (1, 0):
        parsed = npy_format.read_array_header_1_0(stream)
    elif version in ((2, 0), (3, 0)):  # 3.0 differs in the encoding of field names only
        parsed = npy_format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"unknown .npy version {version[0]}.{version[1]}")
    return parsed[0], parsed[1], parsed[2], stream.tell()


def write_npy(path: Path, array: Array) -> None:
    """Write one array."""
    with path.open("wb") as stream:
        npy_format.write_array(stream, array, allow_pickle=False)


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write an archive, uncompressed; the same arrays always give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for key, array in arrays.items():
            with archive.open(zipfile.ZipInfo(key + _SUFFIX), "w", force_zip64=True) as stream:
                npy_format.write_array(stream, array, allow_pickle=False)

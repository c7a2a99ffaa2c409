"""``.safetensors`` files, with the types NumPy lacks: BF16, FP8, E8M0 scales, packed FP4."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from npuemu.formats.format import Format
from npuemu.formats.tensor import Array, TensorError, check_shape, conform, from_bytes, to_bytes


def keys_safetensors(path: Path) -> list[str]:
    """Names of the tensors in a file."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as opened:
        return list(opened.keys())


def read_safetensors(
    path: Path, key: str, fmt: Format, shape: Sequence[int] | None, name: str
) -> Array:
    """One tensor of a file; the key is one of `keys_safetensors`. Reads no other tensor's data."""
    from safetensors import safe_open

    # The library checks the whole header against the file's size; only then are its offsets used.
    with safe_open(path, framework="numpy") as opened:
        entry = opened.get_slice(key)
        stored, found = entry.get_dtype(), entry.get_shape()
    width = 8 * fmt.item_bytes
    codes = fmt.is_raw and stored in (f"U{width}", f"I{width}")
    if stored != fmt.safetensors and not codes:
        wanted = f"{fmt.safetensors} or U{width} codes" if fmt.is_raw else fmt.safetensors
        raise TensorError(f"tensor '{name}': expected {wanted}, got {stored}")
    check_shape(found, fmt, shape, name)
    data = _data(path, key)
    if codes:
        return conform(np.frombuffer(data, fmt.storage).reshape(found), fmt, shape, name)
    return from_bytes(data, fmt, found, name)


def _data(path: Path, key: str) -> bytearray:
    with path.open("rb") as stream:
        header = int.from_bytes(stream.read(8), "little")
        start, end = json.loads(stream.read(header))[key]["data_offsets"]
        stream.seek(8 + header + start)
        data = bytearray(end - start)
        if stream.readinto(data) != len(data):
            raise ValueError("truncated")
        return data


def write_safetensors(path: Path, tensors: Mapping[str, tuple[Array, Format]]) -> None:
    """Write tensors, each in its own type."""
    from safetensors import TensorSpec, serialize_file

    kept = {}  # the library takes addresses: the bytes must outlive the call
    specs = {}
    for key, (array, fmt) in tensors.items():
        raw = kept[key] = to_bytes(array, fmt, None, key)
        stored = [*array.shape[:-1], array.shape[-1] // 2] if fmt.is_packed else list(array.shape)
        dtype = fmt.value_type + "_x2" * fmt.is_packed  # the library's name for packed pairs
        specs[key] = TensorSpec(
            dtype=dtype, shape=stored, data_ptr=raw.ctypes.data, data_len=raw.nbytes
        )
    serialize_file(specs, path)

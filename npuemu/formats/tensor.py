"""Tensors between NumPy arrays and the bytes of global memory.

In NumPy a tensor has its natural type: ``float32``, ``float16``, integers; ``ml_dtypes.bfloat16``,
``float8_e4m3fn`` and ``float8_e5m2``; ``uint8`` codes, one a byte, for ``e2m1`` and ``e8m0``. In
global memory it lies in C order, little-endian, without gaps; ``e2m1`` is packed two codes a byte
along the last axis, the even index in the low nibble.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.formats.format import E2M1, E8M0, Format

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
_CODES_IN_NUMPY = (E2M1, E8M0)  # scales and 4-bit codes are worked with as bits, not as numbers


class TensorError(ValueError):
    """A tensor, or a file of one, that is not what was asked for. The message is one line."""


def numpy_dtype(fmt: Format) -> np.dtype[Any]:
    """Type of the arrays that stand for tensors of this format."""
    if fmt in _CODES_IN_NUMPY:
        return np.dtype(fmt.storage)
    if fmt.numpy_type is not None:
        return np.dtype(fmt.numpy_type)
    return _ml_dtype(fmt)


def _ml_dtype(fmt: Format) -> np.dtype[Any]:
    import ml_dtypes  # late: only tensors of types NumPy lacks need it

    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, str(fmt.ml_dtypes_type)))
    return dtype


def byte_size(fmt: Format, shape: Sequence[int], name: str = "tensor") -> int:
    """Bytes of a tensor in global memory."""
    _check_extents(fmt, shape, name)
    count = 1
    for extent in shape:
        count *= extent
    return count * fmt.bits // 8


def _check_extents(fmt: Format, shape: Sequence[int], name: str) -> None:
    if any(extent < 0 for extent in shape):
        raise TensorError(f"tensor '{name}': shape {list(shape)} has a negative extent")
    if fmt.is_packed and (not shape or shape[-1] % 2):
        raise TensorError(
            f"tensor '{name}': {fmt.name} packs two codes a byte, so the last extent of its shape "
            f"{list(shape)} must be even"
        )


def conform(array: Any, fmt: Format, shape: Sequence[int] | None, name: str = "tensor") -> Array:
    """The array as a tensor of exactly this format and shape, in C order; bits are never changed.

    Accepted are the natural type, and for types NumPy lacks also ``ml_dtypes`` arrays, integers of
    the same width and the ``V1``/``V2`` that ``np.load`` makes of ``ml_dtypes`` arrays.
    ``shape=None`` accepts any shape.
    """
    try:
        given = np.asarray(array)
    except (ValueError, TypeError) as error:
        raise TensorError(f"tensor '{name}': not an array: {one_line(error)}") from None
    check_header(given.dtype, given.shape, fmt, shape, name)
    dense = np.array(given, order="C", dtype=given.dtype.newbyteorder("="), copy=None)
    if dense.dtype.names is None and dense.dtype.kind in "iuVf" and dense.dtype != numpy_dtype(fmt):
        dense = dense.view(numpy_dtype(fmt))
    if fmt.is_packed:
        _check_codes(dense, fmt, name)
    return dense


def check_header(
    dtype: np.dtype[Any], found: Sequence[int], fmt: Format, shape: Sequence[int] | None, name: str
) -> None:
    """Check type and shape, before any data need be read; raises `TensorError`."""
    if not _accepts(dtype, fmt):
        raise TensorError(f"tensor '{name}': expected {_wanted(fmt)}, got {_dtype_name(dtype)}")
    check_shape(found, fmt, shape, name)


def check_shape(found: Sequence[int], fmt: Format, shape: Sequence[int] | None, name: str) -> None:
    """Check a shape against the expected one (None: any that the format can have)."""
    if shape is not None and tuple(found) != tuple(shape):
        raise TensorError(
            f"tensor '{name}': expected {fmt.name} of shape {list(shape)}, got shape {list(found)}"
            f"{_shape_hint(fmt, found, shape)}"
        )
    _check_extents(fmt, found, name)


def _accepts(dtype: np.dtype[Any], fmt: Format) -> bool:
    if dtype.newbyteorder("=") == numpy_dtype(fmt):
        return True
    if not fmt.is_raw or dtype.itemsize != fmt.item_bytes:
        return False
    raw = dtype.kind in "iu" and dtype.name in (fmt.storage, fmt.storage[1:])
    return raw or _is_void(dtype) or dtype == _ml_dtype(fmt)


def _is_void(dtype: np.dtype[Any]) -> bool:
    """Plain bytes without fields: what ``np.load`` makes of ``ml_dtypes`` arrays."""
    return dtype.type is np.void and dtype.names is None and dtype.subdtype is None


def _wanted(fmt: Format) -> str:
    if not fmt.is_raw:
        return f"{fmt.numpy_type}"
    text = f"{fmt.name} ({fmt.ml_dtypes_type}, or raw {fmt.storage} codes"
    return text + (", one code a byte)" if fmt.is_packed else ")")


def _dtype_name(dtype: np.dtype[Any]) -> str:
    if _is_void(dtype):
        return f"void of {dtype.itemsize} bytes"
    return "a structured type" if dtype.type is np.void else dtype.name


def _shape_hint(fmt: Format, found: Sequence[int], shape: Sequence[int]) -> str:
    if fmt.is_packed and len(found) == len(shape) > 0 and 2 * found[-1] == shape[-1]:
        return " (packed codes? give one code a byte)"
    if tuple(found) == tuple(reversed(shape)):
        return " (transposed?)"
    return ""


def _check_codes(codes: Array, fmt: Format, name: str) -> None:
    wrong = codes >= fmt.code_count
    if wrong.any():
        where = [int(i) for i in np.unravel_index(int(np.argmax(wrong)), codes.shape)]
        raise TensorError(
            f"tensor '{name}': {fmt.name} codes are 0..{fmt.code_count - 1}, "
            f"got {int(codes[tuple(where)])} at {where}"
        )


def to_bytes(array: Any, fmt: Format, shape: Sequence[int] | None, name: str = "tensor") -> Bytes:
    """Bytes of the tensor as they lie in global memory: 1-D ``uint8``."""
    dense = conform(array, fmt, shape, name)
    raw = dense.reshape(-1).view(np.uint8)
    return pack_nibbles(raw) if fmt.is_packed else raw


def from_bytes(data: Any, fmt: Format, shape: Sequence[int], name: str = "tensor") -> Array:
    """The tensor (a copy) that these bytes of global memory hold.

    ``data``: a bytes-like object, or a 1-D ``uint8`` array.
    """
    raw = np.frombuffer(data, np.uint8)
    expected = byte_size(fmt, shape, name)
    if raw.size != expected:
        raise TensorError(
            f"tensor '{name}': {fmt.name} of shape {list(shape)} takes {expected} bytes, "
            f"got {raw.size}"
        )
    flat = unpack_nibbles(raw) if fmt.is_packed else raw.copy()
    return flat.view(numpy_dtype(fmt)).reshape(tuple(shape))


def pack_nibbles(codes: Bytes) -> Bytes:
    """Flat 4-bit codes, one a byte, an even count -> two a byte, even indices in low nibbles."""
    return np.asarray(codes[0::2] | (codes[1::2] << 4), np.uint8)


def unpack_nibbles(packed: Bytes) -> Bytes:
    """Inverse of `pack_nibbles`: twice as many bytes, each a code 0..15."""
    codes = np.empty(2 * packed.size, np.uint8)
    codes[0::2] = packed & 15
    codes[1::2] = packed >> 4
    return codes


def raw_codes(array: Array, fmt: Format) -> Array:
    """The bits of a conforming tensor as unsigned integers (``uint8``, ``uint16``, ``uint32``)."""
    return np.ascontiguousarray(array).view(fmt.storage).reshape(array.shape)


def one_line(error: BaseException) -> str:
    """The text of an exception, in one printable line of bounded length."""
    return show(" ".join(str(error).split()) or type(error).__name__)


def show(text: str, limit: int = 200) -> str:
    """Text from outside, fit for a message: control characters escaped, length bounded."""
    printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:limit])
    return printable + "..." * (len(text) > limit)

"""Compares tensors bit for bit and describes the first difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.verify.places import describe_places

Array = npt.NDArray[Any]
_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_NARROW = {"float4": 4, "float6": 6}


@dataclass(frozen=True)
class Difference:
    """The first differing element of a tensor, in row-major order, and where the others lie."""

    tensor: str
    index: tuple[int, ...]
    actual: str
    expected: str
    actual_bits: int
    expected_bits: int
    bits: int
    distance: str
    count: int
    total: int
    places: str
    note: str = ""

    def __str__(self) -> str:
        """Two lines for a person: the first element, then how many differ and where."""
        width = (self.bits + 3) // 4
        place = ", ".join(str(i) for i in self.index)
        first = (
            f"{self.tensor}[{place}] is {self.actual} (0x{self.actual_bits:0{width}X}), "
            f"expected {self.expected} (0x{self.expected_bits:0{width}X}): {self.distance}"
        )
        share = f"{self.count} of {self.total} elements differ: {self.places}"
        return "\n".join(line for line in (first, share, self.note) if line)


def compare(actual: Mapping[str, Array], expected: Mapping[str, Array]) -> str | None:
    """The first difference between two sets of tensors, described; None if all bits agree.

    Tensors are taken in the order of `expected`; one that only `actual` has is no difference.
    """
    for name, wanted in expected.items():
        if name not in actual:
            present = ", ".join(actual) or "none"
            return f"output {name} is missing (there: {present})"
        found = compare_tensors(name, np.asarray(actual[name]), np.asarray(wanted))
        if found is not None:
            return str(found)
    return None


def compare_tensors(name: str, actual: Array, expected: Array) -> Difference | str | None:
    """Bit-for-bit comparison of two arrays; a text where shape or type already differ.

    Raw integers or void items of the same width count as the type of `expected`.
    """
    if actual.shape != expected.shape:
        return f"{name} has shape {list(actual.shape)}, expected {list(expected.shape)}"
    if not _same_type(actual.dtype, expected.dtype):
        return f"{name} has type {actual.dtype.name}, expected {expected.dtype.name}"
    got, wanted = bit_patterns(actual), bit_patterns(expected)
    differs = got != wanted
    count = int(np.count_nonzero(differs))
    if count == 0:
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(differs)), differs.shape))
    dtype, x, y = expected.dtype, int(got[index]), int(wanted[index])
    width = _width(dtype)
    return Difference(
        tensor=name,
        index=index,
        actual=_text(x, dtype),
        expected=_text(y, dtype),
        actual_bits=x,
        expected_bits=y,
        bits=width,
        distance=_distance(x, y, dtype),
        count=count,
        total=differs.size,
        places=describe_places(differs),
        note=_unwritten_note(got, wanted, 8 * expected.dtype.itemsize),
    )


def bit_patterns(x: Array) -> Array:
    """The elements of `x` as unsigned integers of the same width and shape."""
    contiguous = np.ascontiguousarray(x).reshape(x.shape)
    return contiguous.view(_UNSIGNED[x.dtype.itemsize])


def ulp_distance(x: int, y: int, dtype: np.dtype[Any]) -> int | None:
    """Steps between two patterns along the type's ordered values; None if either is a NaN.

    +0 and -0 are 0 apart; Inf is one step beyond the largest finite value.
    """
    if _is_nan(x, dtype) or _is_nan(y, dtype):
        return None
    return abs(_ordered(x, dtype) - _ordered(y, dtype))


def largest_distance(got: Array, wanted: Array) -> tuple[int, tuple[int, ...]] | None:
    """The largest `ulp_distance` of two arrays of one shape and type, and its first index.

    Elements of which one is a NaN are left out; None if no others are there, and for types of
    8 bytes, whose distances may not fit.
    """
    dtype = wanted.dtype
    x, y = bit_patterns(got), bit_patterns(wanted)
    if x.size == 0 or dtype.itemsize > 4:
        return None
    steps = np.abs(_ordered_all(x, dtype) - _ordered_all(y, dtype))
    if _is_float(dtype):
        with np.errstate(all="ignore"):
            numbers = [np.isnan(bits.view(dtype).astype(np.float64)) for bits in (x, y)]
        steps = np.where(numbers[0] | numbers[1], -1, steps)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(steps)), steps.shape))
    return (int(steps[index]), index) if steps[index] >= 0 else None


def _same_type(actual: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    if actual == expected:
        return True
    raw = actual == np.dtype(_UNSIGNED.get(actual.itemsize, np.uint8)) or actual.type is np.void
    return raw and actual.itemsize == expected.itemsize


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.name.startswith(("float", "bfloat"))


def _width(dtype: np.dtype[Any]) -> int:
    """Bits of an element that count: a float4 or float6 lies in a byte of its own."""
    return _NARROW.get(dtype.name[:6], 8 * dtype.itemsize)


def _decode(bits: int, dtype: np.dtype[Any]) -> Any:
    return np.array(bits, _UNSIGNED[dtype.itemsize]).reshape(1).view(dtype)[0]


def _is_nan(bits: int, dtype: np.dtype[Any]) -> bool:
    return _is_float(dtype) and bool(np.isnan(np.float64(_decode(bits, dtype))))


def _ordered(bits: int, dtype: np.dtype[Any]) -> int:
    """An integer that is ordered as the values of `dtype` are."""
    if not _is_float(dtype):
        return int(_decode(bits, dtype))
    return int(_ordered_all(np.array([bits], _UNSIGNED[dtype.itemsize]), dtype)[0])


def _ordered_all(bits: Array, dtype: np.dtype[Any]) -> npt.NDArray[np.int64]:
    """`_ordered` of every pattern."""
    if not _is_float(dtype):
        return bits.view(dtype).astype(np.int64)
    whole = bits.astype(np.int64)
    if dtype.name.startswith("float8_e8m0"):
        return whole
    sign = np.int64(-1 << 63) if _width(dtype) == 64 else np.int64(1 << (_width(dtype) - 1))
    return np.where(whole & sign != 0, -(whole & ~sign), whole)


def _text(bits: int, dtype: np.dtype[Any]) -> str:
    value = _decode(bits, dtype)
    return f"{float(value):.9g}" if _is_float(dtype) else str(int(value))


def _distance(x: int, y: int, dtype: np.dtype[Any]) -> str:
    steps = ulp_distance(x, y, dtype)
    if steps is None:
        both = _is_nan(x, dtype) and _is_nan(y, dtype)
        return "both NaN, other bits" if both else "one is NaN"
    if not _is_float(dtype):
        return f"{steps} apart"
    return "the sign of zero" if steps == 0 else f"{steps} ULP apart"


def _unwritten_note(got: Array, wanted: Array, bits: int) -> str:
    fill = (1 << bits) - 1
    count = int(np.count_nonzero((got == fill) & (wanted != fill)))
    if count == 0 or bits < 16:
        return ""
    return f"{count} of them hold only ones: memory that the kernel never wrote"

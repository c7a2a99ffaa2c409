"""The comparison says which element, which values, which bits, how far apart, and where else."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from npuemu.verify.compare import (
    Difference,
    compare,
    compare_tensors,
    largest_distance,
    ulp_distance,
)
from npuemu.verify.places import describe_places

BF16 = np.dtype(ml_dtypes.bfloat16)


def _bf16(bits: list[list[int]]) -> np.ndarray:
    return np.array(bits, np.uint16).view(BF16)


def test_equal_bits_agree_even_as_nan() -> None:
    x = _bf16([[0x7FC0, 0x8000], [0x0001, 0x3F80]])
    assert compare({"C": x, "extra": x}, {"C": x.copy()}) is None


def test_first_difference_in_row_major_order() -> None:
    expected = np.ones((4, 6), BF16)
    actual = expected.copy()
    actual.view(np.uint16)[2, 3:] += 1
    actual.view(np.uint16)[3, 0] = 0
    found = compare_tensors("C", actual, expected)
    assert isinstance(found, Difference)
    assert (found.index, found.count, found.total) == ((2, 3), 4, 24)
    assert (found.actual_bits, found.expected_bits) == (0x3F81, 0x3F80)
    text = str(found)
    assert text.startswith("C[2, 3] is 1.0078125 (0x3F81), expected 1 (0x3F80): 1 ULP apart\n")
    assert "4 of 24 elements differ: rows 2-3, columns 0, 3-5 (4 of the 8 there)" in text


@pytest.mark.parametrize(
    ("actual", "expected", "words"),
    [
        (0x8000, 0x0000, "the sign of zero"),
        (0x7FC1, 0x7FC0, "both NaN, other bits"),
        (0x7F80, 0x7FC0, "one is NaN"),
        (0x7F80, 0x7F7F, "1 ULP apart"),
        (0x8001, 0x0001, "2 ULP apart"),
    ],
)
def test_distance_in_words(actual: int, expected: int, words: str) -> None:
    found = compare_tensors("C", _bf16([[actual]]), _bf16([[expected]]))
    assert isinstance(found, Difference) and found.distance == words


def test_ulp_distance_by_type() -> None:
    assert ulp_distance(0x3F800001, 0x3F7FFFFF, np.dtype(np.float32)) == 2
    assert ulp_distance(0xFF, 0x01, np.dtype(np.int8)) == 2
    assert ulp_distance(0x9, 0x1, np.dtype(ml_dtypes.float4_e2m1fn)) == 2
    assert ulp_distance(3, 254, np.dtype(ml_dtypes.float8_e8m0fnu)) == 251
    assert ulp_distance(0xFF, 254, np.dtype(ml_dtypes.float8_e8m0fnu)) is None


@pytest.mark.parametrize(
    ("dtype", "got", "wanted", "found"),
    [
        (BF16, [0x3F80, 0xBF80, 0x7FC0], [0x3F81, 0x3F80, 0], (2 * 0x3F80, (1,))),
        (np.dtype(np.float32), [5, 0x80000003], [5, 4], (7, (1,))),
        (np.dtype(np.float16), [0x7E00, 0], [0, 0xFE00], None),
        (np.dtype(ml_dtypes.float4_e2m1fn), [0x9, 0xF], [0x1, 0x7], (14, (1,))),
        (np.dtype(ml_dtypes.float8_e8m0fnu), [3, 0xFF], [254, 1], (251, (0,))),
        (np.dtype(np.int8), [0x80, 1], [0x7F, 1], (255, (0,))),
        (np.dtype(np.int32), [1 << 31], [(1 << 31) - 1], ((1 << 32) - 1, (0,))),
        (np.dtype(np.float64), [0], [1], None),
        (np.dtype(np.float32), [], [], None),
    ],
)
def test_largest_distance(
    dtype: np.dtype, got: list[int], wanted: list[int], found: tuple[int, tuple[int]] | None
) -> None:
    raw = np.dtype(f"u{dtype.itemsize}")
    arrays = [np.array(bits, raw).view(dtype) for bits in (got, wanted)]
    assert largest_distance(*arrays) == found


def test_integers_are_compared_as_integers() -> None:
    text = compare({"C": np.array([1, -5], np.int32)}, {"C": np.array([1, 7], np.int32)})
    assert text is not None
    assert text.startswith("C[1] is -5 (0xFFFFFFFB), expected 7 (0x00000007): 12 apart")


@pytest.mark.parametrize("raw", [np.dtype(np.uint16), np.dtype("V2")])
def test_raw_items_of_the_same_width_count_as_the_type(raw: np.dtype) -> None:
    x = _bf16([[0x3F80, 0x4000]])
    assert compare_tensors("C", x.view(raw), x) is None


def test_shape_type_and_absence_are_differences() -> None:
    x = np.zeros((2, 3), np.float32)
    assert compare({"C": x.T}, {"C": x}) == "C has shape [3, 2], expected [2, 3]"
    assert compare({"C": x.astype(np.int32)}, {"C": x}) == "C has type int32, expected float32"
    assert compare({"D": x}, {"C": x}) == "output C is missing (there: D)"


def test_unwritten_memory_is_named() -> None:
    expected = np.zeros((2, 4), np.float32)
    actual = expected.copy()
    actual.view(np.uint32)[1] = 0xFFFFFFFF
    text = compare({"C": actual}, {"C": expected})
    assert text is not None and "4 of them hold only ones" in text


def test_scalars_and_empty_tensors() -> None:
    assert compare({"s": np.float32(1)}, {"s": np.float32(1)}) is None
    assert compare({"s": np.zeros((0, 4))}, {"s": np.zeros((0, 4))}) is None
    text = compare({"s": np.array(2.0, np.float32)}, {"s": np.array(1.0, np.float32)})
    assert text is not None and text.startswith("s[] is 2 ")


def _mask(shape: tuple[int, ...], *where: object) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for index in where:
        mask[index] = True  # type: ignore[index]
    return mask


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (_mask((4, 4), (1, 2)), "row 1, column 2"),
        (_mask((4, 4), np.s_[:, :]), "all 4 rows, all 4 columns"),
        (_mask((64, 32), np.s_[16:32, :]), "rows 16-31, all 32 columns"),
        (_mask((64, 32), np.s_[3::16, 5]), "rows 3, 19, ..., 51 (every 16th), column 5"),
        (_mask((9, 9), (0, 0), (8, 8)), "rows 0, 8, columns 0, 8 (2 of the 4 there)"),
        (_mask((8,), 1, 2, 3, 6), "indices 1-3, 6"),
        (_mask((2, 3, 4), (1, 2, 0)), "row 5, column 0"),
        (
            _mask((30, 1), 0, 2, 5, 7, 11, 20),
            "rows 0, 2, 5, 7, ... (6 in all), column 0",
        ),
    ],
)
def test_places_in_words(mask: np.ndarray, words: str) -> None:
    assert describe_places(mask) == words

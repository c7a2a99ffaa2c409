"""Tensors between NumPy arrays and the bytes of global memory."""

from __future__ import annotations

import io

import ml_dtypes
import numpy as np
import pytest

from npuemu.formats.format import BF16, E2M1, E4M3, E5M2, E8M0, F16, F32, FORMATS, S8, S32, Format
from npuemu.formats.tensor import (
    TensorError,
    byte_size,
    conform,
    from_bytes,
    numpy_dtype,
    pack_nibbles,
    raw_codes,
    to_bytes,
    unpack_nibbles,
)

EVERY = pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda f: f.name)
RAW = pytest.mark.parametrize(
    "fmt", [f for f in FORMATS.values() if f.is_raw], ids=lambda f: f.name
)


def sample(fmt: Format, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random bits in a tensor of this format."""
    codes = np.random.default_rng(seed).integers(0, fmt.code_count, shape, np.uint64)
    return codes.astype(fmt.storage).view(numpy_dtype(fmt))


@EVERY
def test_bytes_round_trip(fmt: Format) -> None:
    array = sample(fmt, (3, 5, 4))
    data = to_bytes(array, fmt, (3, 5, 4), "w")
    assert data.dtype == np.uint8 and data.size == byte_size(fmt, (3, 5, 4))
    back = from_bytes(data, fmt, (3, 5, 4), "w")
    assert back.dtype == array.dtype
    assert np.array_equal(raw_codes(back, fmt), raw_codes(array, fmt))
    assert back.flags.writeable and not np.shares_memory(back, data)
    assert from_bytes(data.tobytes(), fmt, [3, 5, 4]).tobytes() == array.tobytes()


def test_natural_types() -> None:
    natural = {f.name: numpy_dtype(f).name for f in FORMATS.values()}
    assert natural == {
        "f32": "float32",
        "f16": "float16",
        "bf16": "bfloat16",
        "e4m3": "float8_e4m3fn",
        "e5m2": "float8_e5m2",
        "e2m1": "uint8",
        "e8m0": "uint8",
        "s32": "int32",
        "s16": "int16",
        "s8": "int8",
        "u32": "uint32",
        "u16": "uint16",
        "u8": "uint8",
    }


def test_e2m1_packs_even_k_into_low_nibbles() -> None:
    codes = np.array([[1, 2, 3, 4], [15, 0, 8, 7]], np.uint8)
    assert to_bytes(codes, E2M1, (2, 4)).tolist() == [0x21, 0x43, 0x0F, 0x78]
    assert unpack_nibbles(pack_nibbles(codes.reshape(-1))).tolist() == codes.reshape(-1).tolist()


def test_little_endian_bytes() -> None:
    assert to_bytes(np.array([0x01020304], np.int32), S32, (1,)).tolist() == [4, 3, 2, 1]
    assert to_bytes(np.array([1], ">f4"), F32, (1,)).tolist() == [0, 0, 0x80, 0x3F]
    assert to_bytes(np.array([0x3F80], ">u2"), BF16, (1,)).tolist() == [0x80, 0x3F]


@RAW
def test_types_numpy_lacks_come_in_many_clothes(fmt: Format) -> None:
    array = sample(fmt, (4, 6))
    raw = raw_codes(array, fmt)
    signed = raw.view(f"int{8 * fmt.item_bytes}")
    void = raw.view(f"V{fmt.item_bytes}")
    named = raw.view(getattr(ml_dtypes, str(fmt.ml_dtypes_type)))
    for given in (array, raw, signed, void, named):
        ours = conform(given, fmt, (4, 6), "w")
        assert ours.dtype == numpy_dtype(fmt)
        assert np.array_equal(raw_codes(ours, fmt), raw)


def test_what_numpy_makes_of_saved_bfloat16() -> None:
    file = io.BytesIO()
    np.save(file, np.array([1.5, -2.0], ml_dtypes.bfloat16))
    file.seek(0)
    loaded = np.load(file)
    assert loaded.dtype == "V2"
    assert conform(loaded, BF16, (2,)).tolist() == [1.5, -2.0]


@EVERY
def test_any_memory_order_and_stride(fmt: Format) -> None:
    array = sample(fmt, (6, 8))
    for view in (array.T.copy().T, np.repeat(array, 2, axis=0)[::2], array[::-1][::-1]):
        assert to_bytes(view, fmt, (6, 8)).tobytes() == to_bytes(array, fmt, (6, 8)).tobytes()


def test_bits_are_never_changed() -> None:
    nan = np.array([0xFFC12345, 0x7F800001], np.uint32).view(np.float32)
    assert to_bytes(nan, F32, (2,)).view(np.uint32).tolist() == [0xFFC12345, 0x7F800001]


BAD = [
    (np.zeros((2, 2), np.float64), F32, (2, 2), "expected float32, got float64"),
    (np.zeros((2, 2), np.int32), F32, (2, 2), "expected float32, got int32"),
    (np.zeros((2, 2), np.uint16), F16, (2, 2), "expected float16, got uint16"),
    (np.zeros((2, 2), np.uint8), S8, (2, 2), "expected int8, got uint8"),
    (
        np.zeros((2, 2), np.float16),
        BF16,
        (2, 2),
        "expected bf16 (bfloat16, or raw uint16 codes), got float16",
    ),
    (np.zeros((2, 2), "V4"), BF16, (2, 2), "got void of 4 bytes"),
    (np.zeros((2, 2), [("a", "u1"), ("b", "u1")]), BF16, (2, 2), "got a structured type"),
    (np.zeros((2, 2), ml_dtypes.bfloat16), E4M3, (2, 2), "got bfloat16"),
    (np.zeros((2, 2), ml_dtypes.float8_e4m3fn), E5M2, (2, 2), "got float8_e4m3fn"),
    (np.zeros((2, 2), bool), E8M0, (2, 2), "got bool"),
    (np.array([["a"]]), F32, (1, 1), "expected float32, got str"),
    (np.array([[None]]), F32, (1, 1), "expected float32, got object"),
    (np.zeros((2, 3), np.float32), F32, (3, 2), "got shape [2, 3] (transposed?)"),
    (np.zeros(6, np.float32), F32, (3, 2), "expected f32 of shape [3, 2], got shape [6]"),
    (np.zeros((2, 2), np.uint8), E2M1, (2, 4), "(packed codes? give one code a byte)"),
    (np.zeros((2, 3), np.uint8), E2M1, (2, 3), "shape [2, 3] must be even"),
    (np.array([[1, 16]], np.uint8), E2M1, (1, 2), "e2m1 codes are 0..15, got 16 at [0, 1]"),
    ([[1.0], [2.0, 3.0]], F32, (2, 2), "not an array: "),
]


@pytest.mark.parametrize(("array", "fmt", "shape", "message"), BAD, ids=range(len(BAD)))
def test_bad_tensors_end_in_one_clear_line(array, fmt, shape, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TensorError) as caught:
        conform(array, fmt, shape, "weight")
    text = str(caught.value)
    assert text.startswith("tensor 'weight': ") and message in text and "\n" not in text


def test_wrong_byte_counts_and_shapes() -> None:
    with pytest.raises(TensorError, match=r"'w': f32 of shape \[2, 2\] takes 16 bytes, got 15"):
        from_bytes(bytes(15), F32, (2, 2), "w")
    with pytest.raises(TensorError, match="negative extent"):
        byte_size(F32, (2, -2))
    assert byte_size(E2M1, (0, 4)) == 0 and byte_size(F32, ()) == 4
    assert issubclass(TensorError, ValueError)

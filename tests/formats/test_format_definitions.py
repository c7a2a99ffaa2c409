"""What every code means: the scalar reference against ml_dtypes, gfloat and the formats' tables."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import gfloat
import gfloat.formats
import ml_dtypes
import numpy as np
import pytest

from npuemu.formats import scalar
from npuemu.formats.format import (
    BF16,
    E2M1,
    E4M3,
    E5M2,
    E8M0,
    F16,
    F32,
    FORMATS,
    S8,
    U16,
    Format,
    FormatError,
    get,
)
from npuemu.formats.scalar import ROUNDINGS, Special
from tests.oracles.format_oracle import to_float, to_number

GFLOAT = {
    "f32": gfloat.formats.format_info_binary32,
    "f16": gfloat.formats.format_info_binary16,
    "bf16": gfloat.formats.format_info_bfloat16,
    "e4m3": gfloat.formats.format_info_ocp_e4m3,
    "e5m2": gfloat.formats.format_info_ocp_e5m2,
    "e2m1": gfloat.formats.format_info_ocp_e2m1,
    "e8m0": gfloat.formats.format_info_ocp_e8m0,
}
SMALL = [f for f in FORMATS.values() if f.bits <= 8]
GFLOAT_ROUNDINGS = {
    "rint": gfloat.RoundMode.TiesToEven,
    "round": gfloat.RoundMode.TiesToAway,
    "floor": gfloat.RoundMode.TowardNegative,
    "ceil": gfloat.RoundMode.TowardPositive,
    "trunc": gfloat.RoundMode.TowardZero,
}


def _same(a: float, b: float) -> bool:
    return (np.isnan(a) and np.isnan(b)) or (a == b and np.signbit(a) == np.signbit(b))


def _numpy_values(fmt: Format) -> np.ndarray:
    """All codes of a format seen through NumPy or ml_dtypes, as float64."""
    codes = np.arange(fmt.code_count).astype(fmt.storage)
    owner = np if fmt.numpy_type else ml_dtypes
    with np.errstate(invalid="ignore"):
        return codes.view(getattr(owner, fmt.value_type)).astype(np.float64)


@pytest.mark.parametrize("fmt", [f for f in FORMATS.values() if f.bits <= 16], ids=lambda f: f.name)
def test_every_code_means_what_numpy_and_ml_dtypes_say(fmt: Format) -> None:
    theirs = _numpy_values(fmt)
    wrong = [
        c for c in range(fmt.code_count) if not _same(to_float(scalar.decode(fmt, c)), theirs[c])
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["e4m3", "e5m2", "e2m1", "e8m0"])
def test_every_small_code_means_what_gfloat_says(name: str) -> None:
    fmt = get(name)
    for code in range(fmt.code_count):
        theirs = gfloat.decode_float(GFLOAT[name], code).fval
        assert _same(to_float(scalar.decode(fmt, code)), theirs), hex(code)


def test_f32_codes_mean_what_numpy_says() -> None:
    codes = np.random.default_rng(1).integers(0, 1 << 32, 5000, np.uint32)
    with np.errstate(invalid="ignore"):
        values = codes.view(np.float32).astype(np.float64)
    for code, value in zip(codes.tolist(), values.tolist(), strict=True):
        assert _same(to_float(scalar.decode(F32, code)), value), hex(code)


@pytest.mark.parametrize("fmt", [*SMALL, F16, BF16], ids=lambda f: f.name)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_decode_then_encode_is_the_identity(fmt: Format, rounding: str) -> None:
    step = 1 if fmt.bits <= 8 else 17
    for code in range(0, fmt.code_count, step):
        value = scalar.decode(fmt, code)
        expected = fmt.nan_code if value is Special.NAN else code
        assert scalar.encode(fmt, value, rounding) == expected, hex(code)


@pytest.mark.parametrize("name", GFLOAT)
@pytest.mark.parametrize("rounding", GFLOAT_ROUNDINGS)
def test_rounding_agrees_with_gfloat_inside_the_range(name: str, rounding: str) -> None:
    fmt = get(name)
    rng = np.random.default_rng(7)
    top = to_float(scalar.decode(fmt, fmt.max_finite_code))
    bottom = to_float(scalar.decode(fmt, 1))
    size = np.exp2(rng.uniform(np.log2(bottom) - 3, np.log2(top) - 1e-6, 1000))
    if fmt is E8M0:  # below 2**-127 gfloat gives NaN; ties do not occur in this sample
        size = size[size >= 2.0**-127]
    sign = rng.choice([-1.0, 1.0], size.size) if fmt.signed else 1.0
    for value in (sign * size).tolist():
        theirs = gfloat.round_float(GFLOAT[name], value, GFLOAT_ROUNDINGS[rounding])
        ours = to_float(scalar.decode(fmt, scalar.encode(fmt, Fraction(value), rounding)))
        assert _same(ours, theirs), value


def test_e8m0_rounds_as_ml_dtypes() -> None:
    bits = np.arange(0, 1 << 32, 65521 * 8, dtype=np.uint64).astype(np.uint32)
    ties = (np.arange(1, 255, dtype=np.uint32) << 23) | 0x400000
    values = np.concatenate([bits, ties, ties - 1, ties + 1]).view(np.float32)
    with np.errstate(invalid="ignore"):
        theirs = values.astype(ml_dtypes.float8_e8m0fnu).view(np.uint8)
        wide = values.astype(np.float64)
    ours = [scalar.encode(E8M0, to_number(v)) for v in wide.tolist()]
    # Theirs goes up from 2**-127 at once, not from 1.5 * 2**-127: one binade of subnormals.
    bits = values.view(np.uint32)
    assert ours == np.where((bits > 0x400000) & (bits < 0x600000), 0, theirs).tolist()


NAN_CODES = {"f32": 0x7FC00000, "bf16": 0x7FC0, "f16": 0x7E00, "e4m3": 0x7F, "e5m2": 0x7E}


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_nan_is_canonical_and_zero_where_there_is_none(rounding: str) -> None:
    expected = {**NAN_CODES, "e8m0": 0xFF}
    for name, fmt in FORMATS.items():
        assert scalar.encode(fmt, Special.NAN, rounding) == expected.get(name, 0)


def test_overflow_table() -> None:
    huge = {"+": Fraction(2) ** 300, "-": -(Fraction(2) ** 300)}
    inf, largest = {"+": 0x7C00, "-": 0xFC00}, {"+": 0x7BFF, "-": 0xFBFF}
    infinite = {"rint": "+-", "round": "+-", "floor": "-", "ceil": "+", "trunc": "", "odd": ""}
    for rounding, signs in infinite.items():
        for sign, value in huge.items():
            code = inf[sign] if sign in signs else largest[sign]
            assert scalar.encode(F16, value, rounding) == code
            assert scalar.encode(F16, value, rounding, saturate=True) == largest[sign]
            assert scalar.encode(E4M3, value, rounding) == (0x7E if sign == "+" else 0xFE)
            assert scalar.encode(E2M1, value, rounding) == (7 if sign == "+" else 15)
    assert scalar.encode(F16, Special.NEGATIVE_INF) == 0xFC00
    assert scalar.encode(E4M3, Special.POSITIVE_INF) == 0x7E
    assert scalar.encode(E4M3, Special.POSITIVE_INF, saturate=False) == 0x7F
    assert scalar.encode(E8M0, Fraction(3, 2) * 2**127) == 0xFF
    assert scalar.encode(E8M0, Fraction(3, 2) * 2**127, "floor") == 0xFE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5/2", {"rint": 2, "floor": 2, "ceil": 3, "round": 3, "trunc": 2, "odd": 3}),
        ("7/2", {"rint": 4, "floor": 3, "ceil": 4, "round": 4, "trunc": 3, "odd": 3}),
        ("-5/2", {"rint": -2, "floor": -3, "ceil": -2, "round": -3, "trunc": -2, "odd": -3}),
        ("-1/4", {"rint": 0, "floor": -1, "ceil": 0, "round": 0, "trunc": 0, "odd": -1}),
        ("255/2", {"rint": 127, "floor": 127, "ceil": 127, "round": 127, "odd": 127}),
        ("-300", dict.fromkeys(ROUNDINGS, -128)),
    ],
)
def test_integers_round_and_saturate(value: str, expected: dict[str, int]) -> None:
    for rounding, result in expected.items():
        assert scalar.encode(S8, Fraction(value), rounding) == result & 0xFF


def test_integers_wrap_on_request() -> None:
    assert scalar.encode(U16, Fraction(65536 + 5), saturate=False) == 5
    assert scalar.encode(S8, Fraction(-129), saturate=False) == 127
    assert scalar.encode(S8, Special.NEGATIVE_INF) == 0x80


def test_known_values() -> None:
    assert [to_float(scalar.decode(E2M1, c)) for c in range(8)] == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert scalar.decode(E2M1, 8) is Special.NEGATIVE_ZERO
    assert scalar.decode(E4M3, 0x7E) == 448 and scalar.decode(E5M2, 0x7B) == 57344
    assert scalar.decode(E8M0, 0) == Fraction(1, 2**127) and scalar.decode(E8M0, 254) == 2**127
    assert F32.inf_code == 0x7F800000 and BF16.inf_code == 0x7F80
    with pytest.raises(FormatError):
        _ = E4M3.inf_code


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(FormatError, match="no number format 'fp16'; did you mean 'f16'"):
        get("fp16")
    with pytest.raises(ValueError, match="no rounding mode 'nearest'"):
        scalar.encode(F16, 1, "nearest")
    with pytest.raises(ValueError, match="e2m1 has no code 16"):
        scalar.decode(E2M1, 16)


def test_definitions_import_neither_numba_nor_numpy() -> None:
    code = (
        "import sys, npuemu.formats.format, npuemu.formats.scalar;"
        "print(sorted({'numba', 'numpy', 'ml_dtypes'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

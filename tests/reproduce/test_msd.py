"""The study of Multi-Scale Dequant: its figures, and that its checks can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npuemu.formats import activations
from npuemu.formats.activations import Rows
from npuemu.reproduce import bits, gemm, msd, values
from npuemu.reproduce.minilm import model
from npuemu.reproduce.rows import Found

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"


@pytest.fixture(scope="module")
def measured() -> dict[str, float]:
    """Effective bits by the row's claim, over a million values."""
    section = bits.Bits(1_000_000, 4096)
    rows = [r for d in values.DISTRIBUTIONS[:2] for r in section.drawn_values(d).rows]
    return {row.claim: row.value for row in rows if row.value is not None}


@pytest.mark.parametrize(
    ("claim", "known"),
    [
        ("uniform, rows of 32: INT8 split, two parts", 16.07),
        ("normal, rows of 32: INT8 split, two parts", 15.53),
        ("uniform, rows of 32: MXFP4 split, two parts", 6.57),
        ("normal, rows of 32: MXFP4 split, two parts", 5.84),
        ("uniform, rows of 32: MXFP8, one pass", 5.40),
        ("normal, rows of 32: MXFP8, one pass", 5.23),
    ],
)
def test_effective_bits(measured: dict[str, float], claim: str, known: float) -> None:
    """Figures of an independent float64 calculation."""
    assert measured[f"effective bits, {claim}"] == pytest.approx(known, abs=0.01)


def test_bounds_are_kept_and_reached() -> None:
    found = {r.claim: r for r in bits.Bits(0, 4096).bounds().rows}
    assert [r.sound for r in found.values()] == [True] * 3
    int8 = found["largest error, INT8 split of bf16 values"].value
    mxfp4 = found["largest error, MXFP4 split"].value
    assert int8 is not None and 1 < int8 < 1 + 2.0**-18 and mxfp4 == 1.0


def _textbook(array: np.ndarray) -> Rows:
    """The split with s2 = fl(s1 / 254), whose rounding errors grow with the high part."""
    right = activations.split_int8(array)
    largest = np.maximum(np.abs(array).max(axis=1), np.float32(2.0**-100))
    second = (largest / np.float32(127)) / np.float32(254)
    rest = array - np.float32(254) * right.codes * second[:, None]
    low = np.clip(np.rint(rest / second[:, None]), -128, 127).astype(np.int8)
    return Rows(right.codes, low, second * np.float32(1 + 2.0**-16))


def test_a_split_with_a_larger_error_fails() -> None:
    bound = bits.BOUNDS[0]
    sums = bits.Sums()
    for chunk in bound.cases(0):
        sums.add(replace(bound.scheme, convert=_textbook), chunk)
    assert bound.row(sums).verdict == "FAILS"


def test_worst_cases_are_what_they_say() -> None:
    rows = values.every_bf16_row(0)
    assert rows.shape[0] == 128 and len(np.unique(np.abs(rows).max(axis=1))) == 128
    for exponent in (-124, 0, 127):
        chunk = values.every_bf16_row(exponent)
        assert np.isfinite(chunk).all() and np.array_equal(chunk, values.bf16(chunk))
    assert all(np.isfinite(c).all() for c in bits.bf16_cases(4096))
    assert all(np.isfinite(c).all() for c in bits.mx_cases(4096))


def test_without_the_network_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PACKAGE", "no_such_package")
    (row,) = bits.Bits(0, 0).real_values().rows
    assert row.verdict == "not run" and row.where.startswith("not installed: pip install")


def test_every_gemm_kernel_is_in_the_table() -> None:
    listed = {g.kernel for g in gemm.GEMMS}
    bundled = {p.parent.name for p in PROGRAMS.glob("gemm_*/kernel.npu")}
    assert bundled <= listed
    missing = gemm.Gemm("gemm_none", "int8", "no such kernel")
    (row,) = gemm.GemmErrors(16, 32, (64,)).rows(missing, "normal").rows
    assert row.verdict == "not run" and "gemm_none is not among" in row.where


def test_gemm_errors_are_those_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    small = gemm.GemmErrors(17, 32, (128, 256))
    split = next(g for g in gemm.GEMMS if g.kernel == "gemm_w8a16_msd")
    found: Found = small.rows(split, "normal")
    (row,) = found.rows
    assert row.sound and "bits as defined" in row.where and len(found.curves) == 2
    inputs, exact = gemm.problem(split, "normal", 17, 32, 256)
    golden = gemm.load_golden(split.kernel)
    assert golden.unrounded is not None
    before = gemm.relative(golden.unrounded(inputs, {})["C"], exact)
    after = gemm.relative(golden.golden(inputs, {})["C"], exact)
    assert row.ours == f"{before:.2e} -> {after:.2e}" and before < 1e-4 < after

    def off_by_one(given: dict[str, np.ndarray], params: dict[str, int]) -> dict[str, np.ndarray]:
        assert golden.unrounded is not None
        return {"C": golden.unrounded(given, params)["C"] * np.float32(1.01)}

    monkeypatch.setattr(gemm, "load_golden", lambda _: replace(golden, unrounded=off_by_one))
    (row,) = small.rows(split, "normal").rows
    assert row.verdict == "FAILS" and "NOT AS DEFINED" in row.where


def test_the_quick_study_is_a_part_of_the_full_one() -> None:
    assert set(msd.QUICK.lengths) <= set(msd.FULL.lengths)
    assert msd.FULL.values >= 10**8 and msd.QUICK.values >= 10**7
    titles = [s.title for s in msd.sections(msd.QUICK)]
    assert titles == [s.title for s in msd.sections(msd.FULL)]

"""The golden definitions' exp against mpmath, at hard arguments and over a wide sweep."""

from __future__ import annotations

import attention_oracle
import golden_oracle as oracle
import mpmath
import numpy as np
import pytest
from golden_loader import load_shared

golden_exp = load_shared("golden_exp")
ONE = 0x3F800000


def _arguments(seed: int) -> np.ndarray:
    """Uniform, small, subnormal results, all bit patterns, specials."""
    rng = np.random.default_rng(seed)
    small = -rng.uniform(0.5, 1, 1500) * np.exp2(rng.integers(-40, 1, 1500))
    special = [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        3e38,
        -3e38,
        1e-45,
        88.72283,
        88.72284,
        -87.33655,
    ]
    special += [-103.27893, -103.97207, -103.97209, -103.972084, -104.0, 89.0]
    parts = [rng.uniform(-105, 90, 3000), rng.uniform(-104, -87, 1500), small, special]
    bits = rng.integers(0, 1 << 32, 1500, np.uint32).view(np.float32)
    return np.concatenate([*(np.array(part, np.float32) for part in parts), bits])


@pytest.mark.parametrize("seed", range(2))
def test_exp_is_correctly_rounded(seed: int) -> None:
    x = _arguments(seed)
    got = golden_exp.exp32(x).view(np.uint32)
    for argument, result in zip(x.view(np.uint32).tolist(), got.tolist(), strict=True):
        assert result == attention_oracle.exp(argument), f"{argument:08x}"


def test_exp_next_to_midpoints() -> None:
    """exp(2**-24) = 1 + 2**-24 + 2**-49 lies just above a midpoint, its kin just as near others."""
    up, down = 2.0**-24, -(2.0**-25)
    got = golden_exp.exp32(np.array([up, down, 3 * down, 2 * down], np.float32)).view(np.uint32)
    assert got.tolist() == [ONE + 1, ONE, ONE - 1, ONE - 1]
    low, high, exponent = golden_exp._enclosure(up, 96)
    assert low < (1 << 96) + (1 << 72) + (1 << 47) + (1 << 24) // 6 < high and exponent == -96


def test_the_float64_step_keeps_its_bound_and_leaves_hard_arguments_open() -> None:
    x = _arguments(5)
    x = np.clip(x[np.isfinite(x)].astype(np.float64), -104, 89)
    with mpmath.workprec(120):
        exact = [mpmath.exp(value) for value in x.tolist()]
        pairs = zip(golden_exp._exp64(x).tolist(), exact, strict=True)
        worst = max(abs(got / true - 1) for got, true in pairs)
    assert worst < golden_exp._BOUND / 2
    y = golden_exp._exp64(np.array([2.0**-24, -(2.0**-25)]))
    ends = [(y * (1 + s * golden_exp._BOUND)).astype(np.float32) for s in (-1, 1)]
    assert (ends[0] != ends[1]).all(), "these must reach the integers"


def test_the_integer_step_alone() -> None:
    x = _arguments(6)
    x = x[np.isfinite(x) & (x > -104) & (x < 89) & (x != 0)][::7]
    for value in x.tolist():
        got = np.float32(golden_exp._exp_by_integers(value)).view(np.uint32)
        assert int(got) == attention_oracle.exp(int(np.float32(value).view(np.uint32))), value
        low, high, exponent = golden_exp._enclosure(value, 96)
        with mpmath.workprec(250):
            true = mpmath.exp(value)
            assert mpmath.ldexp(low, exponent) < true < mpmath.ldexp(high, exponent)


def test_a_wide_sweep_agrees_with_float64_where_that_decides() -> None:
    """Every 1021st float32 pattern: NumPy's own float64 exp, wherever 2**-50 cannot matter."""
    x = np.arange(0, 1 << 32, 1021, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = x[np.isfinite(x)]
    with np.errstate(all="ignore"):
        y = np.exp(x.astype(np.float64))
        low, high = ((y * (1 + s * 2.0**-50)).astype(np.float32) for s in (-1, 1))
    decided = low == high
    assert decided.mean() > 0.999
    assert np.array_equal(golden_exp.exp32(x)[decided], low[decided])


def test_inverse_root() -> None:
    attention = load_shared("golden_attention")
    for d in (1, 2, 3, 4, 5, 12, 32, 64, 96, 128, 160, 192, 256, 512):
        assert attention.inverse_root(d).view(np.uint32) == attention_oracle.inverse_root(d)
    assert oracle.value(attention_oracle.inverse_root(64)) * 8 == 1

"""gemm: a tiled matrix product whose schedule comes from the includes of npuemu."""

import numpy as np
import pytest
from definitions import gemm

from npuemu.testing import assert_bit_exact, assert_clean, assert_cycles


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
def test_shapes_with_and_without_tails(npu, machine):
    for m, n, k in ((64, 64, 64), (33, 80, 96)):
        run = npu.run("kernels/gemm.npu", machine=machine, M=m, N=n, K=k)
        assert_clean(run)
        assert_bit_exact(run, gemm)


def test_identity(npu):
    a = np.arange(64 * 64, dtype=np.float32).reshape(64, 64) / 64 - 32
    run = npu.run("kernels/gemm.npu", inputs={"A": bf16(a), "W": bf16(np.eye(64))})
    assert_bit_exact(run, {"C": bf16(a)})


def test_two_blocks_are_faster_and_agree(npu):
    one = npu.run("kernels/gemm.npu", M=128, N=128, K=128)
    two = npu.run("kernels/gemm.npu", M=128, N=128, K=128, blocks=2)
    assert_cycles(two, at_most=0.8 * one.cycles)
    assert_bit_exact(two, one.outputs)


@pytest.mark.parametrize("k", [32, 64])
def test_values_are_as_recorded(npu, k):
    npu.golden(npu.run("kernels/gemm.npu", M=16, N=32, K=k, seed=5))


def bf16(x):
    """bfloat16 numbers of an array."""
    import ml_dtypes

    return np.asarray(x).astype(ml_dtypes.bfloat16)

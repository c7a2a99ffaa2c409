"""scale_add: a vector kernel, double-buffered on all vector cores."""

import numpy as np
import pytest
from definitions import scale_add

import npuemu
from npuemu.testing import assert_bit_exact, assert_clean, assert_cycles

KERNEL = "kernels/scale_add.npu"


@pytest.mark.parametrize("n", [2048, 6144, 16384])
@pytest.mark.parametrize("blocks", [1, 3])
def test_every_size_is_exact(npu, n, blocks):
    run = npu.run(KERNEL, N=n, blocks=blocks, seed=n)  # inputs that are not given are drawn
    assert_clean(run)
    assert_bit_exact(run, scale_add)


def test_awkward_values(npu):
    x = np.resize(np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3.4e38]), 2048)
    y = np.resize(np.float32([-0.0, 0.0, -np.inf, 1.0, 3.4e38]), 2048)
    run = npu.run(KERNEL, inputs={"X": x, "Y": y}, N=2048)
    assert_clean(run)
    assert_bit_exact(run, "Z", scale_add({"X": x, "Y": y}, {})["Z"])


def test_it_stays_fast(npu):
    run = npu.run(KERNEL, N=65536, mode="timing")
    assert_cycles(run, at_most=6100)


def test_both_vector_cores_share_the_work(npu):
    one = npu.run(KERNEL, N=2048, mode="timing")
    both = npu.run(KERNEL, N=4096, mode="timing")
    assert_cycles(both, at_most=1.1 * one.cycles)


def test_values_are_as_recorded(npu):
    npu.golden(npu.run(KERNEL, N=256, PIECE=64, seed=1))


def test_a_size_that_does_not_fit_is_refused(npu):
    with pytest.raises(npuemu.UserError, match="N must be a multiple of PIECE"):
        npu.load(KERNEL, N=1000)

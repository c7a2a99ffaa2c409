"""A kernel written in the test: what assert_clean reports, and how a finding is allowed."""

import pytest

from npuemu.testing import assert_bit_exact, assert_clean

TEXT = """
.kernel lost
.machines ascend910b1
.tensor X f32 [64] in
.tensor Y f32 [64] out
.buffer x UB 256
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r1, x
    li r2, X
    li r3, Y
    mov_gm_ub r1, r2, len=256
    set_flag MTE2, MTE3, 0
    set_flag MTE2, V, 0                 ; nobody waits for it
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r3, r1, len=256
end:
    halt
"""


def test_a_lost_flag_is_found(npu):
    run = npu.run(npu.assemble(TEXT))
    with pytest.raises(AssertionError, match="W121"):
        assert_clean(run)
    assert_clean(run, allow={"W121"})
    assert_bit_exact(run, "Y", run.inputs["X"])

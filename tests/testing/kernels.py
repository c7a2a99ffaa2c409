"""Small kernels for the tests of the testing helpers."""

from __future__ import annotations

COPY = """
.kernel copy
.machines ascend910b1
.param N = 64
.param BYTES = N * {width}
.tensor X {dtype} [2, N / 2] in
.tensor Y {dtype} [2, N / 2] out
.buffer x UB BYTES
.section vector
    subblock_idx r1
    block_idx r2
    add r1, r1, r2
    bne r1, 0, end
    li r1, x
    li r2, X
    li r3, Y
    mov_gm_ub r1, r2, len=BYTES
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r3, r1, len=BYTES
end:
    halt
"""
"""Y = X, bytes moved through UB; only the first N * width bytes, so that a rest stays unwritten."""

WIDTHS = {
    "f32": "4", "f16": "2", "bf16": "2", "s32": "4", "s8": "1", "u8": "1", "e4m3": "1",
    "e5m2": "1", "e8m0": "1", "e2m1": "1 / 2",
}  # fmt: skip


def copy_kernel(dtype: str = "f32") -> str:
    """A kernel that copies a tensor of that type."""
    return COPY.format(dtype=dtype, width=WIDTHS[dtype])


def stuck_kernel() -> str:
    """The same without the `set_flag`: a deadlock."""
    return copy_kernel().replace("    set_flag MTE2, MTE3, 0\n", "")


def leaky_kernel() -> str:
    """The same with a flag that nobody waits for: a warning."""
    return copy_kernel().replace("    li r1, x\n", "    li r1, x\n    set_flag MTE2, V, 3\n")

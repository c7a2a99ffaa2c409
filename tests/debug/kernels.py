"""Kernels that the tests of prints and dumps look into."""

from __future__ import annotations

from typing import Any

import npuemu

ROWS = 4

LOOP = f"""
.kernel loop
.machines ascend910b1
.param ROWS = {ROWS}
.const BYTES = 64 * 4
.tensor X f32 [ROWS, 64] in
.tensor Y f32 [ROWS, 64] out
.buffer x UB BYTES
.buffer y UB BYTES
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r2, x
    li r3, y
    li r5, X
    li r6, Y
    li r4, 0
next:
    mov_gm_ub r2, r5, len=BYTES        ; load
    set_flag MTE2, V, 0
    wait_flag MTE2, V, 0
    vadd.f32 r3, r2, r2, rep=1         ; double
    set_flag V, MTE3, 0
    wait_flag V, MTE3, 0
    mov_ub_gm r6, r3, len=BYTES        ; store
    set_flag MTE3, MTE2, 0
    wait_flag MTE3, MTE2, 0
    add r5, r5, BYTES                  ; advance
    add r6, r6, BYTES
    add r4, r4, 1
    blt r4, ROWS, next
end:
    halt
"""
"""Y = 2 X, a row at a time; the scalar unit is far ahead of the pipes."""

BOTH = """
.kernel both
.machines ascend950pr
.param N = 64
.tensor X f32 [6, N] in
.tensor Y f32 [6, N] out
.buffer wide L1 4096
.buffer x UB 4096
.section vector
    block_idx r1
    mul r1, r1, 2
    subblock_idx r2
    add r1, r1, r2
    mul r1, r1, N * 4
    add r3, r1, X
    add r4, r1, Y
    li r5, x
    mov_gm_ub r5, r3, len=N * 4        ; load
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r4, r5, len=N * 4        ; store
    halt
"""
"""Every vector core copies its own row."""


def line(text: str, marker: str) -> int:
    """Number of the one line of a text that contains ``marker``."""
    found = [n for n, row in enumerate(text.splitlines(), 1) if marker in row]
    assert len(found) == 1, (marker, found)
    return found[0]


def behind(text: str, **prints: str) -> str:
    """A text with a ``.print`` behind the line of each marker; the other lines keep their code."""
    rows = []
    for row in text.splitlines():
        rows.append(row)
        rows += [f'    .print "{p}"' for marker, p in prints.items() if f"; {marker}" in row]
    return "\n".join(rows) + "\n"


def run(text: str, **options: Any) -> npuemu.Run:
    """Assemble and run."""
    blocks = options.pop("blocks", None)
    params = {k: options.pop(k) for k in list(options) if k.isupper()}
    return npuemu.run(npuemu.assemble(text, blocks=blocks, **params), **options)

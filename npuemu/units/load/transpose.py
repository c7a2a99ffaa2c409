"""Transposes of squares by vector shuffles: 16 x 16 two-byte and 32 x 32 one-byte elements.

A square of 2^p rows is transposed by p rounds in which rows i and i + half are interleaved. Built
as plain LLVM shuffles; each is checked here, at generation time, by tracking element labels.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npuemu.units.copy import load, store

_WORD = ir.IntType(64)


def _shuffle_transpose(builder: Any, rows: list[Any]) -> list[Any]:
    """IR: the transpose of square ``rows`` (as many vectors as each has elements)."""
    size = len(rows)
    index = ir.VectorType(ir.IntType(32), size)
    halves = []
    for start in (0, size // 2):
        lanes = range(start, start + size // 2)
        halves.append([lane for i in lanes for lane in (i, i + size)])
    masks = [ir.Constant(index, half) for half in halves]
    labels = [[(r, c) for c in range(size)] for r in range(size)]
    for _ in range(size.bit_length() - 1):
        new_rows, new_labels = [], []
        for low in range(size // 2):
            high = low + size // 2
            both = labels[low] + labels[high]
            for half, mask in zip(halves, masks, strict=True):
                new_rows.append(builder.shuffle_vector(rows[low], rows[high], mask))
                new_labels.append([both[lane] for lane in half])
        rows, labels = new_rows, new_labels
    assert all(labels[r][c] == (c, r) for r in range(size) for c in range(size))
    return rows


@intrinsic
def transpose16(typingctx: Any, dst: Any, src: Any) -> Any:
    """Transpose one fractal of 16 x 16 two-byte elements (512 bytes, rows of 32 bytes)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(16), 16)
        dst, src = arguments
        rows = [load(builder, builder.add(src, _WORD(32 * r)), kind) for r in range(16)]
        for r, row in enumerate(_shuffle_transpose(builder, rows)):
            store(builder, builder.add(dst, _WORD(32 * r)), row)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def transpose32(typingctx: Any, dst: Any, half: Any, src: Any) -> Any:
    """Transpose 32 x 32 bytes: 1024 contiguous bytes at ``src`` to the fractals at ``dst``
    (rows 0..15) and ``dst + half`` (rows 16..31)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), 32)
        dst, half, src = arguments
        rows = [load(builder, builder.add(src, _WORD(32 * r)), kind) for r in range(32)]
        starts = (dst, builder.add(dst, half))
        for r, row in enumerate(_shuffle_transpose(builder, rows)):
            store(builder, builder.add(starts[r // 16], _WORD(32 * (r % 16))), row)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen

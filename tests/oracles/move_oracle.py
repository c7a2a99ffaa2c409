"""What the byte movers and the L1 -> L0 loads must do, one byte at a time in plain Python.

Memories are a dict from name to bytearray; addresses are byte offsets in them. Loads are stated on
logical matrices (element (row, k) of the operand), not on fractal indices.
"""

from __future__ import annotations

Memories = dict[str, bytearray]
C0 = 32
ELEMENT_BYTES = {"b8": 1, "b16": 2}


def move(
    mem: Memories,
    to: str,
    source: str,
    dst: int,
    src: int,
    n_burst: int,
    length: int,
    src_stride: int,
    dst_stride: int,
    lpad: int = 0,
    rpad: int = 0,
) -> None:
    """``n_burst`` runs of ``length`` bytes, each with zero bytes before and after it."""
    for burst in range(n_burst):
        run = [0] * lpad
        run += [mem[source][src + burst * src_stride + i] for i in range(length)]
        run += [0] * rpad
        for i, byte in enumerate(run):
            mem[to][dst + burst * dst_stride + i] = byte


def nd2nz(
    mem: Memories, dst: int, src: int, n: int, length: int, src_stride: int, dst_rows: int
) -> None:
    """``n`` row-major rows of GM to C0 columns in L1, the last column filled up with zeros."""
    columns = -(-length // C0)
    for row in range(n):
        for i in range(columns * C0):
            byte = mem["gm"][src + row * src_stride + i] if i < length else 0
            mem["l1"][dst + (i // C0) * dst_rows * C0 + row * C0 + i % C0] = byte


def fractal_index(layout: str, rows: int, columns: int, row: int, column: int) -> int:
    """Position of fractal (row, column): zZ runs along the columns first, NZ along the rows."""
    return row * columns + column if layout == "zZ" else column * rows + row


def load(
    mem: Memories,
    to: str,
    layout: str,
    kind: str,
    dst: int,
    src: int,
    step: int,
    k_step: int,
    src_stride: int,
    transpose: bool,
) -> None:
    """Operand of 16 * step rows and 32 * k_step bytes of k.

    L1 is NZ: [row][k], or [k][row] with ``transpose``, ``src_stride`` 16-row fractals from one C0
    column to the next.
    """
    size = ELEMENT_BYTES[kind] if transpose else 1
    for row in range(16 * step):
        for k in range(32 * k_step // size):
            down, across = (k, row * size) if transpose else (row, k * size)
            at = src + ((across // C0) * src_stride + down // 16) * 512
            at += (down % 16) * C0 + across % C0
            index = fractal_index(layout, step, k_step, row // 16, k * size // C0)
            for byte in range(size):
                place = dst + index * 512 + (row % 16) * C0 + k * size % C0 + byte
                mem[to][place] = mem["l1"][at + byte]


def load_scales(
    mem: Memories,
    to: str,
    layout: str,
    dst: int,
    src: int,
    step: int,
    k_step: int,
    src_stride: int,
) -> None:
    """Row-major scale bytes of L1, 2 * k_step a row, to 16 x 2 byte scale fractals."""
    for row in range(16 * step):
        for k in range(2 * k_step):
            index = fractal_index(layout, step, k_step, row // 16, k // 2)
            byte = mem["l1"][src + row * src_stride + k]
            mem[to][dst + index * 32 + (row % 16) * 2 + k % 2] = byte

"""The scalar unit's arithmetic: 64-bit registers, wrap-around, RISC-like shifts."""

from __future__ import annotations

import numpy as np

from npuemu.isa.table import load
from npuemu.jit import njit

_OP = {name: record.opcode for name, record in load().by_name.items()}
LI, MOV, NOT = _OP["li"], _OP["mov"], _OP["not"]
ADD, SUB, MUL, DIV, REM = (_OP[n] for n in ("add", "sub", "mul", "div", "rem"))
SHL, SHR, SRA, AND, OR, XOR = (_OP[n] for n in ("shl", "shr", "sra", "and", "or", "xor"))
MIN, MAX = _OP["min"], _OP["max"]
BEQ, BNE, BLT, BGE, BGT, BLE = (_OP[n] for n in ("beq", "bne", "blt", "bge", "bgt", "ble"))
BLTU, BGEU, JMP = _OP["bltu"], _OP["bgeu"], _OP["jmp"]
LD, ST, HALT = _OP["ld"], _OP["st"], _OP["halt"]
BLOCK_IDX, BLOCK_NUM, SUBBLOCK_IDX = _OP["block_idx"], _OP["block_num"], _OP["subblock_idx"]
SET_VECTOR_MASK, SET_MASK_NORM, SET_MASK_COUNT = (
    _OP[n] for n in ("set_vector_mask", "set_mask_norm", "set_mask_count")
)
SET_FLAG, WAIT_FLAG, PIPE_BARRIER = _OP["set_flag"], _OP["wait_flag"], _OP["pipe_barrier"]
CROSS_SET, CROSS_WAIT = _OP["cross_core_set_flag"], _OP["cross_core_wait_flag"]
DIVISION_BY_ZERO = 106


@njit(forceinline=True)
def _divide(a, b):
    """Truncated quotient; the one overflow, -2^63 / -1, wraps (the machine division would trap)."""
    if b == -1:
        return -a
    q = a // b
    return q + 1 if q < 0 and q * b != a else q


@njit(forceinline=True)
def alu(op, a, b):
    """Result of a two-source instruction; division by zero is the caller's to refuse."""
    if op == ADD:
        return a + b
    if op == SUB:
        return a - b
    if op == MUL:
        return a * b
    if op == AND:
        return a & b
    if op == OR:
        return a | b
    if op == XOR:
        return a ^ b
    if op == MIN:
        return min(a, b)
    if op == MAX:
        return max(a, b)
    if op == DIV:
        return _divide(a, b)
    if op == REM:
        return np.int64(0) if b == -1 else a - b * _divide(a, b)
    if op == SRA:
        return a >> (b if 0 <= b < 63 else 63)
    if b < 0 or b > 63:
        return np.int64(0)
    if op == SHL:
        return a << b
    return np.int64(np.uint64(a) >> np.uint64(b))


@njit(forceinline=True)
def taken(op, a, b):
    """Whether a compare-and-branch is taken."""
    if op == BEQ:
        return a == b
    if op == BNE:
        return a != b
    if op == BLT:
        return a < b
    if op == BGE:
        return a >= b
    if op == BGT:
        return a > b
    if op == BLE:
        return a <= b
    if op == BLTU:
        return np.uint64(a) < np.uint64(b)
    return np.uint64(a) >= np.uint64(b)

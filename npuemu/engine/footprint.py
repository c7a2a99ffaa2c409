"""Runs footprint programs (``npuemu.isa.footprint``): what an instruction touches, its work, its
legality.
"""

from __future__ import annotations

import types

import numpy as np

from npuemu.engine import areas as area
from npuemu.engine.state import (
    C_ADDRESSES,
    C_FOOTPRINT,
    C_MEMO,
    C_OPERANDS,
    M_ELEMENTS,
    M_MACS,
    M_MASK_HIGH,
    M_MASK_LOW,
    M_MASK_MODE,
    M_REGIONS,
    M_ROW,
    M_UNITS,
    M_VALUE,
    MEMO_REGIONS,
    O_MASK_HIGH,
    O_MASK_LOW,
    O_MASK_MODE,
)
from npuemu.isa import footprint as fp
from npuemu.isa import shapes
from npuemu.jit import _I64, _pointer, njit

MAX_COUNT = 1 << 24
"""Elements of a counter-mode instruction at most; no UB holds more."""
ADDRESS_LIMIT = 1 << 48
H_REGIONS, H_UNITS, H_MACS, H_ELEMENTS, H_OPERAND, H_VALUE = range(6)
"""Columns of the header row in front of the region rows."""

(ADD, SUB, MUL, FLOORDIV, MOD, EQ, NE, LT, LE, GT, GE, MAX, MIN, CDIV, SELECT, LOOKUP) = range(16)
_CHECK_RANGE, _CHECK_ALIGN, _CHECK_ZERO = fp.CHECK_RANGE, fp.CHECK_ALIGN, fp.CHECK_ZERO
_VECTOR_STATE, _FINISH = fp.VECTOR_STATE, fp.FINISH
_LINEAR, _STRIDED, _NEST = fp.LINEAR, fp.STRIDED, fp.NEST
_FRACTAL_TILE, _L0C_TILE, _NZ_OUT, _VLANES = fp.FRACTAL_TILE, fp.L0C_TILE, fp.NZ_OUT, fp.VLANES
_REPS, _LAST, _COUNTER, _ACTIVE, _NZ = (
    fp.SLOT_REPS,
    fp.SLOT_LAST,
    fp.SLOT_COUNTER,
    fp.SLOT_ACTIVE,
    fp.SLOT_L0A_NZ,
)


@njit(forceinline=True)
def store(out, at, write, mem, base, n1, s1, n0, s0, length):
    """Write one region row behind the address ``out``."""
    row = _pointer(out + at * 64, _I64)
    row[0], row[1], row[2], row[3] = mem, write, base, n1
    row[4], row[5], row[6], row[7] = s1, n0, s0, length
    return at + 1


def _compile(function, signature=None, **callees):
    """Compile a region shape with its callees replaced by compiled ones."""
    namespace = {**function.__globals__, **callees}
    copy = types.FunctionType(function.__code__, namespace, function.__name__)
    return njit(copy, signature=signature)


# The shapes call it with literals, each of which would make a specialisation of its own.
put = _compile(shapes.put, f"int64({', '.join(['int64'] * 10)})", store=store)
linear = _compile(shapes.linear, put=put)
strided = _compile(shapes.strided, put=put)
nest = _compile(shapes.nest, put=put)
fractal_tile = _compile(shapes.fractal_tile, put=put)
l0c_tile = _compile(shapes.l0c_tile, put=put)
nz_out = _compile(shapes.nz_out, put=put)
vlanes = _compile(shapes.vlanes, put=put)
active_lanes = _compile(shapes.active_lanes, put=put)


@njit
def _mask_lanes(word):
    """Active lanes and one past the highest active lane of 64 mask bits."""
    count, top, w = 0, 0, np.uint64(word)
    for i in range(64):
        if (w >> np.uint64(i)) & np.uint64(1):
            count += 1
            top = i + 1
    return count, top


@njit
def vector_state(v, ops, lanes, rep, pack):
    """Repeats, lanes up to the highest active one, counter mode and active lanes of a vector
    instruction; ``pack`` lanes share a byte.
    """
    low, high = ops[2], ops[3]
    reps, last, active = rep, lanes, rep * lanes
    if ops[4] == 1:
        if low < 0 or low > MAX_COUNT:
            return 118
        if low % pack != 0:
            return 116
        reps = (low + lanes - 1) // lanes
        last = low - (reps - 1) * lanes if reps > 0 else 0
        active = low
    elif low != -1 or (high != -1 and lanes > 64):
        if lanes > 128 or pack > 1:
            return 116
        if lanes < 64:
            low &= (1 << lanes) - 1
        count, last = _mask_lanes(low)
        if lanes > 64:
            more, top = _mask_lanes(high)
            count += more
            if top > 0:
                last = 64 + top
        active = rep * count
    v[_REPS], v[_LAST], v[_COUNTER], v[_ACTIVE] = reps, last, ops[4], active
    return 0


@njit
def _arithmetic(op, x, y):
    """Two-operand operations; divisors are positive by construction of the tables."""
    if op == ADD:
        return x + y
    if op == SUB:
        return x - y
    if op == MUL:
        return x * y
    if op == FLOORDIV:
        return x // y
    if op == MOD:
        return x % y
    if op == EQ:
        return 1 if x == y else 0
    if op == NE:
        return 1 if x != y else 0
    if op == LT:
        return 1 if x < y else 0
    if op == LE:
        return 1 if x <= y else 0
    if op == GT:
        return 1 if x > y else 0
    if op == GE:
        return 1 if x >= y else 0
    if op == MAX:
        return max(x, y)
    if op == MIN:
        return min(x, y)
    return (x + y - 1) // y


@njit
def _shape(op, r, v, out, at):
    """Append the regions of one shape call."""
    w, mem, base = r[1], v[r[2]], v[r[3]]
    if op == _VLANES:
        return vlanes(
            out, at, w, mem, base, v[r[4]], v[r[5]], v[r[6]], v[r[7]], v[r[8]], v[r[9]], v[r[10]]
        )
    if op == _LINEAR:
        return linear(out, at, w, mem, base, v[r[4]])
    if op == _STRIDED:
        return strided(out, at, w, mem, base, v[r[4]], v[r[5]], v[r[6]])
    if op == _FRACTAL_TILE:
        return fractal_tile(out, at, w, mem, base, v[r[4]], v[r[5]], v[r[6]], v[r[7]])
    if op == _L0C_TILE:
        return l0c_tile(out, at, w, mem, base, v[r[4]], v[r[5]], v[r[6]])
    if op == _NEST:
        return nest(out, at, w, mem, base, v[r[4]], v[r[5]], v[r[6]], v[r[7]], v[r[8]])
    return nz_out(out, at, w, mem, base, v[r[4]], v[r[5]], v[r[6]], v[r[7]], v[r[8]])


@njit(forceinline=True)
def has_holes(ops):
    """Whether the bit mask of queue slot ``ops`` may leave out lanes between others."""
    low, high = ops[O_MASK_LOW], ops[O_MASK_HIGH]
    if ops[O_MASK_MODE] == 1:
        return False
    if low == -1:
        return high & (high + 1) != 0
    return low & (low + 1) != 0 or high != 0


@njit
def active_regions(e, number, ops):
    """Footprint program ``number``, which has passed its checks, with the lanes of its bit mask one
    by one: regions in area ``out``, their number in its header.
    """
    evaluate(e, number, ops)
    v, out, at = area.values(e), area.out_address(e), 1
    for i in range(area.starts(e)[number], area.starts(e)[number + 1]):
        r = area.program(e, i)
        if r[0] == _VLANES:
            blk, rep, size, lanes, reps = v[r[4]], v[r[5]], v[r[6]], v[r[7]], v[r[8]]
            mem, base = v[r[2]], v[r[3]]
            at = active_lanes(out, at, r[1], mem, base, blk, rep, size, lanes, reps, ops[2], ops[3])
        elif r[0] >= _LINEAR:
            at = _shape(r[0], r, v, out, at)
    area.out(e, 0)[H_REGIONS] = at - 1


@njit
def recall(e, code, ops):
    """Fill area ``out`` from the row's memo when only addresses have changed; False when it does
    not apply.
    """
    memo = area.memo(e, code[C_MEMO])
    if memo[M_REGIONS] < 0 or memo[M_MASK_LOW] != ops[2] or memo[M_MASK_HIGH] != ops[3]:
        return False
    if memo[M_MASK_MODE] != ops[4]:
        return False
    addresses = code[C_ADDRESSES]
    for i in range(code[C_OPERANDS]):
        value = ops[8 + i]
        if (addresses >> i) & 1:
            if value < 0 or value >= ADDRESS_LIMIT or value & memo[M_VALUE + i] != 0:
                return False
        elif value != memo[M_VALUE + i]:
            return False
    header = area.out(e, 0)
    header[H_REGIONS], header[H_UNITS] = memo[M_REGIONS], memo[M_UNITS]
    header[H_MACS], header[H_ELEMENTS] = memo[M_MACS], memo[M_ELEMENTS]
    for i in range(memo[M_REGIONS]):
        at, row = M_ROW + 8 * i, area.out(e, i + 1)
        base = memo[at] >> 8
        row[0], row[1] = memo[at] & 255, memo[at + 1]
        row[2] = memo[at + 2] + (ops[8 + base] if base < 12 else 0)
        row[3], row[4], row[5] = memo[at + 3], memo[at + 4], memo[at + 5]
        row[6], row[7] = memo[at + 6], memo[at + 7]
    return True


@njit
def remember(e, code, ops):
    """Keep the footprint in hand in the row's memo."""
    memo, header, origin = area.memo(e, code[C_MEMO]), area.out(e, 0), area.origin(e)
    if header[H_REGIONS] > MEMO_REGIONS:
        return
    memo[M_REGIONS], memo[M_UNITS] = header[H_REGIONS], header[H_UNITS]
    memo[M_MACS], memo[M_ELEMENTS] = header[H_MACS], header[H_ELEMENTS]
    memo[M_MASK_LOW], memo[M_MASK_HIGH], memo[M_MASK_MODE] = ops[2], ops[3], ops[4]
    for i in range(12):
        memo[M_VALUE + i] = 0 if (code[C_ADDRESSES] >> i) & 1 else ops[8 + i]
    for i in range(header[H_REGIONS]):
        at, row, base = M_ROW + 8 * i, area.out(e, i + 1), origin[i + 1]
        for j in range(8):
            memo[at + j] = row[j]
        moves = base < 12 and (code[C_ADDRESSES] >> base) & 1
        memo[at] = row[0] | (base if moves else 12) << 8
        if moves:
            memo[at + 2] -= ops[8 + base]
    program, start = code[C_FOOTPRINT], area.starts(e)
    for i in range(start[program], start[program + 1]):
        r = area.program(e, i)
        if r[0] == _CHECK_ALIGN and (code[C_ADDRESSES] >> r[1]) & 1:
            memo[M_VALUE + r[1]] = area.values(e)[r[2]] - 1


@njit
def footprint(e, code, ops):
    """The footprint of code row ``code`` (a pointer) with the operands of queue slot ``ops``, in
    area ``out``.

    A header row (columns H_*), then the regions. Returns 0 or a diagnostic number.
    """
    if code[C_MEMO] < 0:
        return evaluate(e, code[C_FOOTPRINT], ops)
    if recall(e, code, ops):
        return 0
    status = evaluate(e, code[C_FOOTPRINT], ops)
    if status == 0:
        remember(e, code, ops)
    return status


@njit
def evaluate(e, number, ops):
    """Run footprint program ``number`` on a queue slot; see `footprint`."""
    origin = area.origin(e)
    v, out, header = area.values(e), area.out_address(e), area.out(e, 0)
    start, stop = area.starts(e)[number], area.starts(e)[number + 1]
    at = 1
    for i in range(12):
        v[i] = ops[8 + i]
    for i in range(start, stop):
        r = area.program(e, i)
        op = r[0]
        if op < SELECT:
            v[r[1]] = _arithmetic(op, v[r[2]], v[r[3]])
        elif op >= _LINEAR:
            first = at
            at = _shape(op, r, v, out, at)
            for j in range(first, at):
                origin[j] = r[3]
        elif op == _CHECK_RANGE:
            if v[r[1]] < v[r[2]] or v[r[1]] > v[r[3]]:
                header[H_OPERAND], header[H_VALUE] = r[5], v[r[1]]
                return r[4]
        elif op == _CHECK_ALIGN:
            if v[r[1]] % v[r[2]] != 0:
                header[H_OPERAND], header[H_VALUE] = r[4], v[r[1]]
                return r[3]
        elif op == _CHECK_ZERO:
            if v[r[1]] != 0:
                header[H_OPERAND], header[H_VALUE] = -1, v[r[1]]
                return r[2]
        elif op == _VECTOR_STATE:
            status = vector_state(v, ops, v[r[1]], v[r[2]], v[r[3]])
            if status != 0:
                header[H_OPERAND], header[H_VALUE] = -1, ops[2]
                return status
        elif op == SELECT:
            v[r[1]] = v[r[3]] if v[r[2]] != 0 else v[r[4]]
        elif op == LOOKUP:
            v[r[1]] = v[r[3] + v[r[2]]]
        else:
            header[H_UNITS], header[H_MACS], header[H_ELEMENTS] = v[r[1]], v[r[2]], v[r[3]]
    header[H_REGIONS] = at - 1
    return 0

"""What a data instruction costs: head, work, tail, and the cycles lost to banks and shared
bandwidth.
"""

from __future__ import annotations

import numpy as np

from npuemu.engine import areas as area
from npuemu.engine.memory import tensor_of
from npuemu.engine.state import (
    COST_GM,
    COST_VECTOR,
    FIXED_POINT,
    G_HBM_BYTES,
    G_HBM_FREE,
    G_L2_BYTES,
    G_L2_FREE,
    N_FRESH,
    T_DEN,
    T_FIXED,
    T_FLOOR,
    T_HEAD,
    T_ISOLATED,
    T_KIND,
    T_MISALIGNED,
    T_MISS_NUM,
    T_NUM,
    T_TAIL,
    X_BANK_GROUP_MASK,
    X_BANK_GROUP_SHIFT,
    X_BANK_MASK,
    X_BANK_SHIFT,
    X_GM_ALIGN,
    X_GM_BURST,
    X_HBM_UNIT,
    X_L2_UNIT,
    X_LINE_SHIFT,
    X_READS_PER_GROUP,
    X_WRITE_LAG,
)
from npuemu.jit import njit

GM = 0


@njit
def touch(e, region):
    """Mark the lines of a GM region; returns (bytes moved, bytes of lines touched for the first
    time, bursts).
    """
    n1, s1, n0, s0, length = region[3], region[4], region[5], region[6], region[7]
    touched, line_shift = area.touched(e), area.machine(e)[X_LINE_SHIFT]
    tensor = area.tensors(e, tensor_of(e, region[2], region[2] + 1))
    fresh = 0
    if tensor[N_FRESH] == 0:
        return n1 * n0 * length, 0, n1 * n0
    for i in range(n1):
        for j in range(n0):
            start = region[2] + i * s1 + j * s0
            lines = touched[start >> line_shift : ((start + length - 1) >> line_shift) + 1]
            for k in range(lines.size):
                fresh += 1 - lines[k]
                lines[k] = 1
    tensor[N_FRESH] -= fresh
    return n1 * n0 * length, fresh << line_shift, n1 * n0


@njit
def gm_work(e, region, row, begin):
    """Cycles of a GM transfer that is asked for at ``begin``, its start; a head comes behind both:
    (own work, cycles lost to shared bandwidth).

    Own rate: bytes at the L2 rate, those of first-touched lines at the memory rate; a burst
    counts at least the machine's smallest request, a misaligned one pays the machine's factor.
    Shared: two first-come servers in 2^-20 of a cycle: L2, and memory, which sends whole lines.
    """
    machine, g = area.machine(e), area.g(e)
    moved, fresh, bursts = touch(e, region)
    miss = min(fresh, moved)
    charged = max(moved, bursts * machine[X_GM_BURST])
    cost = (charged - miss) * row[T_NUM] + miss * row[T_MISS_NUM]
    if region[2] % machine[X_GM_ALIGN] != 0 or (
        bursts > 1 and region[6] % machine[X_GM_ALIGN] != 0
    ):
        cost = cost * row[T_MISALIGNED] // 100
    own = max(row[T_FLOOR], row[T_FIXED] + (cost + row[T_DEN] - 1) // row[T_DEN])
    now = begin * FIXED_POINT
    g[G_L2_FREE] = max(g[G_L2_FREE], now) + charged * machine[X_L2_UNIT]
    g[G_L2_BYTES] += charged
    if fresh > 0:  # a line comes whole, whatever part of it is asked for
        g[G_HBM_FREE] = max(g[G_HBM_FREE], now) + fresh * machine[X_HBM_UNIT]
        g[G_HBM_BYTES] += fresh
        now = g[G_HBM_FREE]
    shared = (max(g[G_L2_FREE], now) + FIXED_POINT - 1) // FIXED_POINT
    return own, max(0, shared - begin - own)


@njit
def _blocks(region, covered, machine):
    """One repeat of a vector operand whose region holds ``covered`` repeats: (bank groups of the
    first one as a bit mask, bytes from repeat to repeat).
    """
    n1, s1, n0, s0, length = region[3], region[4], region[5], region[6], region[7]
    if n1 > 1 or (n0 > 1 and covered == 1):  # separate blocks
        step, count, distance = s1, n0, s0
    elif n0 > 1:  # a dense piece a repeat
        step, count, distance = s0, (length + 31) >> 5, np.int64(32)
    else:  # one dense run
        step = length // covered if length % covered == 0 else length // (covered + 1)
        count, distance = (step + 31) >> 5, np.int64(32)
    mask = np.int64(0)
    for b in range(min(count, 8)):
        at = region[2] + b * distance
        group = (at >> machine[X_BANK_GROUP_SHIFT]) & machine[X_BANK_GROUP_MASK]
        mask |= np.int64(1) << group
    return mask, step


@njit(forceinline=True)
def _turned(mask, distance, machine):
    """Bank groups of blocks that lie ``distance`` bytes (whole blocks) further on."""
    groups = machine[X_BANK_GROUP_MASK] + 1
    by = (distance >> machine[X_BANK_GROUP_SHIFT]) & machine[X_BANK_GROUP_MASK]
    return ((mask << by) | (mask >> (groups - by))) & ((np.int64(1) << groups) - 1)


@njit
def _following(e, i, regions, split):
    """The region after the operand that begins with region ``i``: an operand is one region, then,
    with ``split``, one for its last repeat, then one for a last block in part.
    """
    write = area.out(e, i)[1]
    j = i + 1
    if split and j <= regions and area.out(e, j)[1] == write:
        i, j = j, j + 1
    if j <= regions and area.out(e, j)[1] == write:
        if area.out(e, i)[7] % 32 == 0 and area.out(e, j)[7] < 32:
            j += 1
    return j


@njit
def bank_conflicts(e, regions, repeats, counter):
    """Extra cycles of a vector instruction from UB bank conflicts.

    Two reads of one bank group in a cycle conflict (beyond the group's read ports); a write
    conflicts with a read of the same bank in the cycle in which it lands, ``X_WRITE_LAG`` repeats
    later. In counter mode the last repeat of an operand is a region of its own.
    """
    machine = area.machine(e)
    if regions == 0 or repeats == 0 or area.out(e, 1)[1] == 1:
        return 0
    split = counter and repeats > 1
    covered = repeats - 1 if split else repeats
    read0, read1, write0 = np.int64(1), _following(e, 1, regions, split), np.int64(2)
    if read1 > regions or area.out(e, read1)[1] == 1 or machine[X_READS_PER_GROUP] > 1:
        read1 = np.int64(0)
    while write0 <= regions and area.out(e, write0)[1] == 0:
        write0 += 1
    base0 = area.out(e, read0)[2]
    first0, step0 = _blocks(area.out(e, read0), covered, machine)
    first1, step1, first_w, step_w, base_w = first0, step0, first0, step0, base0
    if read1 > 0:
        first1, step1 = _blocks(area.out(e, read1), covered, machine)
    if write0 <= regions:
        first_w, step_w = _blocks(area.out(e, write0), covered, machine)
        base_w = area.out(e, write0)[2]
    lag, total = machine[X_WRITE_LAG], 0
    for r in range(repeats):
        mask0 = _turned(first0, r * step0, machine)
        if read1 > 0 and mask0 & _turned(first1, r * step1, machine):
            total += 1
        if write0 <= regions and r >= lag:
            at = (r - lag) * step_w
            other = (base0 + r * step0) ^ (base_w + at)
            if (other >> machine[X_BANK_SHIFT]) & machine[X_BANK_MASK] == 0:
                if mask0 & _turned(first_w, at, machine):
                    total += 1
    return total


@njit(forceinline=True)
def plain_work(row, units):
    """Work cycles of an instruction that moves nothing over GM."""
    return max(row[T_FLOOR], row[T_FIXED] + (units * row[T_NUM] + row[T_DEN] - 1) // row[T_DEN])


@njit
def cost(e, row_index, regions, units, start, idle, counter):
    """Fill area ``result`` with [free, end, bank cycles, bandwidth cycles, work] of an
    instruction that starts at ``start``.

    free: when the pipe can take the next one; end: when flags and barriers see it complete.
    """
    row, result = area.cost(e, row_index), area.result(e)
    head = row[T_HEAD] if idle else 0
    bank, bandwidth = 0, 0
    if row[T_KIND] == COST_GM:
        work = 0
        for i in range(1, regions + 1):
            region = area.out(e, i)
            if region[0] == GM:
                own, lost = gm_work(e, region, row, start)
                work += own
                bandwidth += lost
        work = max(work, row[T_FLOOR])
    else:
        work = plain_work(row, units)
        if row[T_KIND] == COST_VECTOR:
            bank = bank_conflicts(e, regions, units, counter)
    tail = row[T_TAIL]
    if idle:
        tail = max(tail, row[T_ISOLATED] - head - work)
    result[0] = start + head + work + bank + bandwidth
    result[1] = result[0] + tail
    result[2] = bank
    result[3] = bandwidth
    result[4] = work

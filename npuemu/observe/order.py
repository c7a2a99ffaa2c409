"""Whether one access is ordered before another, and what is found where it is not."""

from __future__ import annotations

from npuemu.jit import njit
from npuemu.observe import areas as area
from npuemu.observe.areas import (
    CORE_PIPES,
    F_COUNT,
    F_HIGH,
    F_KIND,
    F_LATEST_CLOCK,
    F_LATEST_PIPE,
    F_LOW,
    F_PIPE_A,
    F_PIPE_B,
    F_ROW_A,
    F_ROW_B,
    F_SLOT,
    F_START_A,
    F_START_B,
    FINDINGS,
    H_CLOSELY,
    H_FINDINGS,
    H_LOST,
    R_CLOCK,
    R_DISPATCH,
    R_PIPE,
    R_ROW,
    R_START,
    V_KNOWN,
    V_PROTECTED,
    V_TAKEN,
    V_TAKER,
)
from npuemu.observe.clocks import clock, flag

READ_AFTER_WRITE, WRITE_AFTER_READ, WRITE_AFTER_WRITE, NEVER_WRITTEN = 201, 202, 203, 204
RAISED_TWICE = 206


@njit(signature="boolean(int64, int64, int64)")
def ordered(w, earlier, current):
    """Whether record ``earlier`` is complete before ``current`` starts, in every legal timing.

    An instruction does not race with itself.
    """
    a, b = area.record(w, earlier), area.record(w, current)
    x, y, count = a[R_PIPE], b[R_PIPE], a[R_CLOCK]
    known = clock(w, y)
    if x == y and (known[V_PROTECTED] == 1 or count == b[R_CLOCK]):
        return True
    return known[V_KNOWN + x] >= count


@njit
def _new_row(w):
    """The next row for a finding; -1 when all are taken, which is counted."""
    header = area.header(w)
    number = header[H_FINDINGS]
    if number == FINDINGS:
        header[H_LOST] += 1
        return -1
    header[H_FINDINGS] = number + 1
    return number


@njit(signature="void(int64, int64, int64, int64, int64, int64, int64)")
def find(w, kind, slot, low, high, earlier, current):
    """Note a finding at bytes ``low .. high`` of a memory; ``earlier`` is 0 where none takes part.

    One row a pair of instructions: the first occurrence, its bytes as they turn up, a count.
    """
    header, b = area.header(w), area.record(w, current)
    header[H_CLOSELY] = 1
    a = area.record(w, earlier)
    first = a[R_ROW] if earlier > 0 else -1
    for i in range(header[H_FINDINGS]):
        f = area.finding(w, i)
        same = f[F_KIND] == kind and f[F_ROW_A] == first and f[F_ROW_B] == b[R_ROW]
        if same and (f[F_SLOT] & 15) == (slot & 15):
            if f[F_LATEST_PIPE] != b[R_PIPE] or f[F_LATEST_CLOCK] != b[R_CLOCK]:
                f[F_COUNT] += 1
                f[F_LATEST_PIPE], f[F_LATEST_CLOCK] = b[R_PIPE], b[R_CLOCK]
            elif f[F_COUNT] == 1 and f[F_SLOT] == slot and f[F_START_A] == a[R_START]:
                if f[F_PIPE_A] == a[R_PIPE]:
                    f[F_LOW], f[F_HIGH] = min(f[F_LOW], low), max(f[F_HIGH], high)
            return
    number = _new_row(w)
    if number < 0:
        return
    f = area.finding(w, number)
    f[F_KIND], f[F_ROW_A], f[F_ROW_B], f[F_SLOT] = kind, first, b[R_ROW], slot
    f[F_PIPE_A], f[F_START_A] = a[R_PIPE], a[R_START]
    f[F_PIPE_B], f[F_START_B] = b[R_PIPE], b[R_START]
    f[F_LATEST_PIPE], f[F_LATEST_CLOCK] = b[R_PIPE], b[R_CLOCK]
    f[F_LOW], f[F_HIGH], f[F_COUNT] = low, high, 1


@njit(signature="void(int64, int64, int64, int64, int64, int64, int64)")
def race(w, kind, slot, low, high, earlier, current):
    """Two accesses that nothing orders. Within a core the kind and the sides go by program order:
    a read that overtakes the write before it has missed that write.
    """
    a, b = area.record(w, earlier), area.record(w, current)
    if a[R_PIPE] // CORE_PIPES == b[R_PIPE] // CORE_PIPES and b[R_DISPATCH] < a[R_DISPATCH]:
        if kind == READ_AFTER_WRITE:
            kind = WRITE_AFTER_READ
        elif kind == WRITE_AFTER_READ:
            kind = READ_AFTER_WRITE
        earlier, current = current, earlier
    find(w, kind, slot, low, high, earlier, current)


@njit
def check_raise(w, x, y, index, event, row, time):
    """Pipe ``x`` raises flag ``index`` (event ``event`` of those for pipe ``y``) with code row
    ``row``: the wait that took it last must be over in every legal timing.
    """
    header, down = area.header(w), flag(w, index)
    if clock(w, x)[V_KNOWN + y] >= down[V_TAKEN]:
        return
    wait = down[V_TAKER]
    for i in range(header[H_FINDINGS]):
        f = area.finding(w, i)
        same = f[F_KIND] == RAISED_TWICE and f[F_ROW_A] == wait and f[F_ROW_B] == row
        if same and f[F_LOW] == event:
            f[F_COUNT] += 1
            return
    number = _new_row(w)
    if number < 0:
        return
    f = area.finding(w, number)
    f[F_KIND], f[F_ROW_A], f[F_ROW_B] = RAISED_TWICE, wait, row
    f[F_PIPE_A], f[F_PIPE_B], f[F_START_B] = y, x, time
    f[F_LOW], f[F_HIGH], f[F_COUNT] = event, event + 1, 1

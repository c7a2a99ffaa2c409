"""What the pieces of a tile of gemm_w8a8 take: panels on the cube core, then its sums by halves."""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.gemm.panels import COLUMN, Formats, Panels, halves
from npuemu.models.parts.estimate import cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe


@dataclass(frozen=True)
class Panel:
    """Cycles and bytes of a panel of a tile.

    lines: bytes of lines of W that no panel before it touches; new, weight: MTE2 loads W from the
    memory, from L2; codes, alone: it loads the codes, behind W or behind a wait; moved: MTE1;
    made: M.
    """

    weight_bytes: int
    code_bytes: int
    lines: float
    new: float
    weight: float
    codes: float
    alone: float
    moved: int
    made: int


@dataclass(frozen=True)
class Half:
    """Cycles and bytes of half a tile; on the vector cores, those of the one with more rows.

    first, last: M of its part of the tile's first and last step; fix: FIX gives its sums away;
    read: MTE2 of a vector core has sums and scales; scale: V; store: MTE3.
    """

    sums: int
    first: int
    last: int
    fix: int
    read: int
    scale: int
    store: int


@dataclass(frozen=True)
class Work:
    """A tile. fill: cycles from a panel in L1 to its first product; ahead: by so many MTE1 has
    filled L0 with the last step before M is done with it: M has two steps left when it begins.
    """

    panels: tuple[Panel, ...]
    halves: tuple[Half, ...]
    fill: int
    ahead: int


def work(plan: Plan, rows: int, cols: int) -> Work:
    """A tile of rows x cols."""
    loop = Panels(plan, Formats("b8", "s8"))
    to_l0, mmad = plan.costs.of("load_l1_l0a", "b8"), plan.costs.of("mmad", "s8")
    moved, made = loop.products(rows, cols, min(loop.step_columns, loop.columns))
    return Work(
        tuple(_panel(loop, rows, cols, *panel) for panel in loop.panels()),
        tuple(_half(loop, half, cols) for half in halves(plan, rows)),
        to_l0.head + moved + to_l0.tail + mmad.head,
        2 * made - mmad.tail - to_l0.head - moved - to_l0.tail,
    )


def _panel(loop: Panels, rows: int, cols: int, start: int, width: int) -> Panel:
    nd2nz = loop.costs.gm("nd2nz_gm_l1")
    codes = loop.load(rows, start, width, False)
    return Panel(
        cols * width * COLUMN,
        rows * width * COLUMN,
        loop.lines(cols, start, width),
        loop.load(cols, start, width, True),
        loop.load(cols, start, width, False),
        codes,
        max(nd2nz.head + codes, nd2nz.row.isolated or 0),
        *loop.products(rows, cols, width),
    )


def _half(loop: Panels, rows: int, cols: int) -> Half:
    plan, columns, step = loop.plan, loop.columns, loop.step_columns
    part = cdiv(rows, 2)
    load, store = plan.costs.gm("mov_gm_ub"), plan.costs.gm("mov_ub_gm")
    scales = load.bytes_work(4 * cols) + load.bytes_work(32 * part)
    sums = 0 if plan["w8_on_chip"] else load.bytes_work(4 * part * cols)
    aligned = 2 * plan["N"] % plan.costs.align == 0
    out = store.head + store.bytes_work(2 * part * cols, 0, part, aligned) + store.tail
    return Half(
        rows * cols,
        loop.multiply(rows, cols, min(step, columns)),
        loop.multiply(rows, cols, (columns - 1) % step + 1),
        _fix(plan, rows, cols),
        max(load.head + scales + sums + load.tail, load.row.isolated or 0),
        _scale(plan, part, cols),
        max(out, store.row.isolated or 0),
    )


def _fix(plan: Plan, rows: int, cols: int) -> int:
    """FIX: sums to GM, or to the UB of each vector core."""
    if not plan["w8_on_chip"]:
        fix = plan.costs.gm("fix_l0c_gm", "none_b32")
        return max(fix.head + fix.bytes_work(4 * rows * cols) + fix.tail, fix.row.isolated or 0)
    ub = plan.costs.of("fix_l0c_ub", "none_b32")
    return ub.head + sum(ub.work(4 * part * cols) for part in (cdiv(rows, 2), rows // 2)) + ub.tail


def _scale(plan: Plan, rows: int, cols: int) -> int:
    """V: C of a vector core's rows of half a tile."""
    v = VectorPipe(plan)
    full, row = cdiv(rows * cols, 64), cdiv(cols, 64)
    sums = v.at("w8_sums")
    v.op("vconv.s32_f32.rint", full, sums, sums)
    v.barrier()
    for i in range(rows):
        x = v.at("w8_sums", 4 * i * cols)
        v.op("vmul.f32", row, x, x, v.at("w8_rows", 32 * i, 0))
    v.barrier()
    for i in range(rows):
        x = v.at("w8_sums", 4 * i * cols)
        v.op("vmul.f32", row, x, x, v.at("w8_columns"))
    v.barrier()
    v.op("vconv.f32_bf16.rint", full, v.at("w8_sums", 0, 128), sums)
    return v.end

"""What the pieces of a tile of gemm_w8a8 take: panels on the cube core, then its sums by halves."""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.estimate import cdiv, parts
from npuemu.models.plan import Plan
from npuemu.models.vector_program import VectorProgram
from npuemu.models.w8a8_tiles import halves

K0 = 32  # bytes of a column of a fractal


@dataclass(frozen=True)
class Panel:
    """Cycles and bytes of a panel of a tile.

    lines: bytes of lines of W that no panel before it touches; new, weight: MTE2 loads W from the
    memory, from L2; codes, alone: it loads the codes, behind W or behind a wait; moved: MTE1;
    made: M.
    """

    weight_bytes: int
    code_bytes: int
    lines: int
    new: int
    weight: int
    codes: int
    alone: int
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
    widths = parts(plan["gemm_k"], plan["gemm_panel_k"])
    lines = _new_lines(plan, cols)
    step = min(plan["gemm_step_k"], plan["gemm_k"])
    to_l0, mmad = plan.costs.of("load_l1_l0a", "b8"), plan.costs.of("mmad", "s8")
    moved, made = _products(plan, rows, cols, step)
    return Work(
        tuple(_panel(plan, rows, cols, *one) for one in zip(widths, lines, strict=True)),
        tuple(_half(plan, half, cols) for half in halves(plan, rows)),
        to_l0.head + moved + to_l0.tail + mmad.head,
        2 * made - mmad.tail - to_l0.head - moved - to_l0.tail,
    )


def _new_lines(plan: Plan, rows: int) -> list[int]:
    """Bytes of the lines that each panel of ``rows`` rows of W touches first."""
    line, k = plan.machine.file.global_memory.line.value, plan["K"]
    size, found, seen = plan["gemm_panel_k"] * K0, [], set[int]()
    for start in range(0, k, size):
        end = min(start + size, k) - 1
        pairs = [((r * k + start) // line, (r * k + end) // line) for r in range(rows)]
        touched = {at for first, last in pairs for at in range(first, last + 1)}
        found.append(line * len(touched - seen))
        seen |= touched
    return found


def _panel(plan: Plan, rows: int, cols: int, width: int, lines: int) -> Panel:
    nd2nz = plan.costs.gm("nd2nz_gm_l1")
    codes = _load(plan, rows, width)
    return Panel(
        cols * width * K0,
        rows * width * K0,
        lines,
        _load(plan, cols, width, lines),
        _load(plan, cols, width),
        codes,
        max(nd2nz.head + codes, nd2nz.row.isolated or 0),
        *_products(plan, rows, cols, width),
    )


def _load(plan: Plan, rows: int, columns: int, lines: int = 0) -> int:
    """MTE2: ``rows`` rows of a panel of so many columns, from ``lines`` bytes of new lines."""
    size, whole = rows * columns * K0, columns == plan["gemm_k"]
    align = plan.machine.file.global_memory.align.value
    aligned = plan["gemm_panel_k"] * K0 % align == 0 and (whole or plan["K"] % align == 0)
    nd2nz = plan.costs.gm("nd2nz_gm_l1")
    return nd2nz.bytes_work(size, lines, 1 if whole else rows, aligned or whole)


def _products(plan: Plan, rows: int, cols: int, columns: int) -> tuple[int, int]:
    """(MTE1, M) cycles of so many columns of a tile."""
    a, b = plan.costs.of("load_l1_l0a", "b8"), plan.costs.of("load_l1_l0b", "b8")
    moved = made = 0
    for step in parts(columns, plan["gemm_step_k"]):
        moved += b.work(cols // 16 * step)
        for half in halves(plan, rows):
            moved += a.work(cdiv(half, 16) * step)
            made += _multiply(plan, half, cols, step)
    return moved, made


def _multiply(plan: Plan, rows: int, cols: int, columns: int) -> int:
    """M: one instruction."""
    return plan.costs.of("mmad", "s8").work(cdiv(rows, 16) * (cols // 16) * columns)


def _half(plan: Plan, rows: int, cols: int) -> Half:
    columns, step = plan["gemm_k"], plan["gemm_step_k"]
    part = cdiv(rows, 2)
    load, store = plan.costs.gm("mov_gm_ub"), plan.costs.gm("mov_ub_gm")
    scales = load.bytes_work(4 * cols) + load.bytes_work(32 * part)
    sums = 0 if plan["w8_on_chip"] else load.bytes_work(4 * part * cols)
    aligned = 2 * plan["N"] % plan.machine.file.global_memory.align.value == 0
    out = store.head + store.bytes_work(2 * part * cols, 0, part, aligned) + store.tail
    return Half(
        rows * cols,
        _multiply(plan, rows, cols, min(step, columns)),
        _multiply(plan, rows, cols, (columns - 1) % step + 1),
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
    v = VectorProgram(plan)
    full, row = cdiv(rows * cols, 64), cdiv(cols, 64)
    sums = v.at("w8_sums")
    v.do("vconv.s32_f32.rint", full, sums, sums)
    v.order()
    for i in range(rows):
        x = v.at("w8_sums", 4 * i * cols)
        v.do("vmul.f32", row, x, x, v.at("w8_rows", 32 * i, 0))
    v.order()
    for i in range(rows):
        x = v.at("w8_sums", 4 * i * cols)
        v.do("vmul.f32", row, x, x, v.at("w8_columns"))
    v.order()
    v.do("vconv.f32_bf16.rint", full, v.at("w8_sums", 0, 128), sums)
    return v.end

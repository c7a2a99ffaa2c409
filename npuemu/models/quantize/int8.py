"""V on a unit of rows that becomes int8 codes, in one part or two: `include/quantize_int8.inc`."""

from __future__ import annotations

from npuemu.models.parts.banks import Operand
from npuemu.models.parts.estimate import Estimate, align_up, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import Steady, VectorPipe, unit_times
from npuemu.models.quantize import units
from npuemu.models.quantize.units import Run, Unit


def pieces(plan: Plan) -> list[int]:
    """Columns of every piece of a row."""
    size, last = plan["Q_PIECE"], plan["Q_PIECES"] - 1
    return [*[size] * last, plan["K"] - last * size]


def times(plan: Plan, rows: int) -> Steady:
    """V on a unit of ``rows`` rows: maxima, scales, codes."""
    return unit_times(plan, lambda v: _unit(v, plan, rows))


def estimate(plan: Plan) -> Estimate:
    """quantize_int8 and quantize_int8_msd: units of rows, every vector core's share of them."""
    m, k, most = plan["M"], plan["K"], plan["Q_R"]
    codes, scale = ((("codes",), "scale"), (("h", "l"), "s2"))[plan["Q_PARTS"] - 1]
    widths = pieces(plan)
    known = {rows: times(plan, rows) for rows in {most, (m - 1) % most + 1}}

    def unit(u: int) -> Unit:
        first, rows = u * most, min(most, m - u * most)
        starts = [first * k + i * widths[0] for i in range(len(widths))]
        runs = [(at, rows * width) for at, width in zip(starts, widths, strict=True)]
        loads = [Run("A", 2 * at, 2 * size) for at, size in runs]
        again = [Run("A", 2 * at, 2 * size, again=True) for at, size in runs]
        stores = [[Run(name, at, size) for name in codes] for at, size in runs]
        stores[0].append(Run(scale, 4 * first, 4 * rows))
        return Unit(known[rows], loads + (again if len(runs) > 1 else []), stores)

    traffic = {
        "A": (2 * m * k * (2 if len(widths) > 1 else 1), 0),
        **dict.fromkeys(codes, (0, m * k)),
        scale: (0, 4 * m),
    }
    return units.estimate(plan, cdiv(m, most), unit, (2, plan["Q_SLOTS"]), traffic)


def _unit(v: VectorPipe, plan: Plan, rows: int) -> None:
    widths = pieces(plan)
    encode = _encode_two if plan["Q_PARTS"] == 2 else _encode_one
    for index, width in enumerate(widths):
        v.wait("load")
        if len(widths) == 1:
            _widen(v, rows * width)
        _magnitudes(v, rows, width, index)
        v.signal("release")
    _maxima(v, plan, rows)
    _scales(v, plan, rows)
    for index, width in enumerate(widths):
        if len(widths) > 1:
            v.wait("load")
            _widen(v, rows * width)
            v.signal("release")
            v.barrier()
        encode(v, rows, width, index)
        v.signal("made")


def _rows(v: VectorPipe, step: int = 256) -> Operand:
    """Rows of A in the slot in turn."""
    return v.at("q_in", v.slot * v.plan["Q_R"] * v.plan["Q_PIECE"] * 2, step)


def _codes(v: VectorPipe) -> Operand:
    """Codes in the slot in turn, if there are two."""
    return v.at("q_codes", v.slot * (v.plan["Q_SLOTS"] - 1) * v.plan["Q_CODES"], 128)


def _widen(v: VectorPipe, count: int) -> None:
    """A in f32."""
    v.op("vconv.bf16_f32.none", cdiv(count, 64), v.at("q_x"), _rows(v, 128))


def _magnitudes(v: VectorPipe, rows: int, width: int, index: int) -> None:
    """|a|, folded row by row until 64 columns are left."""
    lanes = min(v.plan["K"], 64)
    v.barrier()
    into = "q_half" if width > lanes else "q_fold"
    v.op("vand.b16", cdiv(rows * width, 128), v.at(into), _rows(v), v.at("q_mask", step=0))
    long = width
    while long > lanes:
        short = max(lanes, align_up(cdiv(long, 2), 16))
        v.barrier()
        for row in range(rows):
            start, step = row * width * 2, min(256, short * 2)
            first = v.at("q_half", start, step)
            second = v.at("q_half", start + (long - short) * 2, step)
            result = first if short > lanes else v.at("q_fold", (index + row) * 128)
            v.op("vmax.s16", cdiv(short, 128), result, first, second)
        long = short


def _maxima(v: VectorPipe, plan: Plan, rows: int) -> None:
    """One maximum a row; of pieces first one each."""
    lanes, many = min(plan["K"], 64), plan["Q_PIECES"]
    count = many if many > 1 else rows
    most, partial = v.at("q_most", 0, 32), v.at("q_pieces", 0, 32)
    v.barrier()
    source = v.at("q_fold", 0, 128)
    v.op("vconv.bf16_f32.none", cdiv(count * lanes, 64), v.at("q_fold_f32"), source)
    v.barrier()
    folded = v.at("q_fold_f32", 0, lanes * 4)
    v.op("vcmax.f32", count, partial if many > 1 else most, folded)
    v.barrier()
    if many > 1:
        v.op("vcmax.f32", 1, most, partial)
        v.barrier()
    v.op("vmaxs.f32", 1, most, most)
    v.barrier()


def _scales(v: VectorPipe, plan: Plan, rows: int) -> None:
    """Scales of the rows by division, NaN for Inf, spread to eight words a row."""
    v.wait("stored")
    parts = plan["Q_PARTS"]
    most, scale = v.at("q_most", 0, 32), v.at("q_s", 0, 32)
    for _ in range(parts):
        v.op("vdivs.f32", 1, scale, most)
    v.barrier()
    if plan["Q_SCALE_NAN"]:
        excess = v.at("q_excess", 0, 32)
        v.op("vsub.f32", 1, excess, scale, scale)
        v.barrier()
        v.op("vadd.f32", 1, scale, scale, excess)
        v.barrier()
    if parts == 2:
        v.op("vbrcb.b32", cdiv(rows, 8), v.at("q_s1_block"), v.at("q_s1", 0, 32))
    v.op("vbrcb.b32", cdiv(rows, 8), v.at("q_block"), scale)
    v.barrier()


def _by_row(v: VectorPipe, name: str, names: tuple[str, str, str], rows: int, width: int) -> None:
    """names: result, source, and the scales of the rows."""
    result, source, scale = names
    for row in range(rows):
        start = row * width * 4
        block = v.at(scale, row * 32, 0)
        v.op(name, cdiv(width, 64), v.at(result, start), v.at(source, start), block)
    v.barrier()


def _round(v: VectorPipe, count: int) -> None:
    """f32 -> s16 -> f16 -> s8."""
    half = v.at("q_half")
    v.op("vconv.f32_s16.rint", cdiv(count, 64), v.at("q_half", 0, 128), v.at("q_x"))
    v.barrier()
    v.op("vconv.s16_f16.rint", cdiv(count, 128), half, half)
    v.barrier()
    v.op("vconv.f16_s8.rint", cdiv(count, 128), _codes(v), half)


def _encode_one(v: VectorPipe, rows: int, width: int, piece: int) -> None:
    """a / s, rounded."""
    _by_row(v, "vdiv.f32", ("q_x", "q_x", "q_block"), rows, width)
    if piece > 0:
        v.wait("stored")
    _round(v, rows * width)


def _encode_two(v: VectorPipe, rows: int, width: int, piece: int) -> None:
    """h of a / s1; a - 254 h s2; l of that / s2."""
    full, half = cdiv(rows * width, 64), cdiv(rows * width, 128)
    high = v.at("q_t")
    _by_row(v, "vdiv.f32", ("q_t", "q_x", "q_s1_block"), rows, width)
    v.op("vconv.f32_f32.rint", full, high, high)
    v.barrier()
    v.op("vconv.f32_f16.rint", full, v.at("q_half", 0, 128), high)
    v.barrier()
    if piece > 0:
        v.wait("stored")
    v.op("vconv.f16_s8.rint", half, _codes(v), v.at("q_half"))
    v.op("vmuls.f32", full, high, high)
    v.barrier()
    _by_row(v, "vmla.f32", ("q_x", "q_t", "q_block"), rows, width)
    _by_row(v, "vdiv.f32", ("q_x", "q_x", "q_block"), rows, width)
    _round(v, rows * width)

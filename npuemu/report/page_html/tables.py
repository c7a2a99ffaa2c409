"""Parts of the page that need no script: head, pipes, waits, buffers, traffic, diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from npuemu.report.json_schema import Diagnostic, Report, Wait
from npuemu.report.page_html.links import Links
from npuemu.report.page_html.markup import Cell, bar, number, table, text
from npuemu.report.summary import (
    KIND_TITLES,
    PipeRow,
    duration,
    integer,
    is_grouped,
    mac_utilisation,
    params_text,
    percent,
    pipe_rows,
    size,
    verdict,
    workers,
)

MOST_ROWS = 400
"""Rows of the table of waits; the smaller ones are left out."""


def cause_class(cause: str) -> str:
    """Class of the colour of a stall cause."""
    return "c-flag" if cause.startswith("flag") else f"c-{cause}"


def _tile(title: str, value: str, note: str = "", kind: str = "") -> str:
    words = f'<span class="sub">{escape(note)}</span>' if note else ""
    return (
        f'<div class="tile {kind}"><span class="title">{escape(title)}</span>'
        f"<b>{escape(value)}</b>{words}</div>"
    )


def bounding(report: Report) -> PipeRow | None:
    """The pipe with the most work; the busiest core's, where cores are grouped."""
    rows = [row for row in pipe_rows(report) if row.pipe != "S" and row.busy]
    return max(rows, key=lambda row: row.busy, default=None)


def head(report: Report, peak: Mapping[str, float]) -> str:
    """Kernel, machine, parameters, cycles, time, verdict, the busiest pipe."""
    errors = any(d.severity == "error" for d in report.diagnostics)
    state = "bad" if errors else "warn" if report.diagnostics or not report.checked else "good"
    tiles = [
        _tile("cycles", integer(report.cycles), duration(report.time_us)),
        _tile("verdict", verdict(report), "", state),
    ]
    most = bounding(report)
    if most is not None:
        where = f"{most.group}: {integer(most.busy)} cycles busy"
        bounds = report.profile is not None and report.profile.bound.kind == "pipe"
        title = "bounding pipe" if bounds else "busiest pipe"
        tiles.append(_tile(title, f"{most.pipe} {percent(most.share(most.busy))}", where))
    for kind, share in mac_utilisation(report, peak).items():
        macs = f"{integer(report.work.macs[kind])} multiply-adds"
        tiles.append(_tile(f"of the cube's {kind} peak", percent(share), macs))
    found = report.traffic
    moved = f"{size(found.gm_read_bytes)} read, {size(found.gm_write_bytes)} written"
    tiles.append(_tile("global memory", size(found.gm_read_bytes + found.gm_write_bytes), moved))
    blocks = f"{report.blocks} block{'s' if report.blocks > 1 else ''}"
    timing = f" &middot; timing {report.jitter}" if report.jitter else ""
    return (
        f"<h1>{escape(report.kernel)} <small>on {escape(report.machine)}</small></h1>"
        f'<p class="params">{escape(params_text(report.params))} &middot; {blocks} &middot; '
        f'mode {report.mode}{timing}</p><div class="tiles">{"".join(tiles)}</div>'
    )


def pipes(report: Report) -> str:
    """Busy, stalls by cause, idle: a bar and figures for every pipe."""
    grouped = is_grouped(report)
    rows = [_pipe(row, grouped) for row in pipe_rows(report)]
    heads = [
        ("core", "l"), ("pipe", "l"), ("instructions", ""), ("busy", ""), ("busy %", ""),
        ("busy | stalls by cause | idle", "l"), ("stall %", ""), ("idle %", ""),
        *([("busiest core", "l")] if grouped else []), ("stalled by (cycles, share)", "w"),
    ]  # fmt: skip
    return table(heads, rows, sortable=True, name="pipes")


def _pipe(row: PipeRow, grouped: bool) -> list[Cell]:
    busy, stalled, idle = (row.share(n) for n in (row.busy, row.stalled, row.idle))
    parts = [("busy", busy, f"busy {percent(busy)}")]
    parts += [
        (cause_class(cause), row.share(n), f"{cause} {percent(row.share(n))}")
        for cause, n in row.causes()
    ]
    words = ", ".join(f"{c} {integer(n)} ({percent(row.share(n))})" for c, n in row.causes())
    cells = [
        text(row.group), text(row.pipe), number(row.instructions, integer(row.instructions)),
        number(row.busy, integer(row.busy)), number(busy, percent(busy)),
        Cell(bar(parts, 260), "l"), number(stalled, percent(stalled)), number(idle, percent(idle)),
    ]  # fmt: skip
    if grouped:
        cells.append(text(f"{row.top_core} {percent(row.share(row.top_busy))}"))
    return [*cells, text(words, "w")]


def waits(report: Report, links: Links) -> str:
    """Who waited for whom, the longest first; cycles over all cores of the kind."""
    if not report.waits:
        return ""
    cores = workers(report)
    found = [w for w in report.waits if (w.core, w.pipe) in cores]
    found.sort(key=lambda w: -w.cycles)
    rows = [_wait(w, report.cycles * cores[w.core, w.pipe], links) for w in found[:MOST_ROWS]]
    heads = [
        ("core", "l"), ("pipe", "l"), ("waited at", "l"), ("instruction", "l"), ("for", "l"),
        ("flag", "l"), ("raised at", "l"), ("behind", "l"), ("times", ""), ("cycles", ""),
        ("cycles each", ""), ("share", ""),
    ]  # fmt: skip
    rest = sum(w.cycles for w in found[MOST_ROWS:])
    cut = f'<p class="note">{len(found) - MOST_ROWS} smaller rows, {integer(rest)} cycles, left out'
    more = f"{cut}</p>" if len(found) > MOST_ROWS else ""
    return table(heads, rows, sortable=True, name="waits", kind="tall") + more


def _wait(w: Wait, slots: int, links: Links) -> list[Cell]:
    share = w.cycles / slots if slots else 0.0
    awaited = escape(w.awaited) + (f" {links.html(w.awaited_where)}" if w.awaited_where else "")
    each = w.cycles / w.count if w.count else 0.0
    return [
        text(KIND_TITLES[w.core]), text(w.pipe), links.cell(w.where), text(w.name),
        Cell(f'<i class="dot {escape(cause_class(w.cause))}"></i>{escape(w.cause)}', "l"),
        text(w.flag), links.cell(w.set_where), Cell(awaited, "l where"),
        number(w.count, integer(w.count)),
        number(w.cycles, integer(w.cycles)), number(each, f"{each:,.1f}"),
        number(share, percent(share)),
    ]  # fmt: skip


def buffers(report: Report, links: Links) -> str:
    """Peak occupancy of the local memories, and who holds the peak."""
    rows = []
    for name, use in report.buffers.items():
        share = use.peak_bytes / use.capacity if use.capacity else 0.0
        holders = "; ".join(
            f"{escape(h.buffer or 'unnamed')} {size(h.bytes)} {links.html(h.where)}"
            for h in use.holders[:6]
        )
        rows.append([
            text(name), number(use.capacity, size(use.capacity)),
            number(use.peak_bytes, size(use.peak_bytes)), number(share, percent(share)),
            Cell(bar([("busy", share, percent(share))], 140), "l"),
            number(use.peak_cycle, integer(use.peak_cycle)), text(use.core), Cell(holders, "w"),
        ])  # fmt: skip
    heads = [
        ("memory", "l"), ("capacity", ""), ("peak", ""), ("peak %", ""), ("", "l"),
        ("at cycle", ""), ("on core", "l"), ("held by", "w"),
    ]  # fmt: skip
    return table(heads, rows, name="buffers") if rows else ""


def traffic(report: Report) -> str:
    """GM bytes by tensor, and the work done."""
    found = report.traffic
    lines = [(name, use.read, use.write) for name, use in found.tensors.items()]
    lines.append(("all", found.gm_read_bytes, found.gm_write_bytes))
    moved = [[text(n), number(r, integer(r)), number(w, integer(w))] for n, r, w in lines]
    heads = [("tensor", "l"), ("GM read (bytes)", ""), ("GM write (bytes)", "")]
    work = [
        [text(f"{k} multiply-adds"), number(n, integer(n))] for k, n in report.work.macs.items()
    ]
    elements = report.work.vector_elements
    work.append([text("vector elements"), number(elements, integer(elements))])
    amounts = table([("work", "l"), ("amount", "")], work, name="work")
    return f'<div class="pair">{table(heads, moved, name="traffic")}{amounts}</div>'


def diagnostics(report: Report, links: Links) -> str:
    """Every finding: code, message, both places, the repair."""
    heads = [("severity", "l"), ("code", "l"), ("where", "l"), ("message", "w")]
    return table(heads, [_finding(d, links) for d in report.diagnostics], name="diagnostics-table")


def _finding(d: Diagnostic, links: Links) -> list[Cell]:
    words = [escape(d.message)]
    if d.other is not None:
        words.append(
            f'<span class="also">{links.html(d.other.where)}: {escape(d.other.message)}</span>'
        )
    if d.help:
        words.append(f'<span class="also">help: {escape(d.help)}</span>')
    return [
        text(d.severity, f"l {d.severity}"),
        text(d.code),
        links.cell(d.where),
        Cell("<br>".join(words), "w"),
    ]

"""A run as HTML: a fragment for notebooks and a self-contained page; no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from npuemu.report.json_schema import Diagnostic, Report, as_report
from npuemu.report.summary import (
    PipeRow,
    causes_text,
    duration,
    integer,
    is_grouped,
    mac_utilisation,
    params_text,
    percent,
    pipe_rows,
    size,
    verdict,
)

_CSS = """
.npuemu { font: 13px/1.45 system-ui, sans-serif; color: inherit; }
.npuemu h4 { margin: 1em 0 .3em; font-size: 13px; }
.npuemu table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.npuemu th, .npuemu td { padding: 2px 10px 2px 0; text-align: right; white-space: nowrap;
  background: none; border: none; border-bottom: 1px solid rgba(128,128,128,.25); }
.npuemu .l { text-align: left; }
.npuemu .w { text-align: left; white-space: normal; }
.npuemu .bar { display: inline-flex; width: 140px; height: 10px;
  background: rgba(128,128,128,.18); }
.npuemu .bar i { display: block; height: 10px; }
.npuemu .busy { background: #2e7d4f; } .npuemu .stall { background: #c98a1b; }
.npuemu .error { color: #c0392b; } .npuemu .warning { color: #b9770e; }
"""

PAGE_CSS = """
body { margin: 2em auto; max-width: 1100px; padding: 0 1em; color: #1c1c1c; background: #fff; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #161616; } }
"""

Cell = tuple[str, str]
"""Class and HTML of a table cell."""


def _cell(text: str, kind: str = "") -> Cell:
    return kind, escape(text)


def _bar(busy: float, stalled: float = 0.0) -> Cell:
    parts = "".join(
        f'<i class="{kind}" style="width:{100 * min(1.0, max(0.0, share)):.2f}%"></i>'
        for kind, share in (("busy", busy), ("stall", stalled))
    )
    return "l", f'<span class="bar">{parts}</span>'


def _table(heads: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> str:
    head = "".join(f'<th class="{kind}">{text}</th>' for kind, text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{text}</td>' for kind, text in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _pipe_cells(row: PipeRow, grouped: bool) -> list[Cell]:
    busy, stalled = row.share(row.busy), row.share(row.stalled)
    cells = [
        _cell(row.group, "l"), _cell(row.pipe, "l"), _cell(integer(row.instructions)),
        _cell(integer(row.busy)), _cell(percent(busy)), _bar(busy, stalled),
        _cell(percent(stalled)), _cell(percent(row.share(row.idle))),
    ]  # fmt: skip
    if grouped:
        cells.append(_cell(f"{row.top_core} {percent(row.share(row.top_busy))}", "l"))
    return [*cells, _cell(causes_text(row), "w")]


def _pipes(report: Report) -> str:
    grouped = is_grouped(report)
    heads = [_cell("core", "l"), _cell("pipe", "l")]
    heads += [_cell(title) for title in ("instructions", "busy", "busy %")]
    heads += [_cell("busy, stalled", "l"), _cell("stall %"), _cell("idle %")]
    heads += [_cell("busiest core", "l")] if grouped else []
    heads.append(_cell("stalled by", "w"))
    title = "Pipes (mean over the cores of a kind)" if grouped else "Pipes"
    rows = [_pipe_cells(row, grouped) for row in pipe_rows(report)]
    return f"<h4>{title}</h4>" + _table(heads, rows)


def _buffers(report: Report) -> str:
    heads = [_cell("buffer", "l"), _cell("capacity"), _cell("peak"), _cell("peak %")]
    heads += [_cell("", "l"), _cell("at cycle"), _cell("on core", "l")]
    rows = []
    for name, use in report.buffers.items():
        share = use.peak_bytes / use.capacity if use.capacity else 0.0
        rows.append([
            _cell(name, "l"), _cell(size(use.capacity)), _cell(size(use.peak_bytes)),
            _cell(percent(share)), _bar(share), _cell(integer(use.peak_cycle)),
            _cell(use.core, "l"),
        ])  # fmt: skip
    return "<h4>Buffers</h4>" + _table(heads, rows) if rows else ""


def _traffic(report: Report) -> str:
    found = report.traffic
    lines = [(name, use.read, use.write) for name, use in found.tensors.items()]
    lines.append(("all", found.gm_read_bytes, found.gm_write_bytes))
    rows = [[_cell(n, "l"), _cell(integer(r)), _cell(integer(w))] for n, r, w in lines]
    heads = [_cell("tensor", "l"), _cell("GM read (bytes)"), _cell("GM write (bytes)")]
    return "<h4>Global memory traffic</h4>" + _table(heads, rows)


def _work(report: Report, peak: Mapping[str, float] | None) -> str:
    used = mac_utilisation(report, peak or {})
    rows = [
        [
            _cell(f"{kind} multiply-adds", "l"), _cell(integer(number)),
            _cell(f"{percent(used[kind])} of the cube's peak" if kind in used else "", "l"),
        ]
        for kind, number in report.work.macs.items()
    ]  # fmt: skip
    rows.append([_cell("vector elements", "l"), _cell(integer(report.work.vector_elements))])
    return "<h4>Work</h4>" + _table([], rows)


def _words(d: Diagnostic) -> list[str]:
    """What a finding says: the message, the other side, the repair."""
    other = [f"{d.other.where}: {d.other.message}"] if d.other is not None else []
    return [d.message, *other, *([d.help] if d.help else [])]


def _diagnostics(report: Report) -> str:
    if not report.diagnostics:
        return ""
    rows = [
        [
            _cell(d.severity, f"l {d.severity}"), _cell(d.code, "l"), _cell(d.where, "l"),
            _cell("; ".join(_words(d)), "w"),
        ]
        for d in report.diagnostics
    ]  # fmt: skip
    heads = [_cell(title, "l") for title in ("severity", "code", "where", "message")]
    return "<h4>Diagnostics</h4>" + _table(heads, rows)


def fragment(report: Mapping[str, Any] | Report, *, peak: Mapping[str, float] | None = None) -> str:
    """The report as one `<div>` with its own style; what a notebook shows for a run."""
    typed = as_report(report)
    params = params_text(typed.params)
    timing = f" &nbsp; timing {typed.jitter}" if typed.jitter else ""
    head = (
        f"<b>{escape(typed.kernel)}</b> on {escape(typed.machine)} &nbsp; {escape(params)} &nbsp; "
        f"blocks {typed.blocks} &nbsp; mode {typed.mode}{timing}<br>"
        f"<b>{integer(typed.cycles)} cycles</b> &nbsp; {duration(typed.time_us)} &nbsp; "
        f"{escape(verdict(typed))}"
    )
    parts = [_pipes(typed), _buffers(typed), _traffic(typed), _work(typed, peak)]
    body = "".join([*parts, _diagnostics(typed)])
    return f'<div class="npuemu"><style>{_CSS}</style><div>{head}</div>{body}</div>'


def page(report: Mapping[str, Any] | Report, *, peak: Mapping[str, float] | None = None) -> str:
    """The report as a whole HTML document in one file."""
    typed = as_report(report)
    title = escape(f"{typed.kernel} on {typed.machine}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{PAGE_CSS}</style></head><body>{fragment(typed, peak=peak)}</body></html>\n"
    )

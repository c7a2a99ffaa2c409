"""A run as text: on a terminal with colour and block bars, on a pipe plain and aligned."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, TextIO

from npuemu import pages
from npuemu.report import hot
from npuemu.report.hot import SourceLine
from npuemu.report.json_schema import Buffer, Diagnostic, Report, as_report
from npuemu.report.places import Places
from npuemu.report.summary import (
    bar,
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
from npuemu.report.tables import PLAIN_WIDTH, Column, Style, table

_BAR = 20
_NARROW = 130  # columns of a terminal under which bars and causes are cut short,
_SMALL = 110  # and under which bars and the busiest core are left out


def style_for(stream: TextIO) -> Style:
    """The style a stream can show: `NO_COLOR` and dumb terminals are honoured."""
    if not stream.isatty():
        return Style()
    encoding = (getattr(stream, "encoding", "") or "").lower().replace("-", "")
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Style(not plain, encoding.startswith("utf"), max(80, shutil.get_terminal_size().columns))


def header(report: Report) -> str:
    """Kernel, machine, parameters; cycles, time and the verdict."""
    first = f"{report.kernel} on {report.machine}"
    params = params_text(report.params)
    blocks = f"{report.blocks} block{'s' if report.blocks > 1 else ''}"
    timing = f"timing {report.jitter}" if report.jitter else ""
    facts = "   ".join(part for part in (params, blocks, f"mode {report.mode}", timing) if part)
    second = f"{integer(report.cycles)} cycles   {duration(report.time_us)}   {verdict(report)}"
    return f"{first}   {facts}\n{second}\n{timings(report)}"


def timings(report: Report) -> str:
    """What the other timings of `--shuffle` showed, if there were any."""
    if report.timings is None:
        return ""
    fewest, most = integer(report.timings.fewest_cycles), integer(report.timings.most_cycles)
    differ = any(d.code == "E205" for d in report.diagnostics)
    outputs = "outputs differ" if differ else "same outputs"
    count, broken = integer(report.timings.count), report.timings.broken
    if broken == report.timings.count:
        return f"{count} other timings   all end in errors\n"
    errors = f"{integer(broken)} end in errors, of the others " if broken else ""
    return f"{count} other timings   {errors}{fewest} .. {most} cycles   {outputs}\n"


def pipes(report: Report, style: Style) -> str:
    """Where the cycles of every pipe went."""
    small = style.width < _SMALL
    grouped = is_grouped(report)
    bar_width, causes = (_BAR // 2, 2) if style.width < _NARROW else (_BAR, 3)
    columns = [
        Column("core"), Column("pipe", style="cyan"), Column("instr", True), Column("busy", True),
        Column("busy %", True), Column("stall %", True), Column("idle %", True),
    ]  # fmt: skip
    if not small:
        columns.insert(5, Column("", style="green"))
    if grouped and not small:
        columns.append(Column("busiest core"))
    columns.append(Column("stalled by", wrap=True))
    rows = []
    previous = ""
    for row in pipe_rows(report):
        share = row.share(row.busy)
        cells = [
            row.group if row.group != previous else "", row.pipe, integer(row.instructions),
            integer(row.busy), percent(share), percent(row.share(row.stalled)),
            percent(row.share(row.idle)),
        ]  # fmt: skip
        if not small:
            cells.insert(5, bar(share, bar_width, *style.bar_cells))
        if grouped and not small:
            cells.append(f"{row.top_core} {percent(row.share(row.top_busy))}")
        rows.append([*cells, causes_text(row, 1, "") if small else causes_text(row, causes)])
        previous = row.group
    title = "pipes (mean over the cores of a kind)\n" if grouped else "pipes\n"
    return title + table(columns, rows, style)


def _held(use: Buffer, places: Places, most: int = 2) -> str:
    """Who holds a buffer at its peak: named ranges, or lines where nothing has a name."""
    sums: dict[str, int] = {}
    for holder in use.holders:
        name = holder.buffer or places.short(holder.where)
        sums[name] = sums.get(name, 0) + holder.bytes
    listed = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} {size(n)}" for name, n in listed[:most]]
    return ", ".join(shown) + (f", +{len(listed) - most} more" if len(listed) > most else "")


def buffers(report: Report, style: Style) -> str:
    """Peak occupancy of the buffers that were used."""
    columns = [
        Column("buffer"), Column("capacity", True), Column("peak", True), Column("peak %", True),
        Column("", style="green"), Column("at cycle", True), Column("on core"),
        Column("held by", wrap=True),
    ]  # fmt: skip
    full, empty = style.bar_cells
    places = Places([h.where for use in report.buffers.values() for h in use.holders])
    rows = []
    for name, use in report.buffers.items():
        if not use.peak_bytes:
            continue
        share = use.peak_bytes / use.capacity if use.capacity else 0.0
        rows.append([
            name, size(use.capacity), size(use.peak_bytes), percent(share),
            bar(share, _BAR if style.width >= _SMALL else _BAR // 2, full, empty),
            integer(use.peak_cycle), use.core, _held(use, places),
        ])  # fmt: skip
    return "buffers\n" + table(columns, rows, style) if rows else ""


def traffic(report: Report, style: Style) -> str:
    """Bytes between GM and the cores, by tensor."""
    columns = [Column("tensor"), Column("GM read", True), Column("GM write", True)]
    found = report.traffic
    rows = [[n, integer(t.read), integer(t.write)] for n, t in found.tensors.items()]
    rows.append(["all", integer(found.gm_read_bytes), integer(found.gm_write_bytes)])
    return "global memory traffic (bytes)\n" + table(columns, rows, style)


def work(report: Report, peak: Mapping[str, float] | None) -> str:
    """Multiply-adds and vector elements, with the share of the cube's peak where it is known."""
    used = mac_utilisation(report, peak or {})
    lines = []
    for kind, number in report.work.macs.items():
        rate = number / report.cycles if report.cycles else 0.0
        share = f"   {percent(used[kind])} of the cube's peak" if kind in used else ""
        lines.append(f"  {integer(number)} {kind} multiply-adds   {rate:,.1f} a cycle{share}")
    if report.work.vector_elements:
        lines.append(f"  {integer(report.work.vector_elements)} vector elements")
    return "work\n" + "\n".join(lines) + "\n" if lines else ""


def _at(where: str, text: str, source_line: SourceLine | None) -> str:
    """A text with its place in front and its source line below."""
    line = source_line(where) if source_line and where else None
    return f"{where + ': ' if where else ''}{text}\n" + (f"    | {line.strip()}\n" if line else "")


def finding(diagnostic: Diagnostic, source_line: SourceLine | None = None) -> str:
    """One diagnostic: place, severity and code, message, source line; the other side; the help."""
    head = f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"
    text = _at(diagnostic.where, head, source_line)
    if diagnostic.other is not None:
        text += _at(diagnostic.other.where, f"note: {diagnostic.other.message}", source_line)
    return text + (f"  = help: {diagnostic.help}\n" if diagnostic.help else "")


def findings(
    report: Mapping[str, Any] | Report, source_line: SourceLine | None = None, most: int = 50
) -> str:
    """All diagnostics, errors first, and where to read more; beyond ``most`` only their number."""
    listed = sorted(as_report(report).diagnostics, key=lambda d: d.severity != "error")
    text = "".join(finding(diagnostic, source_line) for diagnostic in listed[:most])
    if len(listed) > most:
        text += f"... and {len(listed) - most} more (all of them are in the JSON report)\n"
    return f"{text}{pages.hint(d.code for d in listed)}\n" if listed else ""


def render(
    report: Mapping[str, Any] | Report,
    style: Style | None = None,
    *,
    source_line: SourceLine | None = None,
    peak: Mapping[str, float] | None = None,
) -> str:
    """The whole report as text.

    ``peak``: multiply-adds a cycle of one cube core by input type, for the utilisation.
    """
    typed = as_report(report)
    style = style or Style(width=PLAIN_WIDTH)
    parts = [
        header(typed), pipes(typed, style), hot.waits(typed, style),
        hot.lines(typed, style, source_line), hot.roofline(typed, style), buffers(typed, style),
        traffic(typed, style), work(typed, peak),
    ]  # fmt: skip
    if typed.diagnostics:
        parts.append("diagnostics\n" + findings(typed, source_line))
    return "\n".join(part for part in parts if part)

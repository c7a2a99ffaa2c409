"""Where the cycles of a run went: its largest waits, its hottest lines, and its roofline."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from npuemu.report.json_schema import Line, Report, Wait
from npuemu.report.places import Places
from npuemu.report.summary import KIND_TITLES, bar, flags_text, integer, percent, workers
from npuemu.report.tables import Column, Style, table

SourceLine = Callable[[str], str | None]
"""``file:line`` -> the text of that line, or None when it is not known."""

MOST = 6  # rows of a view
_MOST_ROOFS = 8
_SMALL = 110  # columns of a terminal under which a place and what belongs to it share a column,
_WIDE = 150  # and from which on a line's text and the name of a flag's wait are shown
_BAR = 20
_TEXT = 44  # characters of a line's text
_LEAST = 0.05  # of a line's work: smaller stalls of it are left out


class _Means:
    """Cycles and counts of lines and waits as means over the cores whose pipe has work."""

    def __init__(self, report: Report) -> None:
        self._workers = workers(report)
        self._cycles = report.cycles

    def works(self, row: Line | Wait) -> bool:
        """Whether a row's pipe has work on any core."""
        return (row.core, row.pipe) in self._workers

    def mean(self, row: Line | Wait, number: float) -> float:
        """A number summed over cores, for one of them."""
        return number / self._workers[row.core, row.pipe]

    def cells(self, row: Line | Wait, cycles: int) -> list[str]:
        """Cycles and their share of the run."""
        mean = self.mean(row, cycles)
        return [integer(mean), percent(mean / self._cycles if self._cycles else 0.0)]

    def times(self, row: Line | Wait) -> str:
        """How often; with one decimal where the mean is small and no whole number."""
        mean = self.mean(row, row.count)
        return integer(mean) if mean >= 10 or mean == round(mean) else f"{mean:.1f}"


def _places(report: Report) -> Places:
    found = [line.where for line in report.lines]
    for wait in report.waits:
        found += [wait.where, wait.set_where, wait.awaited_where]
    return Places(found)


def _pipe(row: Line | Wait) -> str:
    return f"{KIND_TITLES[row.core]} {row.pipe}"


def _title(words: str, shown: int, there_are: int) -> str:
    more = f" ({shown} of {there_are}; --report has all)" if shown < there_are else ""
    return f"{words}{more}\n"


def _until(waits: list[Wait], places: Places) -> str:
    """What ended the largest of waits: `mov_gm_l1 kernel.npu:40, set at :41`."""
    wait, parts = waits[0], []
    if wait.awaited:
        place = places.short(wait.awaited_where, wait.where)
        parts.append(f"{wait.awaited} {place}".rstrip())
    if wait.set_where:
        parts.append(f"set at {places.short(wait.set_where, wait.where)}")
    ends = {(wait.awaited_where, wait.set_where) for wait in waits}
    return ", ".join(parts) + (f", +{len(ends) - 1} more" if len(ends) > 1 else "")


def _by_place(waits: list[Wait]) -> list[list[Wait]]:
    """Waits of one pipe at one line for one cause together, the largest of each first."""
    found: dict[tuple[str, ...], list[Wait]] = {}
    for wait in sorted(waits, key=lambda wait: -wait.cycles):
        found.setdefault((wait.core, wait.pipe, wait.where, wait.cause), []).append(wait)
    return list(found.values())


def _summed(waits: list[Wait]) -> Wait:
    """Waits at one line as one, which waits for all their flags."""
    return replace(
        waits[0], count=sum(wait.count for wait in waits),
        cycles=sum(wait.cycles for wait in waits),
        flag=flags_text(sorted({wait.flag for wait in waits})),
    )  # fmt: skip


def waits(report: Report, style: Style, most: int = MOST) -> str:
    """The waits that took the most cycles: which pipe, for what, at which line, until when."""
    means, places = _Means(report), _places(report)
    those = [wait for wait in report.waits if wait.cycles and means.works(wait)]
    found = [(_summed(group), group) for group in _by_place(those)]
    found.sort(key=lambda item: -means.mean(item[0], item[0].cycles))
    if not found:
        return ""
    small = style.width < _SMALL
    columns = [
        Column("pipe", style="cyan"), Column("cycles", True), Column("share", True),
        Column("waits for"),
    ]  # fmt: skip
    columns[1:1] = [] if small else [Column("times", True)]
    columns += [Column("at", wrap=True)] if small else [Column("at"), Column("until", wrap=True)]
    rows = []
    for wait, group in found[:most]:
        row = [_pipe(wait), *means.cells(wait, wait.cycles), wait.flag or wait.cause]
        row[1:1] = [] if small else [means.times(wait)]
        at, until = places.short(wait.where), _until(group, places)
        if style.width >= _WIDE or not wait.flag:
            at += f" {wait.name}"
        row += [f"{at} until {until}" if until else at] if small else [at, until]
        rows.append(row)
    return _title("largest waits", len(rows), len(found)) + table(columns, rows, style)


def _stalls(line: Line, means: _Means) -> str:
    """A line's stalls by cause, the largest first, if they matter: `bank_conflict 32`."""
    causes = sorted(line.stalls.items(), key=lambda item: (-item[1], item[0]))
    shown = [(cause, n) for cause, n in causes if n >= _LEAST * line.busy]
    return ", ".join(f"{cause} {integer(means.mean(line, n))}" for cause, n in shown)


def _text(line: Line, source_line: SourceLine | None) -> str:
    """The line's instruction as it is written, or its mnemonic if the text is not that of it."""
    text = (source_line(line.where) or "") if source_line else ""
    text = " ".join(text.partition(";")[0].split())
    if line.name not in text:
        return line.name
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 3].rstrip()}..."


def lines(
    report: Report, style: Style, source_line: SourceLine | None = None, most: int = MOST
) -> str:
    """The lines whose own work took the most cycles, with what they waited for."""
    means, places = _Means(report), _places(report)
    found = sorted(
        (line for line in report.lines if line.busy and means.works(line)),
        key=lambda line: -means.mean(line, line.busy),
    )
    if not found:
        return ""
    small = style.width < _SMALL
    texts = source_line if style.width >= _WIDE else None
    columns = [
        Column("pipe", style="cyan"), Column("times", True), Column("cycles", True),
        Column("share", True),
    ]  # fmt: skip
    rows = []
    for line in found[:most]:
        row = [_pipe(line), means.times(line), *means.cells(line, line.busy)]
        stalls, place = _stalls(line, means), places.short(line.where)
        if small:
            row.append(f"{place} {line.name}" + (f", stalled by {stalls}" if stalls else ""))
        else:
            row += [place, _text(line, texts), stalls]
        rows.append(row)
    if small:
        columns.append(Column("line", wrap=True))
    else:
        columns += [Column("line"), Column("instruction")]
        columns += [Column("stalled by", wrap=True)] if any(row[-1] for row in rows) else []
        rows = [row[: len(columns)] for row in rows]
    return _title("hottest lines", len(rows), len(found)) + table(columns, rows, style)


def roofline(report: Report, style: Style) -> str:
    """What every resource needed at its full rate, as part of the run."""
    found = sorted((roof for roof in report.roofline if roof.cycles), key=lambda r: -r.share)
    if not found:
        return ""
    columns = [
        Column("resource"), Column("of"), Column("cycles", True), Column("share", True),
        Column("", style="green"),
    ]  # fmt: skip
    rows = [
        [
            roof.resource, f"{KIND_TITLES.get(roof.core, roof.core)} {roof.pipe}".rstrip(),
            integer(roof.cycles), percent(roof.share), bar(roof.share, _BAR, *style.bar_cells),
        ]
        for roof in found[:_MOST_ROOFS]
    ]  # fmt: skip
    return "roofline (least cycles at full rate)\n" + table(columns, rows, style)

"""Two runs compared, as text: what changed most in words, then every figure side by side."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from npuemu.report.comparison import Cause, Change, Comparison, PlaceChange, RunSide
from npuemu.report.figures import BUSY, IDLE, Group, Unit, shown
from npuemu.report.places import Places
from npuemu.report.summary import duration, integer, params_text, percent
from npuemu.report.tables import PLAIN_WIDTH, Column, Style, table

_MOST = 6  # rows of what changed most, of lines and of waits
_SMALL = 110  # columns of a terminal under which shares are left out
_LEAST = 0.01  # of a run: stalls below are summed as others
_SAME, _NONE = "=", "-"

WORDS = {
    BUSY: "works",
    "dispatch": "waits for the scalar unit (dispatch)",
    "barrier": "waits at barriers",
    "cross_core_flag": "waits for cross-core flags",
    "bank_conflict": "loses to bank conflicts",
    "shared_bandwidth": "loses to shared bandwidth",
    "queue_full": "waits for full queues",
}
"""What a pipe does by what its cycles are called; flags are named with their pipe."""


def words(what: str) -> str:
    """What a pipe does in cycles of this name: `waits for flags of V`."""
    head, _, pipe = what.partition("_")
    if head == "flag" and pipe:
        return f"waits for flags of {pipe}"
    return WORDS.get(what, f"waits: {what}")


def signed(value: float, unit: Unit = "cycles") -> str:
    """A change: `+1,234`, `-3.00 us`, or `=` where none shows."""
    text = shown(abs(value), unit)
    if text == shown(0, unit):
        return _SAME
    return f"{'-' if value < 0 else '+'}{text}"


def factor(a: float | None, b: float | None) -> str:
    """`x0.38`; nothing where it says nothing."""
    if not a or b is None or a == b:
        return ""
    ratio = b / a
    return f"x{ratio:,.0f}" if ratio >= 100 else f"x{ratio:.2f}"


def _facts(side: RunSide) -> str:
    blocks = f"{side.blocks} block{'s' if side.blocks > 1 else ''}"
    parts = (f"{side.kernel} on {side.machine}", params_text(side.params), blocks)
    return "   ".join(part for part in (*parts, f"mode {side.mode}") if part)


def _verdict(side: RunSide) -> str:
    """`clean`, or the codes with how often: `E201 x2, W121`."""
    found = [f"{code} x{n}" if n > 1 else code for code, n in side.findings.items()]
    return ", ".join(found) or "clean"


def _busiest(side: RunSide) -> str:
    return f"{side.busiest} {percent(side.busiest_share)}" if side.busiest else _NONE


def _outputs(comparison: Comparison) -> str:
    """Whether the outputs have the same bits."""
    found = comparison.outputs
    if not found:
        return "not computed in both"
    other = [f"{name} {how}" for name, how in found.items() if how != "equal"]
    if not other:
        return "equal bit for bit"
    equal = len(found) - len(other)
    return ", ".join(other) + (f"; {equal} equal" if equal else "")


def _headline(c: Comparison) -> str:
    """The change of the run in words."""
    change = c.b.cycles - c.a.cycles
    if change:
        more = "more" if change > 0 else "fewer"
        how = f" ({factor(c.a.cycles, c.b.cycles)})" if c.a.cycles else ""
        text = f"B takes {integer(abs(change))} cycles {more}{how}"
    else:
        text = "B takes as many cycles"
    if c.a.machine != c.b.machine:
        text += f", {_time(c)}"
    shares = percent(c.a.busiest_share), percent(c.b.busiest_share)
    if c.a.busiest != c.b.busiest:
        text += f"; the busiest pipe was {c.a.busiest}, {shares[0]} of the run, and is now "
        text += f"{c.b.busiest}, {shares[1]}"
    elif c.a.busiest:
        text += f"; the busiest pipe is {c.a.busiest}, {shares[0]} of A and {shares[1]} of B"
    return text


def _time(c: Comparison) -> str:
    change = c.b.time_us - c.a.time_us
    if not change:
        return "the same time"
    more = "more" if change > 0 else "less"
    return f"{duration(abs(change))} {more} ({factor(c.a.time_us, c.b.time_us)})"


def _where(place: PlaceChange | Cause, places: Places) -> str:
    """`kernel.npu:12`; `kernel.npu:12 -> :15` where it moved; or in which run alone it is."""
    if not place.where_a or not place.where_b:
        run = "A" if place.where_a else "B"
        return f"{places.short(place.where_a or place.where_b)} in {run} alone"
    a, b = places.short(place.where_a), places.short(place.where_b, place.where_a)
    return a if a.endswith(b) else f"{a} -> {b}"


def _cause(cause: Cause, places: Places) -> str:
    """`cube MTE2 waits for flags of V: 41,000 -> 3,000 cycles (-38,000, 92% of the change)`."""
    text = f"{cause.pipe} {words(cause.what)}: {integer(cause.a)} -> {integer(cause.b)} cycles"
    detail = [signed(cause.change)]
    if cause.share is not None and cause.share < 0:
        detail.append("against the change")
    elif cause.share is not None and cause.share <= 1.5:
        detail.append(f"{percent(cause.share)} of the change")
    if cause.where_a or cause.where_b:
        detail.append(f"mostly at {_where(cause, places)}")
    return f"{text} ({', '.join(detail)})"


def _wrapped(text: str, style: Style, indent: str = "") -> str:
    """Words in lines that are no wider than there are columns."""
    return fill(
        text, style.width, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    ) + "\n"  # fmt: skip


def _changed(c: Comparison, places: Places, style: Style) -> str:
    """What changed, in words."""
    text = _wrapped(_headline(c), style)
    if c.causes:
        text += "what changed most (shares of one pipe, with its idle cycles, sum to 100%)\n"
    return text + "".join(_wrapped(_cause(x, places), style, "  ") for x in c.causes[:_MOST])


def _values(row: Change) -> list[str]:
    """Both values, the change, the factor."""
    a, b = (_NONE if v is None else shown(v, row.unit) for v in (row.a, row.b))
    change = _NONE if row.change is None else signed(row.change, row.unit)
    return [a, b, change, factor(row.a, row.b)]


def _run(c: Comparison, style: Style) -> str:
    rows = [[row.what, *_values(row)] for row in c.figures if row.group == "run"]
    for name, a, b in (
        ("busiest pipe", _busiest(c.a), _busiest(c.b)),
        ("diagnostics", _verdict(c.a), _verdict(c.b)),
    ):
        rows.append([name, a, b, _SAME if a == b else "", ""])
    columns = [
        Column("run"), Column("A", True), Column("B", True), Column("change", True),
        Column("factor", True),
    ]  # fmt: skip
    return table(columns, rows, style) + _wrapped(f"outputs       {_outputs(c)}", style)


def _group(c: Comparison, group: Group, title: str, style: Style) -> str:
    """The figures of one group that any run has."""
    found = [row for row in c.figures if row.group == group and (row.a or row.b)]
    if not found:
        return ""
    columns = [
        Column(title), Column("A", True), Column("B", True), Column("change", True),
        Column("factor", True),
    ]  # fmt: skip
    rows = [[f"{row.owner} {row.what}", *_values(row)] for row in found]
    return table(columns, rows, style)


def _pipe_rows(c: Comparison) -> Iterable[Change]:
    """Figures of pipes; small stalls of one pipe as one row."""
    others: Change | None = None
    for row in c.figures:
        if row.group != "pipe":
            continue
        if row.what == IDLE and not row.a and not row.b and others is None:
            continue
        if row.what in (BUSY, IDLE) or max(row.share_a, row.share_b) >= _LEAST:
            if row.what == IDLE and others is not None:
                yield others
                others = None
            yield row
        else:
            others = _sum(others, row)


def _sum(others: Change | None, row: Change) -> Change:
    """A row for small stalls, with one more in it."""
    old = (others.a, others.b, others.share_a, others.share_b) if others else (0, 0, 0.0, 0.0)
    a, b = (old[0] or 0) + (row.a or 0), (old[1] or 0) + (row.b or 0)
    shares = old[2] + row.share_a, old[3] + row.share_b
    return Change("pipe", row.owner, "others", row.unit, a, b, *shares, b - a, None)


def _pipes(c: Comparison, style: Style) -> str:
    """Where the cycles of every pipe went in both runs."""
    wide = style.width >= _SMALL
    columns = [Column("pipe", style="cyan"), Column("cycles"), Column("A", True)]
    columns += [Column("%", True)] if wide else []
    columns += [Column("B", True)] + ([Column("%", True)] if wide else [])
    columns += [Column("change", True), Column("factor", True)]
    rows, previous = [], ""
    for row in _pipe_rows(c):
        a, b, change, ratio = _values(row)
        parts = percent(row.share_a), percent(row.share_b)
        cells = [a, parts[0], b, parts[1]] if wide else [a, b]
        owner = row.owner if row.owner != previous else ""
        rows.append([owner, row.what, *cells, change, ratio])
        previous = row.owner
    title = "pipes (mean over the cores they work on)\n"
    return title + table(columns, rows, style) if rows else ""


def _places(found: list[PlaceChange], title: str, places: Places, style: Style) -> str:
    """The places whose cycles changed most."""
    changed = [place for place in found if abs(place.change) >= 0.5]
    if not changed:
        return ""
    small = style.width < _SMALL
    columns = [
        Column("pipe", style="cyan"), Column("A", True), Column("B", True), Column("change", True)
    ]  # fmt: skip
    columns += [Column("at", wrap=True)] if small else [Column("at"), Column("", wrap=True)]
    rows = []
    for place in changed[:_MOST]:
        what = place.flag or ("" if place.what == BUSY else place.what)
        text = f"{place.name} {f'for {what}' if what else ''}".strip()
        where = _where(place, places)
        cells = [place.pipe, integer(place.a), integer(place.b), signed(place.change)]
        rows.append([*cells, f"{where} {text}"] if small else [*cells, where, text])
    more = f" ({len(rows)} of {len(changed)}; --json has all)" if len(rows) < len(changed) else ""
    return f"{title}{more}\n" + table(columns, rows, style)


def render(c: Comparison, style: Style | None = None) -> str:
    """The whole comparison as text."""
    style = style or Style(width=PLAIN_WIDTH)
    head = _wrapped(f"A  {_facts(c.a)}", style) + _wrapped(f"B  {_facts(c.b)}", style)
    if c.identical:
        what = "every figure and every output" if c.outputs else "every figure"
        cycles = f"{integer(c.a.cycles)} cycles   {duration(c.a.time_us)}   {_verdict(c.a)}"
        return f"{head}\nThe runs are identical: {what}.\n{cycles}\n"
    found = [*c.lines, *c.waits]
    places = Places([w for place in found for w in (place.where_a, place.where_b)])
    parts = [
        head, _changed(c, places, style), _run(c, style), _pipes(c, style),
        _places(c.waits, "waits that changed most", places, style),
        _places(c.lines, "work that changed most", places, style),
        _group(c, "memory", "peak occupancy", style),
        _group(c, "traffic", "traffic", style), _group(c, "work", "work", style),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)

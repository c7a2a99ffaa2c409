"""The kernel's text with what every line cost; a table where the text is not known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from npuemu.report.json_schema import Report
from npuemu.report.page_html.costs import Costs, LineCost, costs_of
from npuemu.report.page_html.links import Links, line_id
from npuemu.report.page_html.markup import Cell, bar, number, table, text
from npuemu.report.page_html.tables import cause_class
from npuemu.report.summary import KIND_TITLES, integer, percent

_HEADS = (
    '<th scope="col">line</th><th scope="col" class="l">pipe</th><th scope="col">times</th>'
    '<th scope="col">busy</th><th scope="col">stalled</th>'
    '<th scope="col" class="l">busy | stalled</th>'
    '<th scope="col" title="the scalar unit at this line">S</th>'
    '<th scope="col" class="l">text</th>'
)
_LINE = re.compile(r"(?P<indent>\s*(?:\w+:\s*)?)(?P<head>[.\w]+)?(?P<rest>.*)")


def listing(report: Report, sources: Mapping[str, Sequence[str]], links: Links) -> str:
    """All files, those that cost most first; only the first is open."""
    costs = costs_of(report)
    weight = {name: costs.of_file(name) for name in sources}
    total = sum(weight.values())
    order = sorted(sources, key=lambda name: -weight[name])
    found = []
    for i, name in enumerate(order):
        share = f"{percent(weight[name] / total)} of all cycles" if total else "not counted"
        words = f'<span class="sub">{len(sources[name])} lines, {share}</span>'
        rows = "".join(
            _row(name, line, content, costs) for line, content in enumerate(sources[name], start=1)
        )
        found.append(
            f'<details class="file" {"open" if i == 0 else ""}>'
            f'<summary title="{escape(name)}">{escape(links.file(name))} {words}</summary>'
            '<div class="scroll"><table class="source">'
            f"<thead><tr>{_HEADS}</tr></thead><tbody>{rows}</tbody></table></div></details>"
        )
    return "".join(found)


def _row(file: str, line: int, content: str, costs: Costs) -> str:
    parts = costs.lines.get((file, line), [])
    own = [cost for cost in parts if cost.pipe != "S"]
    scalar = [cost for cost in parts if cost.pipe == "S"]
    busy = sum(costs.share(cost.kind, cost.pipe, cost.busy) for cost in own)
    stalled = sum(costs.share(cost.kind, cost.pipe, cost.stalled) for cost in own)
    on_s = sum(costs.share(cost.kind, cost.pipe, cost.busy + cost.stalled) for cost in scalar)
    pipes = " ".join(dict.fromkeys(cost.pipe for cost in own or scalar))
    times = max((cost.count for cost in parts), default=0)
    return (
        f'<tr id="{escape(line_id(file, line))}" data-file="{escape(file)}" data-line="{line}"'
        f'{" class=hot" if parts else ""}><td class="no">{line}</td>'
        f'<td class="l">{escape(pipes)}</td><td>{integer(times) if times else ""}</td>'
        f'{_heat(busy, "heat")}{_heat(stalled, "cold")}<td class="l">{_bars(own, costs)}</td>'
        f'{_heat(on_s, "grey")}<td class="l code">{_coloured(content)}</td></tr>'
    )  # fmt: skip


def _coloured(content: str) -> str:
    """A line with its mnemonic or directive, and its comment, set apart."""
    code, mark, comment = content.partition(";")
    match = _LINE.match(code)
    assert match is not None
    head = match["head"] or ""
    kind = "directive" if head.startswith(".") else "mnemonic"
    words = f'<b class="{kind}">{escape(head)}</b>' if head else ""
    rest = f"<i>{escape(mark + comment)}</i>" if mark else ""
    return f"{escape(match['indent'])}{words}{escape(match['rest'])}{rest}"


def _heat(share: float, kind: str) -> str:
    """A cell whose colour grows with its share; empty below half a thousandth."""
    if share < 0.0005:
        return "<td></td>"
    depth = min(1.0, share) ** 0.5
    return f'<td class="{kind}" style="--heat:{depth:.3f}">{percent(share)}</td>'


def _bars(own: Sequence[LineCost], costs: Costs) -> str:
    found = []
    for cost in own:
        busy = f"{cost.pipe} busy {integer(cost.busy)} cycles, {integer(cost.heads)} of them heads"
        parts = [("busy", costs.share(cost.kind, cost.pipe, cost.busy), busy)]
        parts += [
            (
                cause_class(cause),
                costs.share(cost.kind, cost.pipe, n),
                f"{cause} {integer(n)} cycles",
            )
            for cause, n in sorted(cost.stalls.items(), key=lambda item: -item[1])
        ]
        found.append(bar(parts, 120))
    return "".join(found)


def hottest(report: Report, most: int, links: Links) -> str:
    """The ``most`` lines that cost most as a table; shares are means over the cores of a kind."""
    costs = costs_of(report)
    rows: list[list[Cell]] = []
    lines = [line for line in report.lines if (line.core, line.pipe) in costs.slots]
    for line in sorted(lines, key=lambda n: -(n.busy + sum(n.stalls.values())))[:most]:
        stalled = sum(line.stalls.values())
        shares = [costs.share(line.core, line.pipe, cycles) for cycles in (line.busy, stalled)]
        rows.append([
            links.cell(line.where), text(KIND_TITLES[line.core]), text(line.pipe),
            text(line.name), number(line.count, integer(line.count)),
            number(line.busy, integer(line.busy)), number(shares[0], percent(shares[0])),
            number(stalled, integer(stalled)), number(shares[1], percent(shares[1])),
        ])  # fmt: skip
    heads = [
        ("line", "l"), ("core", "l"), ("pipe", "l"), ("instruction", "l"), ("times", ""),
        ("busy cycles", ""), ("busy %", ""), ("stall cycles", ""), ("stall %", ""),
    ]  # fmt: skip
    return table(heads, rows, sortable=True, name="lines") if rows else ""

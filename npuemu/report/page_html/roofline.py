"""The roofline: what the run did against what its resources allow; a plot and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from npuemu.report.json_schema import Report, Roof
from npuemu.report.page_html import markup
from npuemu.report.plot import number
from npuemu.report.summary import core_kind, integer, percent

WIDTH, HEIGHT = 560, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 546, 16, 312
_UNITS = {"MAC": "MAC", "byte": "bytes", "element": "elements"}


class Scale:
    """A logarithmic axis from ``low`` to ``high`` onto pixels ``start`` to ``end``."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low = 10.0 ** math.floor(math.log10(low))
        self.high = max(10.0 ** math.ceil(math.log10(high)), 10 * self.low)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        share = math.log10(value / self.low) / math.log10(self.high / self.low)
        return self.start + (self.end - self.start) * share

    def decades(self) -> list[float]:
        """Powers of ten on the axis."""
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [10.0**e for e in range(first, last + 1)]


def ceilings(report: Report, peak: Mapping[str, float]) -> dict[str, float]:
    """Multiply-adds a cycle of all cube cores of the launch, by input type."""
    cubes = sum(core_kind(core.core) == "cube" for core in report.cores)
    found = {kind: float(most) * cubes for kind, most in peak.items() if most}
    for roof in report.roofline:
        if roof.unit == "MAC":
            found.setdefault(roof.resource.removeprefix("cube "), roof.peak * cubes)
    return found


def slopes(report: Report) -> dict[str, tuple[float, float]]:
    """Bytes a cycle, and bytes moved, of what the whole die shares: L2 and HBM."""
    found = [r for r in report.roofline if r.core == "die" and r.unit == "byte" and r.peak > 0]
    found.sort(key=lambda roof: -roof.peak)
    return {roof.resource: (roof.peak, float(roof.amount)) for roof in found}


def plot(report: Report, peak: Mapping[str, float]) -> str:
    """The roofline as inline SVG; empty for a run without multiply-adds or traffic."""
    macs, tops, memory = sum(report.work.macs.values()), ceilings(report, peak), slopes(report)
    traffic = report.traffic.gm_read_bytes + report.traffic.gm_write_bytes
    if not macs or not report.cycles or not traffic or not tops:
        return ""
    rate = macs / report.cycles
    moved = {f"by bytes of {name}": n for name, (_, n) in memory.items() if n}
    points = {name: macs / n for name, n in (moved or {"by bytes of GM": traffic}).items()}
    ridges = [top / slope for top in tops.values() for slope, _ in memory.values()]
    x = Scale(
        min([*points.values(), *ridges]) / 2, 2 * max([*points.values(), *ridges]), _LEFT, _RIGHT
    )
    y = Scale(min(rate, *tops.values()) / 4, 1.5 * max(rate, *tops.values()), _BOTTOM, _TOP)
    body = [
        *_axes(x, y),
        *_slopes(x, y, memory, max(tops.values())),
        *_ceilings(x, y, tops, memory, report),
    ]
    body += _points(x, y, rate, points)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="roofline" '
        f'aria-label="roofline: multiply-adds a cycle against multiply-adds a byte">'
        f"{''.join(body)}</svg>"
    )


def _text(
    x: float, y: float, words: str, anchor: str = "start", kind: str = "", more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}" {more}>'
        f"{escape(words)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _axes(x: Scale, y: Scale) -> list[str]:
    parts = []
    for value in x.decades():
        parts.append(_line(x(value), _TOP, x(value), _BOTTOM, "grid"))
        parts.append(_text(x(value), _BOTTOM + 16, f"{value:g}", "middle", "tick"))
    for value in y.decades():
        parts.append(_line(_LEFT, y(value), _RIGHT, y(value), "grid"))
        parts.append(_text(_LEFT - 6, y(value) + 4, f"{value:g}", "end", "tick"))
    middle = (_TOP + _BOTTOM) / 2
    parts.append(_text((_LEFT + _RIGHT) / 2, HEIGHT - 12, "MAC / byte of GM", "middle"))
    turned = f'transform="rotate(-90 16 {middle:.0f})"'
    parts.append(_text(16, middle, "MAC / cycle", "middle", "", turned))
    return parts


def _slopes(x: Scale, y: Scale, memory: Mapping[str, tuple[float, float]], top: float) -> list[str]:
    parts = []
    for i, (name, (slope, _)) in enumerate(memory.items()):
        left = max(x.low, y.low / slope)
        right = min(x.high, top / slope)
        if right <= left:
            continue
        parts.append(_line(x(left), y(left * slope), x(right), y(right * slope), f"slope s{i % 4}"))
        at = left * (right / left) ** (0.30 + 0.16 * i)
        angle = math.degrees(math.atan2(y(right * slope) - y(left * slope), x(right) - x(left)))
        words = f"{name} {number(slope)} bytes/cycle"
        turned = f'transform="rotate({angle:.1f} {x(at):.1f} {y(at * slope) - 6:.1f})"'
        parts.append(_text(x(at), y(at * slope) - 6, words, "middle", f"label s{i % 4}", turned))
    return parts


def _ceilings(
    x: Scale,
    y: Scale,
    tops: Mapping[str, float],
    memory: Mapping[str, tuple[float, float]],
    report: Report,
) -> list[str]:
    steepest = max((slope for slope, _ in memory.values()), default=0.0)
    by_height: dict[float, list[str]] = {}
    for name, top in tops.items():
        by_height.setdefault(top, []).append(name)
    parts = []
    for top, names in by_height.items():
        left = max(x.low, top / steepest) if steepest else x.low
        used = "used" if any(report.work.macs.get(name) for name in names) else ""
        parts.append(_line(x(left), y(top), _RIGHT, y(top), f"roof {used}"))
        parts.append(_text(_RIGHT - 4, y(top) - 5, _ceiling(names, top), "end", f"label {used}"))
    return parts


def _ceiling(names: list[str], top: float) -> str:
    """What a ceiling is called: its cube types, the first three of many."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"cube {', '.join(names[:3])}{more}: {number(top)}"


def _points(x: Scale, y: Scale, rate: float, points: Mapping[str, float]) -> list[str]:
    parts = []
    for i, (name, intensity) in enumerate(points.items()):
        title = f"{name}: {number(intensity)} MAC/byte, {number(rate)} MAC/cycle"
        kind = "point" if i == 0 else "point other"
        parts.append(
            f'<circle cx="{x(intensity):.1f}" cy="{y(rate):.1f}" r="5.5" class="{kind}">'
            f"<title>{escape(title)}</title></circle>"
        )
        below = 18 + 13 * i
        words = f"{name}: {number(intensity)} MAC/byte"
        parts.append(_text(x(intensity), y(rate) + below, words, "middle", "label used"))
    return parts


def resources(report: Report) -> str:
    """All resources with their least cycles as bars, the largest share first."""
    rows = [_row(roof) for roof in sorted(report.roofline, key=lambda r: -r.share)]
    heads = [
        ("resource", "l"), ("of", "l"), ("pipe", "l"), ("amount", ""), ("peak a cycle", ""),
        ("least cycles", ""), ("share", ""), ("of the run's cycles", "l"),
    ]  # fmt: skip
    return markup.table(heads, rows, sortable=True, name="resources") if rows else ""


def _row(roof: Roof) -> list[markup.Cell]:
    owner = {"aic": "cube core", "aiv": "vector core", "die": "die"}[roof.core]
    return [
        markup.text(roof.resource), markup.text(owner), markup.text(roof.pipe),
        markup.number(roof.amount, f"{integer(roof.amount)} {_UNITS[roof.unit]}"),
        markup.number(roof.peak, number(roof.peak)),
        markup.number(roof.cycles, integer(roof.cycles)),
        markup.number(roof.share, percent(roof.share)),
        markup.Cell(markup.bar([("busy", roof.share, percent(roof.share))], 140), "l"),
    ]  # fmt: skip

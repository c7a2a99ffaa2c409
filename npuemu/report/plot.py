"""Plots as inline SVG: no script, nothing fetched; points carry their figures as tooltips."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float | str, float]
"""x, a number or the name of a group of bars, and y."""

HEIGHT = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 532, 30, 278
"""Edges of the axes; the legend stands on their right."""
_LETTER = 6.2  # width of a letter, about
_COLORS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#4aa3df", "#7d7d7d", "#8b5cf6",
    "#7f5539", "#2f9e9e",
)  # fmt: skip
_GRID = 'stroke="currentColor" stroke-opacity="0.15"'


@dataclass(frozen=True)
class Axes:
    """Titles and scales of a plot; a logarithmic x axis has its ticks at the points."""

    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


def svg(axes: Axes, curves: Mapping[str, Sequence[Point]]) -> str:
    """Lines over numbers, or bars over names, as an ``<svg>`` element."""
    points = [point for curve in curves.values() for point in curve]
    width = _RIGHT + 40 + round(_LETTER * max(map(len, curves), default=0))
    parts = [
        f'<svg viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(axes.title)}" fill="currentColor" font-size="11">',
        _text(_LEFT, 16, axes.title, "start", 'font-size="13" font-weight="600"'),
    ]
    if points:
        groups = list(dict.fromkeys(x for x, _ in points if isinstance(x, str)))
        ticks = _ticks([y for _, y in points], axes.log_y, bool(groups))
        place = _scale(ticks[0], ticks[-1], _BOTTOM, _TOP, axes.log_y)
        parts += [_line_of(place(t), t) for t in ticks]
        if groups:
            parts += _bars(curves, groups, place)
        else:
            parts += _lines(axes, curves, place)
    middle = (_TOP + _BOTTOM) / 2
    parts.append(_text((_LEFT + _RIGHT) / 2, HEIGHT - 8, axes.x, "middle"))
    turned = f'transform="rotate(-90 14 {middle:.1f})"'
    parts.append(_text(14, middle, axes.y, "middle", turned))
    parts += _legend(list(curves))
    return "".join([*parts, "</svg>"])


def number(value: float) -> str:
    """A figure as people write it."""
    if value == 0 or 0.01 <= abs(value) < 1e6:
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.2e}"


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def _scale(low: float, high: float, start: float, end: float, log: bool) -> Callable[..., float]:
    def place(value: float) -> float:
        a, b, v = (math.log(n) for n in (low, high, value)) if log else (low, high, value)
        return start + (end - start) * ((v - a) / (b - a) if b > a else 0.5)

    return place


def _ticks(values: Sequence[float], log: bool, from_zero: bool) -> list[float]:
    """Powers of ten around all values, or four to eight round numbers."""
    low, high = min(values), max(values)
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [10.0**e for e in range(first, max(last, first + 1) + 1)]
    low = min(low, 0.0) if from_zero else low
    span = (high - low) or 1.0
    step = math.pow(10.0, math.floor(math.log10(span / 4)))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= 7)
    return [step * i for i in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _line_of(y: float, value: float) -> str:
    line = f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" {_GRID}/>'
    small = 0 < abs(value) < 0.01 or abs(value) >= 1e6
    return line + _text(_LEFT - 6, y + 4, f"{value:.0e}" if small else f"{value:g}", "end")


def _lines(
    axes: Axes, curves: Mapping[str, Sequence[Point]], place: Callable[..., float]
) -> list[str]:
    xs = sorted({float(x) for curve in curves.values() for x, _ in curve})
    shown = xs if axes.log_x else _ticks(xs, False, False)
    low, high = (xs[0], xs[-1]) if axes.log_x else (shown[0], shown[-1])
    across = _scale(low, high, _LEFT + 8, _RIGHT - 8, axes.log_x)
    parts = [_text(across(x), _BOTTOM + 16, f"{x:,g}", "middle") for x in shown]
    for color, (name, curve) in zip(_cycle(len(curves)), curves.items(), strict=True):
        spots = [(across(float(x)), place(y), x, y) for x, y in sorted(curve)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b, _, _ in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"/>')
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"><title>'
            f"{escape(name)}, {axes.x} {x:,g}: {number(y)}</title></circle>"
            for a, b, x, y in spots
        ]
    return parts


def _bars(
    curves: Mapping[str, Sequence[Point]], groups: Sequence[str], place: Callable[..., float]
) -> list[str]:
    band = (_RIGHT - _LEFT) / len(groups)
    wide = 0.84 * band / len(curves)
    parts = []
    for g, group in enumerate(groups):
        for i, line in enumerate(_folded(group, max(8, int(band / 6)))[:3]):
            below = _BOTTOM + 14 + 12 * i
            parts.append(_text(_LEFT + band * (g + 0.5), below, line, "middle"))
        for i, (color, (name, curve)) in enumerate(
            zip(_cycle(len(curves)), curves.items(), strict=True)
        ):
            for _, y in (p for p in curve if p[0] == group):
                top, foot = sorted((place(y), place(0.0)))
                x = _LEFT + band * (g + 0.08) + wide * i
                parts.append(
                    f'<rect x="{x:.1f}" y="{top:.1f}" width="{0.9 * wide:.1f}" '
                    f'height="{foot - top:.1f}" fill="{color}"><title>{escape(name)}, '
                    f"{escape(group)}: {number(y)}</title></rect>"
                )
    return parts


def _folded(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def _cycle(count: int) -> list[str]:
    return [_COLORS[i % len(_COLORS)] for i in range(count)]


def _legend(names: Sequence[str]) -> list[str]:
    parts = []
    for i, (color, name) in enumerate(zip(_cycle(len(names)), names, strict=True)):
        y = _TOP + 18 * i
        left = _RIGHT + 14
        parts.append(f'<rect x="{left}" y="{y}" width="10" height="10" fill="{color}"/>')
        parts.append(_text(left + 16, y + 9, name, "start"))
    return parts

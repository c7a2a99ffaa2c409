"""Why the run took as long as it did: what bounds it, its critical path, what would help."""

from __future__ import annotations

from html import escape

from npuemu.report.json_schema import Profile, Report
from npuemu.report.page_html.links import Links
from npuemu.report.page_html.markup import Cell, bar, number, table, text
from npuemu.report.summary import KIND_TITLES, integer, percent

_MOST = 100


def section_body(report: Report, links: Links) -> str:
    """Bound, hints and critical path; empty for a report without a profile."""
    profile = report.profile
    if profile is None:
        return ""
    bound = f"<p><b>{escape(profile.bound.message)}</b></p>"
    return bound + _hints(report, profile) + _path(report, profile, links)


def _hints(report: Report, profile: Profile) -> str:
    found = []
    for hint in profile.hints:
        share = hint.gain / report.cycles if report.cycles else 0.0
        words = f"about {integer(hint.gain)} cycles, {percent(share)}"
        gain = f' <span class="sub">({words})</span>' if hint.gain else ""
        found.append(
            f'<li>{escape(hint.message)}{gain}<br><span class="also">try: {escape(hint.advice)}'
            "</span></li>"
        )
    return f'<ol class="hints">{"".join(found)}</ol>' if found else ""


def _path(report: Report, profile: Profile, links: Links) -> str:
    rows = []
    for step in profile.critical_path[:_MOST]:
        share = step.cycles / report.cycles if report.cycles else 0.0
        rows.append([
            text(f"{KIND_TITLES[step.core]} {step.pipe}"), text(step.part.replace("_", " ")),
            text(step.name), links.cell(step.where), number(step.count, integer(step.count)),
            number(step.cycles, integer(step.cycles)), number(share, percent(share)),
            Cell(bar([("busy", share, percent(share))], 140), "l"),
        ])  # fmt: skip
    heads = [
        ("pipe", "l"), ("part", "l"), ("instruction", "l"), ("line", "l"), ("steps", ""),
        ("cycles", ""), ("share", ""), ("of the run's cycles", "l"),
    ]  # fmt: skip
    title = f"<h3>Critical path, {integer(profile.steps)} steps</h3>"
    return title + table(heads, rows, sortable=True, name="critical-path", kind="tall")

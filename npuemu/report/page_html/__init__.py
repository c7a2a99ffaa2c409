"""A run as one HTML page: timeline, occupancy, roofline, stalls, the text with its costs.

The page fetches nothing and needs no other file. Tables are written here and can be read without a
script; what is drawn comes from the recording, packed into the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from npuemu.isa.table import PIPES
from npuemu.observe.recording import Recording
from npuemu.report.json_schema import Report, as_report
from npuemu.report.page_html import (
    assets,
    memory,
    roofline,
    sections,
    source,
    tables,
    timeline,
    why,
)
from npuemu.report.page_html.links import Links, links_of
from npuemu.report.page_html.markup import embedded, section
from npuemu.report.page_html.packing import Columns
from npuemu.report.page_html.spans import CAUSES
from npuemu.report.summary import integer

MOST_EVENTS = 500_000
MOST_REGIONS = 500_000
"""Events and regions of memory beyond which neighbours are merged."""
MOST_TEXT = 6_000_000
"""Characters that the packed recording may have; beyond it still more is merged."""

_FEW, _MANY = 12, 200
"""Lines in the table of those that cost most, with and without the text below it."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""The browser itself sees to it that nothing is fetched."""


def page(
    report: Mapping[str, Any] | Report,
    recording: Recording | None = None,
    *,
    peak: Mapping[str, float] | None = None,
) -> str:
    """The report and its recording as a whole HTML document in one file.

    ``peak``: multiply-adds a cycle of one cube core by input type. Without a recording the page has
    tables only. A long recording is decimated (`npuemu.report.page_html.decimate`), and the page
    says so.
    """
    typed, most = as_report(report), peak or {}
    links = links_of(typed, recording)
    parts = _parts(typed, recording, most, links)
    drawings, data = ("", "") if recording is None else _drawings(recording, links)
    names = {name: part.short for name, part in parts.items() if part.body}
    if recording is not None:
        drawn = {"timeline": "Timeline", "memory": "Memories"}
        first = {name: names.pop(name) for name in ("diagnostics",) if name in names}
        names = {**first, **drawn, **names}
    found = parts.pop("diagnostics").section("diagnostics")
    body = "".join(part.section(name) for name, part in parts.items())
    title = escape(f"{typed.kernel} on {typed.machine}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<style>{assets.style()}</style>"
        '<script>document.documentElement.classList.add("live")</script></head><body>'
        f"<header>{tables.head(typed, most)}</header>{sections.navigation(names)}"
        f"{found}{drawings}{body}{data}<script>{assets.script()}</script></body></html>\n"
    )


@dataclass(frozen=True)
class _Part:
    """A part of the page that needs no script: its name in the navigation, title, body, note."""

    short: str
    title: str
    body: str
    note: str = ""

    def section(self, name: str) -> str:
        return section(name, self.title, self.body, self.note)


def _parts(
    report: Report, recording: Recording | None, peak: Mapping[str, float], links: Links
) -> dict[str, _Part]:
    """The parts by identifier, in the order of the page."""
    texts = recording.sources if recording is not None else {}
    hottest = source.hottest(report, _FEW if texts else _MANY, links)
    several = " Means over the cores of a kind." if len(report.cores) > 3 else ""
    findings = tables.diagnostics(report, links) if report.diagnostics else ""
    rotation = memory.rotation_table(recording) if recording is not None else ""
    peaks = tables.buffers(report, links) + rotation
    roofs = roofline.plot(report, peak) + roofline.resources(report)
    return {
        "diagnostics": _Part("Diagnostics", "Diagnostics", findings),
        "why": _Part("Why", "Why it took so long", why.section_body(report, links)),
        "stalls": _Part(
            "Pipes", "Pipes: busy, stalled, idle", tables.pipes(report),
            "Every cycle of a pipe is busy, stalled by one cause, or idle once its core has ended."
            + several,
        ),
        "waited": _Part(
            "Waits", "Who waited for whom", tables.waits(report, links),
            "Cycles over all cores of the kind; the share is of all their cycles. "
            "Headings sort.",
        ),
        "roofline": _Part(
            "Roofline", "Roofline", f'<div class="pair">{roofs}</div>' if roofs else "",
            "Least cycles: what the amount takes at the full rate of the resource.",
        ),
        "source": _Part(
            "Source", "Source, by cost", hottest + source.listing(report, texts, links),
            "Shares are of the run's cycles, mean over the cores of a kind. "
            "Click a line to see its events on the timeline.",
        ),
        "peaks": _Part("Peaks", "Memories at their peaks", peaks),
        "traffic-work": _Part("Traffic", "Traffic and work", tables.traffic(report)),
    }  # fmt: skip


def recorded(recording: Recording) -> tuple[int, int]:
    """The cycles [first, last) that were recorded and that the run has."""
    first, last = recording.window
    return first, max(first + 1, min(last, recording.cycles))


def _drawings(recording: Recording, links: Links) -> tuple[str, str]:
    """What the script draws on, and the packed recording."""
    limit = 1.0
    while True:
        columns = Columns()
        events, rows = timeline.pack(recording, columns, max(1000, int(MOST_EVENTS * limit)))
        regions = memory.pack(recording, columns, rows, max(1000, int(MOST_REGIONS * limit)))
        text = columns.text()
        if len(text) <= MOST_TEXT or limit < 0.01:
            break
        limit /= 2
    window = recorded(recording)
    cores = [timeline.core_name(core) for core in range(recording.cores)]
    ranges = (*recording.buffers, *recording.tensors)
    about = {
        **events, "memory": regions, "directory": columns.directory(), "files": list(rows.files),
        "short_files": [links.file(name) for name in rows.files], "core_names": cores,
        "pipes": PIPES, "kinds": timeline.KINDS, "causes": CAUSES, "window": window,
        "clock_mhz": recording.clock_mhz,
        "named_ranges": [[n.name, n.memory, n.address, n.bytes] for n in ranges],
    }  # fmt: skip
    note = _merged(
        "instructions, flags and waits", events["total"], events["events"], events["bucket"]
    )
    if window != (0, recording.cycles):
        note += f" Recorded were cycles {integer(window[0])} .. {integer(window[1])} only."
    kept = sum(lane[4] - lane[3] for lane in regions["lanes"])
    held = _merged("regions", regions["total"], kept, regions["bucket"])
    if not len(recording.live):
        held = "Nothing was recorded here: occupancy is measured by runs with checks."
    packed = f'<script type="text/plain" id="npuemu-columns">{text}</script>'
    return sections.workbench(note, held), embedded("npuemu-recording", about) + packed


def _merged(what: str, total: int, kept: int, bucket: int) -> str:
    """What a decimated page says about itself; empty for one that holds everything."""
    if bucket == 1:
        return ""
    return (
        f"This run has {integer(total)} {what}, more than a page should hold: neighbours that lie "
        f"in the same {integer(bucket)} cycles are merged into blocks, {integer(kept)} are left."
    )

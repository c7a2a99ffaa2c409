"""Places in the kernel's text as links of the page: short names, and the rows they lead to."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from npuemu.observe.recording import Recording
from npuemu.report.json_schema import Report
from npuemu.report.page_html.markup import Cell
from npuemu.report.places import Places, split


def line_id(file: str, line: int) -> str:
    """Identifier of a source line in the page."""
    return "L-" + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in file) + f"-{line}"


class Links:
    """Links to `file:line:column`; files are named as briefly as they can be told apart."""

    def __init__(self, places: Iterable[str]) -> None:
        self._places = Places(places)

    def file(self, name: str) -> str:
        """The short name of a file."""
        return self._places.short(f"{name}:0").removesuffix(":0")

    def html(self, where: str) -> str:
        """A place as a link that the page follows; empty stays empty."""
        if not where:
            return ""
        place = split(where)
        shown = self._places.short(where) if place.line else self.file(where)
        anchor, title = escape(line_id(place.file, place.line)), escape(where)
        return f'<a href="#{anchor}" data-where="{title}" title="{title}">{escape(shown)}</a>'

    def cell(self, where: str) -> Cell:
        """A table cell with the link."""
        return Cell(self.html(where), "l where")


def links_of(report: Report, recording: Recording | None) -> Links:
    """Links to all places of a run."""
    found = [line.where for line in report.lines]
    for wait in report.waits:
        found += [wait.where, wait.set_where, wait.awaited_where]
    for finding in report.diagnostics:
        found += [finding.where, finding.other.where if finding.other else ""]
    for use in report.buffers.values():
        found += [holder.where for holder in use.holders]
    if recording is not None:
        found += [*(row.where for row in recording.code), *(f"{f}:1" for f in recording.sources)]
    return Links(found)

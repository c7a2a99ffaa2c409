"""The parts of the page that its script fills: what there is to draw on, and what to press."""

from __future__ import annotations

from html import escape

from npuemu.report.page_html import assets


def workbench(timeline_note: str, memory_note: str) -> str:
    """Timeline and memories with the panel of details beside them; notes say what was merged."""
    parts = {"timeline.html": timeline_note, "memory.html": memory_note}
    bench = "".join(
        assets.read(name).replace("{note}", escape(note)) for name, note in parts.items()
    )
    return (
        f'<div class="workbench live-only"><div class="bench">{bench}</div>'
        '<aside id="details" aria-live="polite"></aside></div><div id="tip" hidden></div>'
        "<noscript><p>A script draws the timeline and the memories; the tables need none.</p>"
        '</noscript><p id="broken" class="note" hidden></p>'
    )


def navigation(names: dict[str, str]) -> str:
    """Links to the parts of the page, by identifier, and the button of the colour scheme."""
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in names.items())
    return (
        f'<nav>{links}<span class="grow"></span>'
        '<button id="scheme" type="button" class="live-only">light / dark</button></nav>'
    )

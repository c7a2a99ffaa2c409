"""Write, or check, the index of the diagnostics: `docs/diagnostics.md`, from `diagnostics/`."""

from __future__ import annotations

import sys

from npuemu import data
from npuemu.report.explain import grouped
from npuemu.report.page import table, write_or_check


def page() -> str:
    """The whole page: the general part, with a table of codes for every group put in."""
    parts = []
    for heading, found in grouped():
        rows = [(f"[{p.code}](../diagnostics/{p.code}.md)", p.title) for p in found]
        parts.append(f"## {heading}\n\n{table(('code', 'meaning'), rows)}")
    general = (data.folder("diagnostics") / "index.in.md").read_text(encoding="utf-8")
    return general.replace("<!-- tables -->\n", "\n".join(parts))


def main(arguments: list[str]) -> int:
    """`[--check] FILE`: write the page, or say whether the file is the page."""
    return write_or_check(arguments, page(), "the pages of diagnostics/ say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

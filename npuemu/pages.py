"""The pages that explain the diagnostics: one file a code in the folder ``diagnostics``.

The first line of a page is ``# CODE: title``; nothing else in the package says what a code means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from npuemu import data

_NAME = re.compile(r"[EWA]\d{3}")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_ORDER = "EWA"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its code, the title, and the Markdown below the title (links made plain)."""

    code: str
    title: str
    text: str


@cache
def codes() -> tuple[str, ...]:
    """Every code that has a page: errors of a run, warnings, messages of the assembler."""
    found = [p.stem for p in data.folder("diagnostics").glob("*.md") if _NAME.fullmatch(p.stem)]
    return tuple(sorted(found, key=lambda code: (_ORDER.index(code[0]), code)))


@cache
def page(code: str) -> Page:
    """The page of a code out of `codes`."""
    path = data.folder("diagnostics") / f"{code}.md"
    head, _, text = path.read_text(encoding="utf-8").partition("\n")
    named, _, title = head.removeprefix("# ").partition(": ")
    if named != code or not title:
        raise ValueError(f"{path}: the first line must be '# {code}: title'")
    return Page(code, title, _LINK.sub(r"\1", text).strip() + "\n")


def hint(found: Iterable[str]) -> str:
    """Where to read more about the diagnostics of some codes, each named once."""
    return f"for more: npuemu explain {' '.join(dict.fromkeys(found))}"

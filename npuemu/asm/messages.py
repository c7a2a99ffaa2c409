"""Messages that show the place, what was expected, and the nearest real name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from npuemu.asm.errors import CODES, AsmError, Location

MAX_SHOWN = 160


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name`` (case aside), or None when nothing is near."""
    by_lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def listing(names: Iterable[str], limit: int = 12) -> str:
    """``a, b, c`` with the tail cut after ``limit`` names."""
    items = list(names)
    return ", ".join(items[:limit]) + (", ..." if len(items) > limit else "")


def _excerpt(source: str, location: Location, width: int) -> list[str]:
    """The source line with carets under ``width`` columns, cut to a window around them."""
    shown, column = source.replace("\t", " "), location.column
    if len(shown) > MAX_SHOWN:
        start = max(0, column - 1 - MAX_SHOWN // 2)
        shown, column = shown[start : start + MAX_SHOWN], column - start
    printable = "".join(c if c.isprintable() else "?" for c in shown)
    number = str(location.line)
    carets = "^" * max(1, min(width, max(1, len(printable) - column + 1)))
    return [
        f"{' ' * len(number)} |",
        f"{number} | {printable}",
        f"{' ' * len(number)} | {' ' * (column - 1)}{carets}",
    ]


def error(
    code: str,
    message: str,
    *,
    location: Location | None = None,
    source: str | None = None,
    width: int = 1,
    expected: str | None = None,
    help: str | None = None,
    near: tuple[str, Iterable[str]] | None = None,
    notes: Iterable[str] = (),
) -> AsmError:
    """Build an `AsmError`.

    ``near`` = (misspelt name, real names) adds a "did you mean" line when one is close;
    ``source`` is the text of the line at ``location``, ``width`` the columns to underline.
    """
    assert code in CODES
    lines = [f"error[{code}]: {message}"]
    if location is not None:
        lines.append(f"{' ' * len(str(location.line))}--> {location}")
        if source is not None:
            lines.extend(_excerpt(source, location, width))
    facts = [f"expected: {expected}"] if expected else []
    if near is not None and (found := nearest(*near)) is not None:
        facts.append(f"help: did you mean '{found}'?")
    if help:
        facts.append(f"help: {help}")
    facts.extend(f"note: {note}" for note in notes)
    if location is not None:
        shown = location.trace[:8]
        facts.extend(f"note: in the macro called at {place}" for place in shown)
        if len(location.trace) > len(shown):
            facts.append(f"note: ... and {len(location.trace) - len(shown)} calls further out")
    margin = " " * (len(str(location.line)) if location is not None and source is not None else 1)
    lines.extend(f"{margin} = {fact}" for fact in facts)
    return AsmError(code, "\n".join(lines), message, location)

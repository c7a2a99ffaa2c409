"""``BUFFER[LOW:HIGH]:TYPE@LINE:N@CORE``: what a dump asks for, as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from npuemu.errors import UserError

KINDS = ("aic", "aiv0", "aiv1")
FORM = (
    "BUFFER@LINE, for example acc@57; in full BUFFER[LOW:HIGH]:TYPE@FILE:LINE:N@CORE, "
    "for example UB[0:0x400]:f32@tiles.inc:12:3@0.aiv1"
)
_WHAT = re.compile(
    r"(?P<name>[A-Za-z_]\w*)"
    r"(?:\[(?P<low>0x[0-9a-f]+|\d*):(?P<high>0x[0-9a-f]+|\d*)\])?"
    r"(?::(?P<type>\w+))?",
    re.IGNORECASE | re.ASCII,
)
_LINE = re.compile(
    r"(?:(?P<file>.*[^\d:][^:]*):)?(?P<line>\d{1,9})(?::(?P<times>\d{1,18}))?", re.ASCII
)
_CORE = re.compile(r"(?P<block>\d{1,9})\.(?P<kind>aic|aiv0|aiv1)", re.ASCII)


@dataclass(frozen=True)
class Spec:
    """A dump as asked for.

    name: of a memory, buffer or tensor; low, high: its bytes [low, high), None for its ends;
    dtype: a number format or None; file: None for the kernel's own text; times: which execution,
    from 1 on; core: group * 3 + (0 cube, 1 and 2 vector), None for the first of block 0 that
    executes the line.
    """

    text: str
    name: str
    low: int | None
    high: int | None
    dtype: str | None
    file: str | None
    line: int
    times: int
    core: int | None

    def error(self, message: str) -> UserError:
        """A failure of this dump."""
        return UserError(f"dump {self.text}: {message}")


def parse(text: str) -> Spec:
    """Read a dump's text; `UserError` says how one is written."""
    if not isinstance(text, str):
        raise UserError(f"a dump is a str, not {type(text).__name__}: {FORM}")
    what, at, rest = text.partition("@")
    line, _, core = rest.partition("@")
    a, b = _WHAT.fullmatch(what.strip()), _LINE.fullmatch(line.strip())
    c = _CORE.fullmatch(core.strip()) if core else None
    if a is None or not at or b is None or (c is None and rest.count("@")):
        raise UserError(f"dump {text!r}: expected {FORM}")
    times = int(b["times"] or 1)
    if times == 0:
        raise UserError(f"dump {text}: executions are counted from 1 on")
    return Spec(
        text,
        a["name"],
        int(a["low"], 0) if a["low"] else None,
        int(a["high"], 0) if a["high"] else None,
        a["type"],
        b["file"],
        int(b["line"]),
        times,
        int(c["block"]) * 3 + KINDS.index(c["kind"]) if c else None,
    )

"""Takes one piece of synchronisation out of a generated program, or makes a failing one smaller."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_TAG = re.compile(r"; sync (\d+)$")
_KEPT = re.compile(r"\s*(\.|\w+:|halt\b|block_|subblock_)")


def tags(text: str) -> list[int]:
    """Numbers of the pieces of synchronisation in a program."""
    return sorted({int(m[1]) for line in text.splitlines() if (m := _TAG.search(line))})


def without(text: str, tag: int) -> str:
    """The program without one piece: a barrier, or the sets of a flag and all waits for them."""
    lines = [line for line in text.splitlines() if not (m := _TAG.search(line)) or int(m[1]) != tag]
    return "\n".join(lines) + "\n"


def weaken(text: str, rng: random.Random) -> str:
    """A program that lacks one random piece; the same text where there is none.

    Sets go together with their waits, so that nothing waits for ever and no flag is left over.
    An event whose reuse only the piece made safe may then be raised twice (E113).
    """
    found = tags(text)
    return without(text, rng.choice(found)) if found else text


def shrink(text: str, fails: Callable[[str], bool]) -> str:
    """A smaller program that still fails: pieces and lines are dropped while it does.

    ``fails`` must also refuse programs that are no longer legal.
    """
    lines = text.splitlines()
    size = max(1, len(lines) // 4)
    while size:
        at = 0
        while at < len(lines):
            part = lines[at : at + size]
            gone = {m[1] for line in part if (m := _TAG.search(line))}
            rest = [
                line for i, line in enumerate(lines)
                if _KEPT.match(line)
                or not (at <= i < at + size or ((m := _TAG.search(line)) and m[1] in gone))
            ]  # fmt: skip
            if len(rest) < len(lines) and fails("\n".join(rest) + "\n"):
                lines = rest
            else:
                at += size
        size //= 2
    return "\n".join(lines) + "\n"

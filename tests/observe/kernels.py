"""Small kernels with the findings that they must lead to, marked on their lines."""

from __future__ import annotations

import re
from typing import Any

import npuemu
from tests.engine.harness import A2, A5, kernel

__all__ = ["A2", "A5", "BOTH", "finds", "first_core", "found", "sync"]
BOTH = (A2, A5)
HAZARDS = ("E201", "E202", "E203", "E204")
UNUSED = ("W210", "W211")
FLAGS = "E206"
"""Where a flag back is missing, the flag itself may be raised twice: beside the point here."""
MARK = re.compile(r";<- ([A-Z0-9, ]+)")


def sync(a: str, b: str, event: int = 0) -> str:
    """A pair of flags from pipe ``a`` to pipe ``b``."""
    return f"    set_flag {a}, {b}, {event}\n    wait_flag {a}, {b}, {event}\n"


def first_core(body: str) -> str:
    """Vector code that only the first of the two cores of block 0 runs."""
    head = "    subblock_idx r30\n    block_idx r31\n    add r30, r30, r31\n    bne r30, 0, end\n"
    return f"{head}{body}\nend:"


def found(done: npuemu.Run, codes: tuple[str, ...]) -> set[tuple[int, str]]:
    """(line, code) of the findings."""
    rows = [d for d in done.diagnostics if d["code"] in codes]
    others = [d for d in done.diagnostics if d["code"] not in (*HAZARDS, *UNUSED, FLAGS)]
    assert others == []
    return {(int(d["where"].split(":")[1]), d["code"]) for d in rows}


def finds(
    cube: str = "",
    vector: str = "",
    head: str = "",
    *,
    machine: str = A2,
    blocks: int = 1,
    unused: bool = False,
    modes: tuple[str, ...] = ("full", "timing"),
    **options: Any,
) -> list[dict[str, str]]:
    """Run a kernel; its findings are those that its lines name (``;<- E201, E203``). Checks
    races and undefined bytes, with ``unused`` also results that nothing reads. Returns the
    diagnostics of the last mode.
    """
    text = kernel(cube, vector, head)
    codes = HAZARDS + (UNUSED if unused else ())
    marked = {
        (number, code.strip())
        for number, line in enumerate(text.splitlines(), 1)
        for names in MARK.findall(line)
        for code in names.split(",")
    }
    program = npuemu.assemble(text, machine=machine, blocks=blocks)
    for mode in modes:
        done = npuemu.run(program, machine, mode=mode, **options)
        assert found(done, codes) == marked, (mode, done.diagnostics)
    return [d for d in done.diagnostics if d["code"] in codes]

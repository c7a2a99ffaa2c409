"""Assembles short texts, runs them, and holds what must be true of every run."""

from __future__ import annotations

from typing import Any

import numpy as np

import npuemu
from npuemu.observe.recording import DATA
from tests import accounting

A2, A5 = "ascend910b1", "ascend950pr"
HAZARDS = {"E201", "E202", "E203", "E204", "E206", "W210", "W211"}
"""What texts about time and flags may leave open: they move bytes that nobody wrote or reads."""


def kernel(cube: str = "", vector: str = "", head: str = "") -> str:
    """A whole text. ``halt`` is added to each section that is there."""
    lines = [".kernel t", ".machines ascend910b1, ascend950pr, ascend910c", head.strip("\n")]
    for name, body in (("cube", cube), ("vector", vector)):
        if body:
            lines += [f".section {name}", body.strip("\n"), "    halt"]
    return "\n".join(lines) + "\n"


def check_accounting(report: dict[str, Any]) -> None:
    """Every cycle of every pipe of every core has one label, and lines and waits add up."""
    accounting.check(report)


def others(done: npuemu.Run) -> list[dict[str, str]]:
    """The diagnostics of a run that are not about hazards."""
    return [d for d in done.diagnostics if d["code"] not in HAZARDS]


def run(
    cube: str = "",
    vector: str = "",
    head: str = "",
    *,
    machine: str = A2,
    blocks: int | None = None,
    clean: bool = True,
    **options: Any,
) -> npuemu.Run:
    """Run a text; its accounting holds, and it is clean unless told otherwise."""
    program = npuemu.assemble(kernel(cube, vector, head), machine=machine, blocks=blocks)
    done = npuemu.run(program, machine, **options)
    check_accounting(done.report)
    if clean:
        assert others(done) == []
    return done


def pipe(done: npuemu.Run, name: str, core: str = "0.aic") -> dict[str, Any]:
    """A pipe of the report."""
    found = next(c for c in done.report["cores"] if c["core"] == core)
    return dict(found["pipes"][name])


def executed(done: npuemu.Run) -> list[tuple[str, str, int, int]]:
    """(core, mnemonic, start, end) of every data instruction; needs ``record=True``."""
    assert done.recording is not None
    events, code = done.recording.events, done.recording.code
    kinds = ("aic", "aiv0", "aiv1")
    return [
        (f"{e['core'] // 3}.{kinds[e['core'] % 3]}", code[e["row"]].name, e["start"], e["end"])
        for e in events[events["kind"] == DATA]
    ]


def spans(done: npuemu.Run, name: str, core: str | None = None) -> list[tuple[int, int]]:
    """(start, end) of every instruction of that name, in order of start; needs ``record=True``."""
    chosen = [e for e in executed(done) if e[1] == name and core in (None, e[0])]
    return sorted((start, end) for _, _, start, end in chosen)


def line_of(text: str, marker: str) -> int:
    """Line number of the one line that contains ``marker``."""
    found = [i for i, line in enumerate(text.splitlines(), 1) if marker in line]
    assert len(found) == 1, (marker, found)
    return found[0]


def fails(
    code: str, cube: str = "", vector: str = "", head: str = "", words: str = "", **options: Any
) -> str:
    """Exactly one diagnostic with this code, at the line marked ``;!``; returns its message."""
    done = run(cube, vector, head, clean=False, **options)
    found, *more = others(done)
    assert (found["code"], more) == (code, []), done.diagnostics
    text = kernel(cube, vector, head)
    if ";!" in text:
        assert found["where"].split(":")[1] == str(line_of(text, ";!")), found
    assert words in found["message"], found
    if done.ok:
        assert found["severity"] != "error"
    return found["message"]


def words(done: npuemu.Run, name: str = "OUT") -> list[int]:
    """An output tensor as unsigned integers of its width."""
    raw = np.ascontiguousarray(done.outputs[name])
    return [int(v) for v in raw.view(f"u{raw.itemsize}").ravel()]


def registers(values: dict[int, int]) -> str:
    """``li`` lines."""
    return "\n".join(f"    li r{number}, {value}" for number, value in values.items())


def store_all(values: list[int], tensor: str = "OUT", address: int = 31) -> str:
    """Store registers as 64-bit words of a tensor, from a free register as the address."""
    lines = [f"    li r{address}, {tensor}"]
    lines += [f"    st.b64 r{n}, GM, r{address}, {8 * i}" for i, n in enumerate(values)]
    return "\n".join(lines)

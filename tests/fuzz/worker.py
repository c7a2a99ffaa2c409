"""Runs a batch of cases: ``python -m tests.fuzz.worker KIND FIRST COUNT``.

One line a case, written before (``begin SEED``) and after it (``SEED: what became of it``), so that
whoever started the batch can say which case crashed or hung. The exit status is 0 when every case
ended in a result or in one clear message.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import traceback
from functools import cache
from typing import Any

from npuemu import api, asm
from npuemu.asm.program import Program
from npuemu.errors import NpuemuError
from tests.fuzz import guard, mutate
from tests.fuzz.corpus import Source, sources

HANG_SECONDS = 120
MAX_CYCLES = 50_000
LARGEST_GM = 8 << 20
MACHINES = ("ascend910b1", "ascend950pr")


@cache
def _intact(source: Source, params: tuple[tuple[str, int], ...]) -> Program | None:
    """The program of an unharmed text; None if it refuses the parameters."""
    try:
        return asm.assemble(source.text, params=dict(params), include_path=[source.folder])
    except NpuemuError:
        assert source.bundled, f"{source.name} does not assemble"
        return None


def _draw(rng: random.Random) -> Program:
    """An unharmed program."""
    while True:
        source = rng.choice(sources())
        found = _intact(source, tuple(source.params(rng).items()))
        if found is not None:
            return found


def _run(program: Program, rng: random.Random) -> str:
    """Run a program that came out of a case; what became of it."""
    if program.gm_bytes > LARGEST_GM or program.blocks > 4:
        return "large, not run"
    mode = rng.choice(("full", "full", "timing", "numbers"))
    run = api.run(program, mode=mode, max_cycles=MAX_CYCLES, trace=rng.random() < 0.1)
    if not run.ok:
        return check_findings(run.diagnostics)
    cycles = run.cycles
    for core in run.report["cores"]:
        for name, pipe in core["pipes"].items():
            total = pipe["busy"] + sum(pipe["stalls"].values()) + pipe["idle"]
            assert total == cycles and pipe["idle"] >= 0, (
                f"{core['core']} {name}: {total} of {cycles} cycles"
            )
    return f"{cycles} cycles"


def check_findings(found: list[dict[str, str]]) -> str:
    """Codes of the findings of a failed run; each has a message."""
    assert all(d["message"] and d["code"][1:].isdecimal() for d in found), found
    return " ".join(d["code"] for d in found)


def _text(rng: random.Random) -> str:
    source = rng.choice(sources())
    text = mutate.text(rng, source.text)
    params = source.params(rng)
    blocks = rng.choice((None, 1, 2))
    program = asm.assemble(text, params=params, blocks=blocks, include_path=[source.folder])
    return _run(program, rng)


def _words(rng: random.Random) -> str:
    program = mutate.words(rng, _draw(rng))
    if (
        rng.random() < 0.5
    ):  # as a file would bring it; else past the loader, to the engine's own checks
        program = asm.binary.load(asm.binary.dump(program))
    return _run(program, rng)


def _binary(rng: random.Random) -> str:
    program = asm.binary.load(mutate.binary(rng, asm.binary.dump(_draw(rng))))
    assert asm.binary.load(asm.binary.dump(program)) == program
    return _run(program, rng)


def _program(rng: random.Random) -> str:
    text = mutate.program(rng, api.machine(rng.choice(MACHINES)))
    return _run(asm.assemble(text), rng)


KINDS = {"text": _text, "words": _words, "binary": _binary, "program": _program}


def case(kind: str, seed: int) -> tuple[bool, str]:
    """Run one case; whether it ended well, and what became of it."""
    rng = random.Random(f"{kind} {seed}")
    try:
        return True, KINDS[kind](rng)
    except NpuemuError as problem:
        message = str(problem)
        clear = bool(message.strip()) and "Traceback" not in message and len(message) < 20_000
        return clear, message.splitlines()[0] if message else "an empty message"
    except BaseException:
        return False, traceback.format_exc()


def main(arguments: list[str]) -> int:
    """Run cases FIRST .. FIRST + COUNT - 1 of a kind."""
    kind, first, count = arguments[0], int(arguments[1]), int(arguments[2])
    guard.install()
    bad = 0
    out: Any = sys.stdout
    for seed in range(first, first + count):
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        print(f"begin {seed}", file=out, flush=True)
        well, what = case(kind, seed)
        bad += not well
        print(f"{seed}: {'' if well else 'BAD '}{what}", file=out, flush=True)
    faulthandler.cancel_dump_traceback_later()
    return 1 if bad else 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main(sys.argv[1:]))

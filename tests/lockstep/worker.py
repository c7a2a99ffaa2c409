"""Checks a batch of seeds: ``python -m tests.lockstep.worker FIRST COUNT``.

Options: ``--machine NAME``, ``--size N`` (parts a role), ``--trace`` (also look for races by brute
force), ``--shrink`` (make a failing program smaller), ``--show`` (print the program of FIRST).
The exit status is 0 when every program keeps all rules.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import re
import sys
import traceback
from dataclasses import replace

from npuemu.errors import NpuemuError
from tests.interpreter import interpret
from tests.interpreter.happens_before import races
from tests.lockstep.check import Bad, assembled, check, problem
from tests.lockstep.generate import generate
from tests.lockstep.weaken import shrink

HANG_SECONDS = 300
COLLECT = 50_000, 20, 50
"""Fewer collections of the many small objects of an interpreted program."""


def smaller(bad: Bad) -> str:
    """The failing program with everything dropped that the failure does not need."""

    def kind(why: str | None) -> str:
        return re.sub(r"\d+", "", (why or "").split(":")[0])

    def fails(text: str) -> bool:
        case = replace(bad.case, text=text)
        try:
            program = assembled(case)
            outcome = interpret(
                program, case.machine, bytearray(case.memory(program)), order_seed=1, trace=True
            )
            return not races(outcome) and kind(problem(case, program)) == kind(bad.why)
        except NpuemuError:
            return False

    return shrink(bad.case.text, fails)


def main(arguments: list[str]) -> int:
    """Check seeds FIRST .. FIRST + COUNT - 1."""
    parser = argparse.ArgumentParser()
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--machine")
    parser.add_argument("--size", type=int, default=3)
    for flag in ("--trace", "--shrink", "--show"):
        parser.add_argument(flag, action="store_true")
    given = parser.parse_args(arguments)
    if given.show:
        print(generate(given.first, given.machine, given.size).text)
        return 0
    gc.set_threshold(*COLLECT)
    bad = 0
    for seed in range(given.first, given.first + given.count):
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        print(f"begin {seed}", flush=True)
        try:
            check(seed, given.machine, given.size, given.trace)
        except Bad as found:
            bad += 1
            if given.shrink:
                faulthandler.cancel_dump_traceback_later()
                found.case = replace(found.case, text=smaller(found))
            print(f"BAD {found}", flush=True)
        except Exception:
            bad += 1
            print(f"BAD seed {seed}: {traceback.format_exc()}", flush=True)
    faulthandler.cancel_dump_traceback_later()
    return 1 if bad else 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main(sys.argv[1:]))

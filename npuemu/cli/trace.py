"""`--trace` and `--trace-window` of `npuemu run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from npuemu.cli import options
from npuemu.cli.progress import Progress
from npuemu.errors import UserError

if TYPE_CHECKING:
    from npuemu.api import Run

OPTION = "--trace-window"


def record(path: str | None, window: str | None) -> bool | tuple[int, int]:
    """What the run has to record: nothing, everything, or the cycles [first, last)."""
    if window is None:
        return path is not None
    if path is None:
        raise UserError(f"{OPTION} says which cycles of a trace to keep; --trace FILE is missing")
    first, colon, last = window.partition(":")
    if not colon or not (first or last):
        raise UserError(f"{OPTION} takes cycles as A:B, A: or :B, not '{window}'")
    low = options.integer(first, OPTION, 0) if first else 0
    high = options.integer(last, OPTION, 0) if last else options.INT64_MAX
    if low >= high:
        raise UserError(f"{OPTION} {window} holds no cycle: B has to be more than A")
    return low, high


def write(result: Run, path: str) -> None:
    """Write the trace of a run, and say on standard error what is in it."""
    from npuemu.report import trace

    recording, report = result.recording, result.report
    if recording is None:
        raise UserError("--trace: this run recorded no trace")
    facts = {
        "blocks": report["blocks"], "mode": report["mode"], "time_us": report["time_us"],
        **{f"params.{name}": value for name, value in report["params"].items()},
    }  # fmt: skip
    try:
        with Progress() as progress:
            done = trace.write(path, recording, facts, progress=progress)
    except OSError as error:
        raise UserError(f"--trace: cannot write {path}: {error.strerror}") from None
    print(f"trace: {done}", file=sys.stderr)
    if recording.window[0] >= recording.cycles:
        print(f"trace: the run took {recording.cycles:,} cycles, none of them in the window",
              file=sys.stderr)  # fmt: skip

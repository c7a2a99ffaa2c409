"""Writes the trace of a long pipeline in a process of its own and says what that took.

Arguments: file, turns, cores. Output: JSON with ``seconds`` (CPU), ``grown`` (bytes of memory
beyond the recording's), ``bytes`` (of the file), ``items`` and ``steps`` of the progress.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from npuemu.report.trace import write
from tests.report.recordings import pipeline

PEAK = Path("/proc/self/clear_refs")
"""Where Linux forgets a process's peak of memory."""


def _memory(field: str) -> int:
    """A field of the process's status, in bytes; 0 where there is none."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def main(path: str, turns: int, cores: int) -> None:
    """Measure one file."""
    made = pipeline(turns, cores)
    steps: list[Any] = []
    if PEAK.exists():
        PEAK.write_text("5")
    before, start = _memory("VmRSS"), time.process_time()
    done = write(path, made, progress=steps.append)
    said = {
        "seconds": time.process_time() - start, "grown": _memory("VmHWM") - before,
        "bytes": done.bytes, "events": len(made.events), "items": done.items,
        "steps": [(step["done"], step["total"]) for step in steps],
    }  # fmt: skip
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

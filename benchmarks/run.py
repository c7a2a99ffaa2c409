"""All benchmarks, one after the other in one run: ``make bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("bench_cube.py", "bench_runs.py", "bench_quantize.py")


def main() -> int:
    """Run every part; 1 if one fails."""
    status = 0
    for part in PARTS:
        print(f"== {part}", flush=True)
        status |= subprocess.run([sys.executable, str(Path(__file__).parent / part)]).returncode
    return int(status != 0)


if __name__ == "__main__":
    raise SystemExit(main())

"""Write, or check, the tables under "Measured" in the kernels' READMEs.

``python benchmarks/kernel_pages.py [--check] [KERNEL ...]``. A row's first cells (shape, machine,
blocks) say what to run, in timing mode; the names of the columns say what to put into the others.
Percentages are of the run's cycles, on the core whose pipe works longest; bank conflicts count as
work, ``+`` is shared bandwidth.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import npuemu

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
HEADING, SIZE = "## Measured", 4096
KEYS = ("M x N x K", "machine", "blocks")
"""Columns that say what to run, beside those named as the kernel's parameters."""


def share(report: dict[str, Any], pipe: str, core: str) -> str:
    """``12.3`` or ``12.3 + 4.5``: the pipe's work on its busiest core of that kind."""
    best = (-1.0, 0.0)
    for entry in report["cores"]:
        if core in entry["core"] and pipe in entry["pipes"]:
            found = entry["pipes"][pipe]
            work = found["busy"] + found["stalls"].get("bank_conflict", 0)
            shared = found["stalls"].get("shared_bandwidth", 0)
            best = max(best, (work / report["cycles"], shared / report["cycles"]))
    text = f"{100 * best[0]:.1f}"
    return f"{text} + {100 * best[1]:.1f}" if best[1] >= 0.0005 else text


def cell(report: dict[str, Any], column: str) -> str:
    """What belongs into a column."""
    if column == "cycles":
        return f"{report['cycles']:,}"
    if column.startswith("GM read"):
        return f"{report['traffic']['gm_read_bytes']:,}"
    if column.startswith("GM written"):
        return f"{report['traffic']['gm_write_bytes']:,}"
    words = column.split(" %")[0].split()
    kind = {"cube": "aic", "vector": "aiv"}.get(words[0], "aiv" if words[-1] == "V" else "")
    if not kind:
        kind = "aiv" if words[-1] == "MTE3" else "aic"
    return share(report, words[-1], kind)


def measure(kernel: str, keys: dict[str, str]) -> dict[str, Any]:
    """The report of a row's run."""
    machine = {"910B1": "ascend910b1", "950PR": "ascend950pr"}.get(keys.get("machine", ""))
    shape = {k: int(v) for k, v in keys.items() if k not in KEYS}
    if "M x N x K" in keys:
        sizes = (int(v) for v in keys["M x N x K"].split(" x "))
        shape |= dict(zip("MNK", sizes, strict=True))
    elif kernel.startswith("gemm"):
        shape = {"N": SIZE, "K": SIZE, **shape}
    blocks = int(keys["blocks"])
    full = {"kv_len": np.full(shape["H"], shape["KV"], np.int32)} if "KV" in shape else {}
    run = npuemu.run(kernel, machine, full, blocks=blocks, mode="timing", check=False, **shape)
    return run.report


@cache
def parameters(kernel: str) -> tuple[str, ...]:
    """Names of a kernel's parameters."""
    return tuple(npuemu.load(kernel).params)


def fresh_row(kernel: str, header: list[str], line: str) -> str:
    """A table row, measured again."""
    old = dict(zip(header, (c.strip() for c in line.strip("|\n ").split("|")), strict=True))
    given = {*KEYS, *parameters(kernel)}
    report = measure(kernel, {k: v for k, v in old.items() if k in given})
    cells = [old[c] if c in given else cell(report, c) for c in header]
    return f"| {' | '.join(cells)} |"


def rows(page: Path) -> tuple[list[str], list[str], list[int]]:
    """Lines of a page, columns of its measured table, and the lines that are its rows."""
    lines = page.read_text(encoding="utf-8").split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(HEADING))
    table = [i for i in range(start, len(lines)) if lines[i].startswith("|")]
    header = [c.strip() for c in lines[table[0]].strip("| ").split("|")]
    return lines, header, table[2:]


def main(arguments: list[str]) -> int:
    """Rewrite the pages; with --check only say which rows are stale."""
    check = "--check" in arguments
    names = [a for a in arguments if not a.startswith("-")]
    stale = 0
    for page in sorted(PROGRAMS.glob("*/README.md")):
        if names and page.parent.name not in names:
            continue
        lines, header, numbers = rows(page)
        for i in numbers:
            line = fresh_row(page.parent.name, header, lines[i])
            if line != lines[i]:
                stale += 1
                print(
                    f"{page.parent.name}: {lines[i]}\n  now {line}" if check else line, flush=True
                )
                lines[i] = line
        if not check:
            page.write_text("\n".join(lines), encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

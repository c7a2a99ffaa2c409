"""Write, or check, the README's table of the W8A16 kernels over M.

``python benchmarks/crossover_page.py [--check] README.md``. Cycles and traffic of timing mode are
those of a full run, and the same on every computer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import crossover

SIZE = 4096
ROWS = (1, 16, 64, 128, 256, 512, 1024, 2048)
BLOCKS = (1, 24)
STEP, LAST = 16, 1024
START, END = "<!-- measured: benchmarks/crossover_page.py -->\n", "<!-- end -->\n"
NAMES = tuple(kernel.removeprefix("gemm_w8a16_") for kernel in crossover.KERNELS)


def fastest(found: dict[str, tuple[int, float, str]]) -> str:
    """Short name of the kernel with the fewest cycles."""
    return min(found, key=lambda kernel: found[kernel][0]).removeprefix("gemm_w8a16_")


def row(m: int, blocks: int) -> str:
    """One line of the table."""
    found = crossover.measure(m, SIZE, SIZE, blocks)
    cells = [f"{cycles:,} | {mib:,.0f}" for cycles, mib, _ in found.values()]
    return f"| {blocks} | {m} | {' | '.join(cells)} | {fastest(found)} |\n"


def ranges(blocks: int) -> str:
    """Which kernel takes the fewest cycles from which M to which, in steps of 16."""
    runs: list[tuple[str, int, int]] = []
    for m in range(STEP, LAST + 1, STEP):
        name = fastest(crossover.measure(m, SIZE, SIZE, blocks))
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1], m)
        else:
            runs.append((name, m, m))
    spans = [f"{name} at {first} .. {last}" for name, first, last in runs]
    return f"{blocks} block{'s' if blocks > 1 else ''}: {', '.join(spans)}"


def page() -> str:
    """The part of the README between the marks."""
    heads = " | ".join(f"{name} cycles | MiB" for name in NAMES)
    table = f"| blocks | M | {heads} | fewest |\n|---:|---:|{'---:|---:|' * len(NAMES)}---|\n"
    table += "".join(row(m, blocks) for blocks in BLOCKS for m in ROWS)
    text = "; ".join(ranges(blocks) for blocks in BLOCKS)
    return f"{table}\nFewest cycles by M, in steps of {STEP} up to {LAST}. {text}.\n"


def main(arguments: list[str]) -> int:
    """`[--check] FILE`: write the part, or say whether the file has it."""
    path = Path(arguments[-1])
    before, _, rest = path.read_text(encoding="utf-8").partition(START)
    old, _, after = rest.partition(END)
    new = page()
    if "--check" not in arguments:
        path.write_text(before + START + new + END + after, encoding="utf-8")
        return 0
    if old == new:
        return 0
    print(f"error: {path} is not what the kernels take; run `python {sys.argv[0]} {path}`")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

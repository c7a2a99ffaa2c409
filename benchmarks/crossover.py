"""Cycles, traffic and bounding pipe of the three W8A16 kernels over M: where does each one win?

``python benchmarks/crossover.py [--n N] [--k K] [--blocks 1 24] [--rows 1 16 ...]`` prints one
table
a block count (timing mode: cycles and traffic are those of a full run), and the M from which on the
cheapest kernel changes.
"""

from __future__ import annotations

import argparse
from typing import Any

import npuemu

KERNELS = ("gemm_w8a16_dequant", "gemm_w8a16_lift", "gemm_w8a16_msd")
ROWS = (1, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)


def bounding_pipe(report: dict[str, Any]) -> str:
    """The pipe that is busy longest, and its share of the cycles: ``aiv0 V 98%``.

    Bank conflicts and shared bandwidth count as busy: the pipe works, only slower.
    """
    best = (0.0, "")
    for core in report["cores"]:
        for name, pipe in core["pipes"].items():
            stalls = pipe["stalls"]
            held = stalls.get("bank_conflict", 0) + stalls.get("shared_bandwidth", 0)
            share = (pipe["busy"] + held) / max(1, report["cycles"])
            best = max(best, (share, f"{core['core'].split('.')[1]} {name}"))
    return f"{best[1]} {best[0]:.0%}"


def measure(rows: int, n: int, k: int, blocks: int) -> dict[str, tuple[int, float, str]]:
    """Cycles, GM MiB and bounding pipe by kernel."""
    found = {}
    for kernel in KERNELS:
        shape = {"M": rows, "N": n, "K": k}
        run = npuemu.run(kernel, blocks=blocks, mode="timing", check=False, **shape)
        if not run.ok:
            raise SystemExit(f"{kernel} {shape}: {run.diagnostics}")
        traffic = run.report["traffic"]
        moved = (traffic["gm_read_bytes"] + traffic["gm_write_bytes"]) / 2**20
        found[kernel] = (run.cycles, moved, bounding_pipe(run.report))
    return found


def table(rows: list[int], n: int, k: int, blocks: int) -> None:
    """Print one block count."""
    print(f"\nN = {n}, K = {k}, {blocks} block{'s' if blocks > 1 else ''}\n")
    names = [kernel.removeprefix("gemm_w8a16_") for kernel in KERNELS]
    heads = [f"{name} cycles | GM MiB | bound by" for name in names]
    print("| M | " + " | ".join(heads) + " | fewest cycles |")
    print("| ---: |" + " ---: | ---: | --- |" * len(KERNELS) + " --- |")
    winners = []
    for m in rows:
        found = measure(m, n, k, blocks)
        cells = [f"{c:,} | {mib:.1f} | {pipe}" for c, mib, pipe in found.values()]
        winner = min(found, key=lambda kernel: found[kernel][0]).removeprefix("gemm_w8a16_")
        winners.append((m, winner))
        print(f"| {m} | " + " | ".join(cells) + f" | {winner} |", flush=True)
    changes = [
        f"{a} up to M = {m0}, {b} from M = {m1}"
        for (m0, a), (m1, b) in zip(winners, winners[1:], strict=False)
        if a != b
    ]
    print("\nfewest cycles: " + ("; ".join(changes) or f"{winners[0][1]} at every M above"))


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=4096)
    parser.add_argument("--k", type=int, default=4096)
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 24])
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    given = parser.parse_args()
    for blocks in given.blocks:
        table(given.rows, given.n, given.k, blocks)


if __name__ == "__main__":
    main()

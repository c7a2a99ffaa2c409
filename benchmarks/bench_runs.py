"""Speed of whole runs: kernels against OpenBLAS sgemm, and the clock alone in instructions a
second.

One process, one thread, interleaved, CPU time of the thread. ``python benchmarks/bench_runs.py
[--rounds N]``
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from bench_cube import Bench, rate  # noqa: E402

import npuemu  # noqa: E402
from npuemu.api import draw  # noqa: E402

SGEMM_SHAPE = (512, 4096, 4096)
SIZES = {"M": 512, "N": 4096, "K": 4096}
Tile = tuple[str, tuple[int, int, int]]
WHOLE: list[tuple[str, dict[str, int], int, float, Tile]] = [
    ("gemm_w8a16_msd", SIZES, 2, 1.5, ("mmad_s8", (128, 128, 256))),
    ("gemm_bf16", SIZES, 1, 0.0, ("mmad_bf16", (64, 256, 64))),
    ("gemm_mxfp4", SIZES, 1, 0.0, ("mmad_mxfp4", (64, 256, 256))),
]
"""Kernel, shape, multiplications by M*N*K, wanted ratio to sgemm (0: none), its usual mmad."""
CLOCK = ("gemm_bf16", {"M": 4096, "N": 4096, "K": 4096})
CLOCK_WANTED = {False: 10.0, True: 4.0}
"""M instructions a second in timing mode, by whether the observers run."""
CHECKS_WANTED = 1.15
"""Most that the checks may add to a full run: its time by that of the same run without them."""


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU time of this thread, and what the call returned."""
    began = time.thread_time()
    result = call()
    return time.thread_time() - began, result


def bench_whole(rounds: int) -> None:
    """Multiplications a second of whole default runs, observers included."""
    m, n, k = SGEMM_SHAPE
    rng = np.random.default_rng(0)
    left = rng.standard_normal((m, k), np.float32)
    right = rng.standard_normal((k, n), np.float32)
    sgemm = min(seconds(lambda: left @ right)[0] for _ in range(3))
    print(f"sgemm {m}x{n}x{k}: {m * n * k / sgemm / 1e9:.1f} GMAC/s")
    for name, shape, times, wanted, (unit, tile) in WHOLE:
        program = npuemu.load(name, **shape)
        inputs = {t.name: draw(t, 0) for t in program.tensors if t.role == "in"}

        def once(program: Any = program, inputs: Any = inputs) -> Any:
            return npuemu.run(program, inputs=inputs)

        once()
        bench = Bench(name, unit, tile, 1)
        best, base, bare = float("inf"), float("inf"), 0.0
        for _ in range(rounds):
            bare = max(bare, rate(bench.call, bench.macs, 1 + (1 << 30) // bench.macs))
            base = min(base, seconds(lambda: left @ right)[0])
            best = min(best, seconds(once)[0])
        macs = times * shape["M"] * shape["N"] * shape["K"]
        ratio = macs / best / (m * n * k / base)
        target = f"(want {wanted:.1f})" if wanted else ""
        alone = macs / bare / 1e9
        print(
            f"{name:18s} {macs / best / 1e9:7.1f} GMAC/s {ratio:5.2f}x  {best:.3f} s, "
            f"{best / alone:.2f}x its products alone {target}"
        )


def bench_checks(rounds: int) -> None:
    """What the checks cost: full runs with and without them, interleaved."""
    for name, shape, *_ in WHOLE:
        program = npuemu.load(name, **shape)
        inputs = {t.name: draw(t, 0) for t in program.tensors if t.role == "in"}
        best = {True: float("inf"), False: float("inf")}
        for _ in range(rounds + 1):
            for check in best:
                call = partial(npuemu.run, program, inputs=inputs, check=check)
                best[check] = min(best[check], seconds(call)[0])
        print(
            f"checks in {name:18s} {best[True]:.3f} s with, {best[False]:.3f} s without: "
            f"{best[True] / best[False]:.3f}x (want at most {CHECKS_WANTED:.2f})"
        )


def bench_clock(rounds: int) -> None:
    """Instructions a second without arithmetic; each instruction is counted once, at its
    dispatch.
    """
    name, shape = CLOCK
    program = npuemu.load(name, **shape)
    for check, wanted in CLOCK_WANTED.items():

        def once(check: bool = check) -> Any:
            return npuemu.run(program, mode="timing", check=check)

        once()
        best, run = min((seconds(once) for _ in range(rounds)), key=lambda pair: pair[0])
        scalar = sum(core["pipes"]["S"]["instructions"] for core in run.report["cores"])
        print(
            f"timing mode, observers {'on ' if check else 'off'}: {scalar / best / 1e6:6.1f} "
            f"M instructions/s (want {wanted:.0f})  {scalar:,} in {best:.3f} s"
        )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    bench_whole(rounds)
    bench_checks(rounds)
    bench_clock(rounds)


if __name__ == "__main__":
    main()

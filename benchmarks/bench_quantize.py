"""Speed of MXFP4 quantisation and of the array conversions, one thread, best of several runs.

Run: ``python benchmarks/bench_quantize.py``. Prints Gelem/s; the bound is 1 Gelem/s for
quantisation with the floor rule and nearest-even elements.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402

from npuemu.formats import arrays  # noqa: E402
from npuemu.formats.format import BF16, E2M1, E4M3, E5M2, F16  # noqa: E402
from npuemu.formats.quantize import (  # noqa: E402
    ROUNDINGS,
    SCALE_RULES,
    dequantize_mxfp4,
    quantize_mxfp4,
)

SHAPES = {"in L2 (16 x 4096)": (16, 4096), "in memory (2048 x 8192)": (2048, 8192)}
BOUND = 1.0  # Gelem/s


def best_seconds(function: Callable[[], object], least: float = 0.4) -> float:
    """Shortest of the runs that fit into ``least`` seconds, after one to warm up."""
    function()
    best, end = float("inf"), time.perf_counter() + least
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def bench_mxfp4() -> float:
    """Print every rule and rounding; return the rate of (floor, rint) from memory."""
    rate = 0.0
    for place, shape in SHAPES.items():
        values = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        print(f"MXFP4 quantise, {place}")
        for rule in SCALE_RULES:
            cells = []
            for rounding in ROUNDINGS:
                seconds = best_seconds(
                    lambda: quantize_mxfp4(values, scale_rule=rule, rounding=rounding)
                )
                cells.append(f"{rounding} {values.size / seconds / 1e9:5.2f}")
                if (rule, rounding) == ("floor", "rint"):
                    rate = values.size / seconds / 1e9
            print(f"  {rule:9s} {'  '.join(cells)}  Gelem/s")
        codes, scales = quantize_mxfp4(values, scale_rule="floor", rounding="rint")
        seconds = best_seconds(lambda: dequantize_mxfp4(codes, scales))
        print(f"  dequantise {values.size / seconds / 1e9:5.2f} Gelem/s")
    return rate


def bench_arrays() -> None:
    """Print NumPy-only conversions beside ml_dtypes, nearest even, normal values."""
    values = np.random.default_rng(0).standard_normal(1 << 22, dtype=np.float32)
    print("array conversions, float32 -> code -> float32, and ml_dtypes or NumPy for scale")
    for fmt in (BF16, F16, E4M3, E5M2, E2M1):
        owner = np.float16 if fmt is F16 else getattr(ml_dtypes, str(fmt.ml_dtypes_type))
        codes = arrays.encode(fmt, values)
        times = [
            best_seconds(lambda: arrays.encode(fmt, values)),
            best_seconds(lambda: arrays.encode(fmt, values, "floor")),
            best_seconds(lambda: values.astype(owner)),
            best_seconds(lambda: arrays.decode(fmt, codes)),
        ]
        names = ("rint", "floor", "rint of the library", "decode")
        rates = [f"{n} {values.size / t / 1e9:5.3f}" for n, t in zip(names, times, strict=True)]
        print(f"  {fmt.name:5s} {'  '.join(rates)}  Gelem/s")


def main() -> int:
    """Exit status 1 if the bound is missed."""
    rate = bench_mxfp4()
    bench_arrays()
    print(
        f"floor, rint: {rate:.2f} Gelem/s, bound {BOUND} ({'met' if rate >= BOUND else 'MISSED'})"
    )
    return 0 if rate >= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())

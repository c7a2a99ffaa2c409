"""Speed of ``mmad`` on full L0 tiles, as ratios to OpenBLAS sgemm.

One process, one thread, interleaved; unpacking of the fractal layouts is included.
``python benchmarks/bench_cube.py [--rounds N]``
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import ctypes  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402

from npuemu.jit import compile_unit  # noqa: E402
from npuemu.units.cube import resolve  # noqa: E402

MEMORY_BYTES = {2: 65536, 3: 65536, 4: 262144, 5: 4096, 8: 4096, 9: 4096}
SCRATCH_BYTES = 16 << 20
TYPES = {"mxfp8_e4m3": 4, "mxfp8_e5m2": 5}
SGEMM_SHAPE = (512, 4096, 4096)

CASES: list[tuple[str, str, tuple[int, int, int], int, float]] = [
    ("INT8", "mmad_s8", (128, 256, 256), 0, 4.0),
    ("BF16", "mmad_bf16", (128, 256, 128), 0, 1.0),
    ("MXFP4", "mmad_mxfp4", (128, 256, 512), 0, 3.0),
    ("MXFP8", "mmad_mxfp8_e4m3", (128, 256, 256), 0, 0.0),
    ("MXFP8 W4A8", "mmad_mxfp8_e4m3", (128, 256, 256), 0, 0.0),
    ("MXFP8 e5m2", "mmad_mxfp8_e5m2", (128, 256, 256), 0, 0.0),
    ("INT8 m=16", "mmad_s8", (16, 256, 256), 0, 3.0),
    ("INT8 acc", "mmad_s8", (128, 256, 256), 1, 0.0),
    ("F16", "mmad_f16", (128, 256, 128), 0, 0.0),
    ("BF16 m=16", "mmad_bf16", (16, 256, 128), 0, 0.0),
    ("MXFP4 m=16", "mmad_mxfp4", (16, 256, 512), 0, 0.0),
    ("MXFP4 wide scales", "mmad_mxfp4", (128, 256, 512), 0, 0.0),
]
"""Name, unit, (m, n, k), start value (0 zero, 1 accumulate), wanted ratio (0: none)."""


class Bench:
    """One unit with its memories; ``call`` runs the instruction once."""

    def __init__(self, name: str, unit: str, shape: tuple[int, int, int], start: int) -> None:
        rng = np.random.default_rng(1)
        began = time.perf_counter()
        self.compiled = compile_unit(resolve(unit))
        self.compile_seconds = time.perf_counter() - began
        self.ctx, self.ops = np.zeros(64, np.int64), np.zeros(32, np.int64)
        self.keep: list[np.ndarray] = []
        for memory, size in MEMORY_BYTES.items():
            data = self._aligned(size)
            data[:] = rng.integers(0, 256, size, np.uint8)
            if unit in ("mmad_bf16", "mmad_f16") and memory in (2, 3):
                floats = rng.standard_normal(size // 2, np.float32)
                bf16 = (floats.view(np.uint32) >> 16).astype(np.uint16)
                f16 = floats.astype(np.float16)
                data[:] = (bf16 if unit == "mmad_bf16" else f16).view(np.uint8)
            if unit.startswith("mmad_mxfp8") and memory in (2, 3):
                data[:] = self._fp8(rng, size, lifted="W4" in name and memory == 3)
            if memory in (8, 9):
                low, high = (0, 255) if "wide" in name else (120, 135)
                data[:] = rng.integers(low, high, size)
            if memory == 4:
                data[:] = 0
            self.ctx[2 * memory], self.ctx[2 * memory + 1] = data.ctypes.data, size
        self.ctx[35], self.ctx[36] = self._aligned(SCRATCH_BYTES).ctypes.data, SCRATCH_BYTES
        number = TYPES.get(unit.removeprefix("mmad_"), 0)
        self.ops[8:17] = (0, 0, 0, *shape, start, 0, number)
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        function = kind(self.compiled.address)
        ctx, ops = self.ctx.ctypes.data, self.ops.ctypes.data
        self.call: Callable[[], object] = lambda: function(ctx, ops, 0)
        self.macs = shape[0] * shape[1] * shape[2]

    @staticmethod
    def _fp8(rng: np.random.Generator, size: int, lifted: bool) -> np.ndarray:
        """e4m3 codes of normal values that fill the format, or of e2m1 values."""
        values = rng.standard_normal(size, np.float32) * np.float32(80)
        if lifted:
            values = rng.choice(np.array([0.5, 1, 1.5, 2, 3, 4, 6, -1, -2, -6], np.float32), size)
        clipped = np.clip(values, -256, 256)
        return np.asarray(clipped.astype(ml_dtypes.float8_e4m3fn).view(np.uint8))

    def _aligned(self, size: int) -> np.ndarray:
        whole = np.zeros(size + 4096, np.uint8)
        self.keep.append(whole)
        offset = -whole.ctypes.data % 4096
        return whole[offset : offset + size]


def rate(call: Callable[[], object], macs: int, repeats: int) -> float:
    """GMAC/s of ``repeats`` calls, in this thread's CPU time: other processes do not count."""
    began = time.thread_time()
    for _ in range(repeats):
        call()
    return macs * repeats / (time.thread_time() - began) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    m, n, k = SGEMM_SHAPE
    rng = np.random.default_rng(0)
    left = rng.standard_normal((m, k), np.float32)
    right = rng.standard_normal((k, n), np.float32)
    out = np.empty((m, n), np.float32)
    benches = [Bench(*case[:4]) for case in CASES]
    repeats = []
    for bench in benches:
        bench.call()
        repeats.append(max(1, int(40e9 * 0.1 / bench.macs)))
    best = [0.0] * len(CASES)
    sgemm = 0.0
    for _ in range(rounds):
        sgemm = max(sgemm, rate(lambda: np.matmul(left, right, out=out), m * n * k, 1))
        for i, bench in enumerate(benches):
            best[i] = max(best[i], rate(bench.call, bench.macs, repeats[i]))
    print(f"sgemm {m}x{n}x{k}: {sgemm:.1f} GMAC/s")
    for (name, _, shape, _, wanted), bench, speed in zip(CASES, benches, best, strict=True):
        micro = bench.macs / speed / 1e3
        target = f"(want {wanted:.1f})" if wanted else ""
        print(
            f"{name:18s} {'x'.join(map(str, shape)):12s} {speed:7.1f} GMAC/s {speed / sgemm:5.2f}x "
            f"{micro:6.1f} us  compiled or loaded in {bench.compile_seconds:.2f} s {target}"
        )


if __name__ == "__main__":
    main()

"""The Cube unit: ``mmad`` in INT8, BF16, F16, MXFP4 and MXFP8, bit-exact.

A fast path for CPUs with AVX-512 and a portable one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

_FEATURES = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "fma", "f16c"})
"""What the AVX-512 kernels may use; LLVM aborts the process on a CPU that lacks an instruction."""

_PATHS = {
    "mmad_s8": ("int8", "portable", "s8_range"),
    "mmad_bf16": ("half", "portable", "bf16_range"),
    "mmad_f16": ("half", "portable", "f16_range"),
    "mmad_mxfp4": ("mxfp4", "portable", "mx_range"),
    "mmad_mxfp8_e4m3": ("mxfp8", "mxfp8_portable", "mx8_range"),
    "mmad_mxfp8_e5m2": ("mxfp8_portable", "mxfp8_portable", "mx8_range"),
    "mmad_mxfp8_e4m3_e5m2": ("mxfp8_portable", "mxfp8_portable", "mx8_range"),
    "mmad_mxfp8_e5m2_e4m3": ("mxfp8_portable", "mxfp8_portable", "mx8_range"),
}
"""Unit -> modules of the fast and of the portable path, and the name of its column-range
function.
"""


def _module(name: str) -> Any:
    from npuemu.jit import cpu

    fast, portable, _ = _PATHS[name]
    return import_module(f"{__name__}.{fast if cpu() >= _FEATURES else portable}")


def resolve(name: str) -> Callable[..., Any]:
    """The plain Python function of a unit (``mmad_s8`` ...), for ``npuemu.jit.compile_unit``."""
    function: Callable[..., Any] = getattr(_module(name), name)
    return function


def resolve_range(name: str) -> Callable[..., Any]:
    """The jitted ``range(ctx, ops, scratch, n_lo, n_hi) -> wraps`` of a unit.

    Computes columns [n_lo, n_hi): multiples of 16, n_hi at most n rounded up to 16. Ranges that do
    not overlap may run in different threads, each with ``layout.SCRATCH_USED`` bytes of its own.
    The caller adds the result to ``ctx[layout.WRAPS]`` and has checked that m, n, k > 0.
    """
    function: Callable[..., Any] = getattr(_module(name), _PATHS[name][2])
    return function

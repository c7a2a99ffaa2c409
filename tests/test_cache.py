"""Compiled code is cached by all sources: an edited helper of another file is never stale."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import numpy as np
from npuemu.jit import CACHE, compile_unit
from npuemu.units import vector
from npuemu.units.vector.plans import plan

unit = compile_unit(vector.resolve("{step}"))
scratch = np.zeros(6 << 20, np.uint8)
t0 = scratch[: 64 * 4].view(np.float32)
t1 = scratch[2 << 20 :][: 64 * 4].view(np.float32)
t0[:], t1[:] = 5, 3
ctx, ops = np.zeros(64, np.int64), np.zeros(32, np.int64)
ctx[35], ctx[36] = scratch.ctypes.data, scratch.size
ops[2:4], ops[12] = -1, 1
steps = plan("vadd", {{"type": "f32"}}, dict(dst=9, src0=10, src1=11, rep=12, dst_blk=13,
src0_blk=14,
                                            src1_blk=15, dst_rep=16, src0_rep=17, src1_rep=18))
argument = dict(steps)["{step}"]
assert unit.ctypes(ctx.ctypes.data, ops.ctypes.data, argument) == 0
t3 = [scratch[i << 21 :][:4].view(np.float32)[0] for i in range(3)]
hits = sum(unit._cache_hits if isinstance(unit._cache_hits, int) else 0 for _ in range(1))
print(CACHE.name, *map(float, t3), hits)
"""

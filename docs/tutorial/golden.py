"""product: C [M, N] = A [M, K] x W [N, K] transposed, 8-bit integers, sums in 32 bits that wrap."""

import numpy as np


def inputs(params, seed):
    """A s8 [M, K] and W s8 [N, K], all codes."""
    rng = np.random.default_rng(seed)
    m, n, k = params.get("M", 512), params.get("N", 512), params.get("K", 2048)
    return {
        "A": rng.integers(-128, 128, (m, k), np.int8),
        "W": rng.integers(-128, 128, (n, k), np.int8),
    }


def golden(inputs, params):
    """C s32 [M, N]: double precision holds these sums exactly."""
    sums = inputs["A"].astype(np.float64) @ inputs["W"].astype(np.float64).T
    return {"C": sums.astype(np.int64).astype(np.int32)}


def lowest(inputs):
    """The largest sums there are."""
    inputs["A"][:], inputs["W"][:] = -128, -128


def cases():
    """One tile, several tiles, and the largest sums."""
    return [
        {"name": "one tile", "params": {"M": 128, "N": 256, "K": 512}},
        {"name": "tall", "params": {"M": 384, "N": 256, "K": 1024}},
        {"name": "wide", "params": {"M": 128, "N": 768, "K": 512}},
        {"name": "lowest", "params": {"M": 128, "N": 256, "K": 2048}, "edit": lowest},
    ]

"""What the kernels compute, to the last bit, in plain NumPy: nothing here knows npuemu."""

import ml_dtypes
import numpy as np


def scale_add(inputs, params):
    """Z = X * 0.75 + Y in float32: two operations, each rounded once; every NaN is 0x7FC00000."""
    with np.errstate(all="ignore"):
        z = inputs["X"] * np.float32(0.75) + inputs["Y"]
    z.view(np.uint32)[np.isnan(z)] = 0x7FC00000
    return {"Z": z}


def gemm(inputs, params):
    """C = A x W transposed: float32 sums in ascending k, one rounding a product, then bf16.

    The product of two bf16 numbers is exact in float32 (unless it leaves the range), so adding it
    rounds once, as a fused multiply-add does.
    """
    a, w = (inputs[name].astype(np.float32) for name in ("A", "W"))
    total = np.zeros((params["M"], params["N"]), np.float32)
    for k in range(params["K"]):
        total += a[:, k, None] * w[None, :, k]
    return {"C": total.astype(ml_dtypes.bfloat16)}

"""gemm_w8a16_dequant and gemm_w8a16_lift: through the ring in L1 where the vector cores reach it,
else through GM.
"""

from __future__ import annotations

from npuemu.models.parts.estimate import Estimate
from npuemu.models.parts.plan import Plan
from npuemu.models.ring.w8a16_gm import GemmW8A16
from npuemu.models.ring.w8a16_l1 import DequantRing, LiftRing


def dequant(plan: Plan) -> Estimate:
    """gemm_w8a16_dequant: the scale is multiplied into the weight."""
    return DequantRing(plan).estimate() if _reaches_l1(plan) else GemmW8A16(plan, False).estimate()


def lift(plan: Plan) -> Estimate:
    """gemm_w8a16_lift: the scale waits for the sums."""
    return LiftRing(plan).estimate() if _reaches_l1(plan) else GemmW8A16(plan, True).estimate()


def _reaches_l1(plan: Plan) -> bool:
    return "ub_l1" in plan.machine.features

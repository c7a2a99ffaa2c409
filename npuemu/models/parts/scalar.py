"""Instructions of the scalar units that models count, rounded: what a text runs before its first
transfer, and what V waits for between two of its own. An instruction takes a cycle; loads from GM
count apart, from the machine file.
"""

from __future__ import annotations

# --- from the start of a core until its first transfer: addresses, sizes, flags

QUANTIZE = 30
"""A vector core of a quantiser, until its first load of A."""
SPLIT_W4A16 = 40
"""A vector core of gemm_w4a16_msd, until its first load of A."""
L1_RING = 45
"""Either core of a kernel with the ring in L1."""
W8A8 = 50
"""The cube core of gemm_w8a8 and gemm_w8a8_grouped."""
W8A8_VECTOR = 40
"""A vector core of these, without the count of the groups' rows: the first A comes before W."""
CUBE_GEMM = 60
"""The cube core of `include/cube_gemm.inc`, until its first panel."""
GM_RING = 60
"""Either core of a kernel with the ring in GM."""
ATTENTION = 80
"""Either core of an attention, besides the load of its first item's length."""
W8A16_MSD = 100
"""Either core of gemm_w8a16_msd."""

# --- a vector core's scalar unit in an attention

STEP = 215
"""A step's loads, stores and flags, without the mask and what V is given."""
STEP_TO_MASK = 110
"""More of a step: from its last instruction for V to the first of the next step's mask."""
EXCHANGE = 95
"""More of both, where scores and weighted values are loaded from GM."""
MASK_LINE = 25
"""A query's line of a causal mask."""
MASK_GROUP = 7
"""64 keys of such a line."""
ENTRY = 10
"""What goes with an entry of V's queue in a softmax, where the vector core lifts the cache."""
LIFT_LOAD = 60
"""Behind that, until the first load of a tile that is lifted."""

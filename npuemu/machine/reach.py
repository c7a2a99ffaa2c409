"""Which memories the instructions of a core can name."""

from __future__ import annotations

from collections.abc import Collection

CUBE = ("GM", "L1", "L0A", "L0B", "L0C", "BT", "FB", "L0A_MX", "L0B_MX")
VECTOR = ("GM", "UB")


def reached(features: Collection[str], core: str) -> tuple[str, ...]:
    """Memories of a ``core`` ("cube", "vector") of a machine with these features.

    A cube core that reaches the vector cores' UB calls that of the second one UB1.
    """
    if core == "cube":
        return (*CUBE, "UB", "UB1") if {"l0c_ub", "ub_l1"} & set(features) else CUBE
    return (*VECTOR, "L1") if "ub_l1" in features else VECTOR

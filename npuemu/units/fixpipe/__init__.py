"""Fixpipe: L0C to GM, L1 or UB with conversion, quantisation, relu and layout change."""

from __future__ import annotations

from collections.abc import Callable

Unit = Callable[[int, int, int], int]


def resolve(name: str) -> Unit:
    """The plain function of fixpipe move ``name`` (a mnemonic, with or without a suffix)."""
    from npuemu.units.fixpipe import move

    units: dict[str, Unit] = {
        "fix_l0c_gm": move.fix_l0c_gm,
        "fix_l0c_l1": move.fix_l0c_l1,
        "fix_l0c_ub": move.fix_l0c_ub,
    }
    return units[name.partition(".")[0]]

"""Loads from L1 into the operand memories of the matrix unit: data fractals and MX scales."""

from __future__ import annotations

from collections.abc import Callable

Unit = Callable[[int, int, int], int]


def resolve(name: str) -> Unit:
    """The plain function of load ``name`` (a mnemonic, with or without its type suffix)."""
    from npuemu.units.load import fractal, mx

    units: dict[str, Unit] = {
        "load_l1_l0a": fractal.load_l1_l0a,
        "load_l1_l0b": fractal.load_l1_l0b,
        "load_l1_l0a_mx": mx.load_l1_l0a_mx,
        "load_l1_l0b_mx": mx.load_l1_l0b_mx,
    }
    return units[name.partition(".")[0]]

"""DMA movers: bursts, row-major to fractal columns, bias and fixpipe tables."""

from __future__ import annotations

from collections.abc import Callable

Unit = Callable[[int, int, int], int]


def resolve(name: str) -> Unit:
    """The plain function of mover ``name`` (a mnemonic), to be compiled by ``compile_unit``."""
    from npuemu.units.move import burst, nd2nz

    units: dict[str, Unit] = {
        "mov_gm_l1": burst.mov_gm_l1,
        "mov_gm_ub": burst.mov_gm_ub,
        "mov_ub_gm": burst.mov_ub_gm,
        "mov_ub_l1": burst.mov_ub_l1,
        "mov_l1_ub": burst.mov_l1_ub,
        "mov_l1_bt": burst.mov_l1_bt,
        "mov_l1_fb": burst.mov_l1_fb,
        "nd2nz_gm_l1": nd2nz.nd2nz_gm_l1,
    }
    return units[name]

"""The study of Multi-Scale Dequant: which sections there are, and how much each draws."""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.reproduce import claims
from npuemu.reproduce.attention import AttentionErrors, CacheTraffic
from npuemu.reproduce.bits import Bits
from npuemu.reproduce.cycles import layer_section, sweep_section
from npuemu.reproduce.equal_time import EqualTime
from npuemu.reproduce.gemm import GemmErrors
from npuemu.reproduce.model_errors import ModelErrors
from npuemu.reproduce.rows import Result, Section, Tell, run
from npuemu.reproduce.vectors import Confirmed


@dataclass(frozen=True)
class Plan:
    """How much a study draws. values: drawn activations; awkward: rows of each kind of worst case;
    confirmed: rows of each kind that the vector programs convert; rows, columns: size of C in the
    GEMM errors; lengths: their K; modelled: M of the models; keys: lengths of the
    cache in attention's errors, the last one also of the decoding traffic; cubes: M of the
    equal-time claim.
    """

    values: int
    awkward: int
    confirmed: int
    rows: int
    columns: int
    lengths: tuple[int, ...]
    modelled: tuple[int, ...]
    keys: tuple[int, ...]
    cubes: tuple[int, ...]


FULL = Plan(
    100_000_000, 200_000, 256, 64, 128, (512, 1024, 2048, 4096, 8192),
    (1, 16, 64, 128, 256, 512, 1024),
    (1024, 2048, 4096, 8192, 16384, 32768), (1, 16, 32, 64, 128, 256, 512),
)  # fmt: skip
QUICK = Plan(10_000_000, 8_192, 32, 32, 64, (512, 4096), (16, 256), (1024, 4096), (64, 256))


def sections(plan: Plan, tell: Tell | None = None) -> list[Section]:
    """The sections of the study, in order."""
    return [
        Bits(plan.values, plan.awkward).section(),
        Confirmed(plan.confirmed, tell).section(),
        GemmErrors(plan.rows, plan.columns, plan.lengths, tell).section(),
        AttentionErrors(plan.keys, tell).section(),
        sweep_section(plan is QUICK),
        layer_section(plan is QUICK),
        EqualTime(plan.cubes).section(),
        CacheTraffic(plan.keys[-1]).section(),
        ModelErrors(plan.modelled).section(),
    ]


def study(quick: bool, tell: Tell | None = None) -> Result:
    """Run the whole study; minutes, or with ``quick`` less of everything."""
    return run("msd", claims.SOURCE, quick, sections(QUICK if quick else FULL, tell), tell)

"""gemm_w8a8 and gemm_w8a8_grouped: the vector cores quantise A phase by phase, the Cube multiplies
tiles of codes, the vector cores scale the sums; see `docs/models.md`.
"""

from __future__ import annotations

from npuemu.models.parts import scalar
from npuemu.models.parts.estimate import Estimate
from npuemu.models.parts.plan import Plan
from npuemu.models.w8a8.launch import Launch
from npuemu.models.w8a8.tiles import Tile, by_group, core_rows, tiles


def estimate(plan: Plan) -> Estimate:
    """Bytes from the tiles, cycles from a launch in pieces; terms: those of block 0."""
    found = tiles(plan)
    rows = max((tile.end for tile in found), default=0)
    moved = _traffic(plan, found, rows)
    if not found:
        return Estimate(scalar.W8A8, moved, {"S": scalar.W8A8})
    launch = Launch(plan, found, rows)
    launch.run()
    terms = launch.work() | plan.costs.memories(moved, _fresh(plan, found, rows))
    return Estimate(round(launch.end), moved, terms)


def _traffic(plan: Plan, found: list[Tile], rows: int) -> dict[str, tuple[int, int]]:
    """A once; codes and W of every tile, the scales of what a vector core has of it."""
    k, out = plan["K"], sum(t.rows * t.cols for t in found)
    moved = {
        "A": (2 * rows * k * (2 if plan["Q_PIECES"] > 1 else 1), 0),
        "W": (sum(t.cols for t in found) * k, 0),
        "w_scale": (4 * sum(t.cols * len(core_rows(plan, t)) for t in found), 0),
        "C": (0, 2 * out),
        "Q": (sum(t.rows for t in found) * k, rows * k),
        "S": (32 * sum(t.rows for t in found), 32 * rows),
    }
    if not plan["w8_on_chip"]:
        moved["P"] = (4 * out, 4 * out)
    if by_group(plan):
        # The cube core once, each vector core twice: to count the rows, and tile by tile.
        moved["group_sizes"] = (4 * plan["G"] * 5 * plan.blocks, 0)
    return moved


def _fresh(plan: Plan, found: list[Tile], rows: int) -> int:
    """Bytes of lines that are touched first: the ring's in its first lap."""
    k, out = plan["K"], sum(t.rows * t.cols for t in found)
    ring = 0 if plan["w8_on_chip"] else plan["w8_ring"] * plan["w8_slot"] * plan.blocks
    weights = sum({t.weight: t.cols for t in found}.values())
    return (3 * k + 32) * rows + weights * k + 2 * out + min(4 * out, ring)

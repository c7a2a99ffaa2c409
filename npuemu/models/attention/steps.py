"""How an attention kernel cuts its work: items (row tiles of a head), steps (KV tiles of an item),
and the bytes of GM that they move; see `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from npuemu.models.parts.estimate import align_up, cdiv, parts
from npuemu.models.parts.plan import Plan


@dataclass(frozen=True)
class Step:
    """One KV tile of an item.

    rows: of the row tile; keys: valid ones of the KV tile; row ``r`` of the tile sees those below
    ``(row0 + r) // G + offset``. new: share of the tile's bytes that nobody touched before; empty:
    the item sees no key at all.
    """

    rows: int
    keys: int
    row0: int
    offset: int
    first: bool
    last: bool
    new: float = 1.0
    empty: bool = False

    def seen(self, row: int, queries: int) -> int:
        """Keys that a row sees; ``queries``: G, the rows of one query."""
        return max(0, min(self.keys, (self.row0 + row) // queries + self.offset))

    def half(self, core: int) -> tuple[int, int]:
        """First row of a vector core, and how many it has."""
        first = cdiv(self.rows, 2)
        return (0, first) if core == 0 else (first, self.rows - first)

    def core_keys(self, core: int, queries: int) -> int:
        """Keys that a vector core's last row sees."""
        row0, rows = self.half(core)
        return self.seen(row0 + rows - 1, queries)


def lengths(plan: Plan) -> tuple[int, ...]:
    """Valid keys of every head."""
    return plan.inputs.get("kv_len") or (plan["KV"],) * plan["H"]


def item_steps(plan: Plan, item: int) -> Iterator[Step]:
    """The steps of an item; one ``empty`` step if it sees no key."""
    tm, tk, queries = plan["TM"], plan["TK"], plan["G"]
    keys, row0 = lengths(plan)[item // plan["ROW_TILES"]], item % plan["ROW_TILES"] * tm
    rows = min(tm, plan["R"] - row0)
    sight = keys
    if plan["CAUSAL"]:
        sight = max(0, (row0 + rows - 1) // queries + keys - plan["NQ"] + 1)
    tiles = cdiv(sight, tk)
    if tiles == 0:
        yield Step(rows, 0, 0, 0, True, True, empty=True)
    for tile in range(tiles):
        here = min(tk, keys - tile * tk)
        offset = keys - plan["NQ"] + 1 - tile * tk
        whole = not plan["CAUSAL"] or row0 // queries + offset >= here
        yield Step(
            rows,
            here,
            0 if whole else row0,
            here if whole else offset,
            tile == 0,
            tile == tiles - 1,
        )


def block_items(plan: Plan, block: int) -> Iterator[int]:
    """Items of a block: dealt out to and fro."""
    for start in range(0, plan["ITEMS"], 2 * plan.blocks):
        yield from (i for i in (start + block, start + 2 * plan.blocks - 1 - block)
                    if i < plan["ITEMS"])  # fmt: skip


def all_steps(plan: Plan) -> list[list[Step]]:
    """Steps by item, with the share of each load that finds new lines: the items that visit a KV
    tile of a head first, at the same time on several blocks, divide it.
    """
    found = [list(item_steps(plan, item)) for item in range(plan["ITEMS"])]
    visits: dict[tuple[int, int], list[int]] = {}
    for item, steps in enumerate(found):
        for tile in range(len(steps)):
            visits.setdefault((item // plan["ROW_TILES"], tile), []).append(item // plan.blocks)
    for item, steps in enumerate(found):
        for tile, step in enumerate(steps):
            rounds = visits[item // plan["ROW_TILES"], tile]
            share = 1 / rounds.count(rounds[0]) if item // plan.blocks == rounds[0] else 0.0
            steps[tile] = replace(step, new=share)
    return found


# --- traffic


def _cache(plan: Plan, step: Step, value: bool) -> int:
    """Rows of K (of V, filled to whole columns of 32 bytes) that are loaded of a tile."""
    return align_up(step.keys, plan["COLUMN"]) if value else step.keys


def lift_blocks(plan: Plan, keys: int, core: int, padded: bool) -> list[int]:
    """Rows of the blocks that a vector core lifts of a tile of ``keys``."""
    rows, first = align_up(keys, 16) if padded else keys, cdiv(keys, 32) * 16
    mine = min(rows, first) if core == 0 else max(0, rows - first)
    return list(parts(mine, plan["LIFT_ROWS"]))


Moved = dict[str, list[int]]


def _rings(plan: Plan, step: Step, moved: Moved) -> None:
    """What cube and vector cores exchange over GM."""
    queries, parts_, d = plan["G"], plan["PASSES"], plan["D"]
    seen = [rows * step.core_keys(c, queries) for c in (0, 1) for rows in (step.half(c)[1],)]
    moved["S_ring"][0] += 4 * parts_ * sum(seen)
    moved["S_ring"][1] += 4 * parts_ * step.rows * step.seen(step.rows - 1, queries)
    weights = parts_ * step.rows * cdiv(step.keys, plan["COLUMN"]) * 32
    values = parts_ * step.rows * d * 4
    for name, size in (("P_ring", weights), ("PV_ring", values)):
        moved[name][0] += size
        moved[name][1] += size


def _lifted(plan: Plan, step: Step, moved: Moved) -> None:
    """An int8 tile that the vector cores bring to bf16."""
    d = plan["D"]
    for name, value in (("K8", False), ("V8", True)):
        blocks = [lift_blocks(plan, step.keys, core, value) for core in (0, 1)]
        size = sum(map(sum, blocks)) * d
        moved[name][0] += size
        if plan["LIFT_SCALED"]:
            moved["k_scale" if not value else "v_scale"][0] += 4 * d * sum(map(len, blocks))
        if not plan["PAIRED"]:
            made = moved["lifted_v" if value else "lifted_k"]
            made[0] += 2 * size
            made[1] += 2 * size


def _queries(plan: Plan, step: Step, moved: Moved) -> None:
    """Queries of an item, and their scales."""
    size = step.rows * plan["D"] * 2
    moved["Q"][0] += size
    if not plan["Q_LIFTED"]:
        return
    halves = [rows for _, rows in (step.half(0), step.half(1)) if rows]
    blocks = len(halves) if plan["SPLIT"] else sum(cdiv(r, plan["LIFT_ROWS"]) for r in halves)
    moved["k_scale"][0] += 4 * plan["D"] * blocks
    moved["v_scale"][0] += 4 * plan["D"] * len(halves)
    if not plan["PAIRED"]:
        moved["lifted_q"][0] += size
        moved["lifted_q"][1] += size


def _lengths(plan: Plan, step: Step) -> int:
    """Bytes of kv_len that the three cores' scalar units read for a step."""
    walk = 12 * step.first
    if step.empty or not plan["CAUSAL"]:
        return walk
    waiting = 2 if plan["PAIRED"] else 4
    return walk + 4 * (1 + waiting + sum(step.half(c)[1] > 0 for c in (0, 1)))


def step_traffic(plan: Plan, step: Step) -> dict[str, tuple[int, int]]:
    """Bytes (read, written) of a step by tensor."""
    moved: Moved = {tensor.name: [0, 0] for tensor in plan.program.tensors}
    moved["kv_len"][0] += _lengths(plan, step)
    moved["O"][1] += step.rows * plan["D"] * 2 * step.last
    if not step.empty:
        if step.first:
            _queries(plan, step, moved)
        if plan["LIFTED"]:
            _lifted(plan, step, moved)
        else:
            times = 2 if plan["SPLIT"] and not plan["RESIDENT"] else 1
            names = ("K8", "V8") if plan["SPLIT"] else ("K", "V")
            for name, value in zip(names, (False, True), strict=True):
                rows = _cache(plan, step, value)
                moved[name][0] += times * rows * plan["D"] * plan["ELEMENT"]
        if not plan["PAIRED"]:
            _rings(plan, step, moved)
    return {name: (read, written) for name, (read, written) in moved.items()}

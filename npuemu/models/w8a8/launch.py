"""A launch of gemm_w8a8 in pieces, in order of time: pipes hand pieces on, cores take turns at L2
and at the memory; see `docs/models.md`.
"""

from __future__ import annotations

from npuemu.models.parts import scalar
from npuemu.models.parts.estimate import align_up, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.quantize.int8 import pieces, times
from npuemu.models.sharing.timeline import Process, Shared, Timeline
from npuemu.models.w8a8.pieces import Work, work
from npuemu.models.w8a8.tiles import Tile, by_group


class Launch:
    """Each block's cube core, panel by panel, and its vector cores' tiles; the quantisers of all
    vector cores at once, unit by unit. loading: cycles of MTE2 on block 0's cube core.

    Events, with the block they belong to: ``panel`` and ``used`` n: in L1, and no longer needed
    there; ``made``, ``fixed``, ``read`` t, h: half h of tile t is multiplied, out of L0C, and its
    slot free; ``scaled`` t. Of all blocks: ``loaded`` and ``widened`` n: piece n of every core is
    in UB, and no longer needed there; ``coded`` and ``stored`` n: so are codes of unit n, and they
    are in GM; ``phase`` n.
    """

    def __init__(self, plan: Plan, tiles: list[Tile], rows: int) -> None:
        self.plan, self.tiles, self.rows = plan, tiles, rows
        self.shared = Shared(plan.costs)
        self.timeline = Timeline()
        self.touched: set[tuple[int, int]] = set()
        height = min(plan["Q_R"], rows)
        self.unit = times(plan, height)
        self.steps = cdiv(rows, self.step_rows)
        self.end = self.loading = 0.0
        self._known: dict[tuple[int, int], Work] = {}

    def run(self) -> None:
        """All of it; then `end` is the launch's last cycle."""
        processes: list[Process] = []
        for block in range(min(self.plan.blocks, len(self.tiles))):
            mine = self.tiles[block :: self.plan.blocks]
            processes += [self._load(block, mine), self._multiply(block, mine)]
            processes += [self._fix(block, mine), self._scale(block, mine)]
        self.timeline.run([*processes, self._read_units(), self._code(), self._store_units()])

    def of(self, tile: Tile) -> Work:
        """What a tile's pieces take."""
        size = tile.rows, tile.cols
        if size not in self._known:
            self._known[size] = work(self.plan, *size)
        return self._known[size]

    def work(self) -> dict[str, int]:
        """Cycles that each pipe of block 0 needs for its tiles and units."""
        tiles = self.tiles[:: self.plan.blocks]
        panels = [panel for tile in tiles for panel in self.of(tile).panels]
        scaled = sum(half.scale for tile in tiles for half in self.of(tile).halves)
        return {
            "MTE2": round(self.loading),
            "MTE1": sum(panel.moved for panel in panels),
            "M": sum(panel.made for panel in panels),
            "V": self.steps * self.unit.cycles + scaled,
        }

    # --- a cube core

    def _load(self, block: int, tiles: list[Tile]) -> Process:
        """MTE2: panels into two buffers. Who asks first for a panel of W has it from the memory,
        all others from L2; codes come when their phase is in GM.
        """
        head = self.plan.costs.gm("nd2nz_gm_l1").head
        now: float = scalar.W8A8
        number = 0
        for tile in tiles:
            phase = "phase", cdiv(tile.end, self.plan["w8_phase"]) - 1
            for index, panel in enumerate(self.of(tile).panels):
                idle = number == 0
                if number > 1:
                    yield "used", block, number - 2
                    used = self.timeline.events["used", block, number - 2]
                    now, idle = max(now, used), used > now
                yield now
                key = tile.weight, index
                own, fresh = (panel.weight, 0) if key in self.touched else (panel.new, panel.lines)
                self.touched.add(key)
                lost = self.shared.lost(now, own, panel.weight_bytes, fresh)
                now += head * idle + own + lost
                self.loading += (own + panel.codes) * (block == 0)
                yield phase
                idle = self.timeline.events[phase] > now
                now = max(now, self.timeline.events[phase])
                yield now
                lost = self.shared.lost(now, panel.codes, panel.code_bytes)
                there = now + lost + (panel.alone if idle else panel.codes)
                self.timeline.happens(("panel", block, number), there)
                now += head * idle + panel.codes + lost
                number += 1

    def _multiply(self, block: int, tiles: list[Tile]) -> Process:
        """MTE1 and M: panels; a tile's first products wait for their half of L0C."""
        events, mmad = self.timeline.events, self.plan.costs.of("mmad", "s8")
        sets = self.plan["gemm_halves"] // 2
        now = moved = 0.0
        number = 0
        for t, tile in enumerate(tiles):
            piece = self.of(tile)
            for index, panel in enumerate(piece.panels):
                yield "panel", block, number
                loaded = events["panel", block, number]
                now = max(now, loaded + piece.fill)
                if index == 0:
                    for h, half in enumerate(piece.halves):
                        if t >= sets and h < len(self.of(tiles[t - sets]).halves):
                            yield "fixed", block, t - sets, h
                            fixed = events["fixed", block, t - sets, h] + mmad.head
                            now = max(now, fixed)
                        now += half.first
                    now -= sum(half.first for half in piece.halves)
                now += panel.made
                moved = max(max(moved, loaded) + panel.moved, now - piece.ahead)
                self.timeline.happens(("used", block, number), moved)
                number += 1
            behind = sum(half.last for half in piece.halves)
            for h, half in enumerate(piece.halves):
                behind -= half.last
                self.timeline.happens(("made", block, t, h), now - behind + mmad.tail)

    def _fix(self, block: int, tiles: list[Tile]) -> Process:
        """FIX: sums to the vector cores, or to a ring in GM whose first lap is new."""
        events, now, number = self.timeline.events, 0.0, 0
        ring, used = self.plan["w8_ring"], list[tuple[int, int]]()
        for t, tile in enumerate(tiles):
            for h, half in enumerate(self.of(tile).halves):
                yield "made", block, t, h
                now = max(now, events["made", block, t, h])
                if len(used) >= ring:
                    free = "read", block, *used[-ring]
                    yield free
                    now = max(now, events[free])
                used.append((t, h))
                yield now
                if not self.plan["w8_on_chip"]:
                    size = 4 * half.sums
                    now += self.shared.lost(now, half.fix, size, size * (number < ring))
                now += half.fix
                number += 1
                self.timeline.happens(("fixed", block, t, h), now)

    # --- vector cores

    def _scale(self, block: int, tiles: list[Tile]) -> Process:
        """A block's vector cores: sums and scales, V, C; each tile behind the units that are
        quantised before it.
        """
        events, flag = self.timeline.events, self.plan.costs.flag
        store = self.plan.costs.gm("mov_ub_gm")
        on_chip, vector = self.plan["w8_on_chip"], 0.0
        for t, tile in enumerate(tiles):
            step = min(self.steps, cdiv(self._goal(t), self.step_rows)) - 1
            yield "coded", step
            vector = max(vector, events["coded", step])
            for h, half in enumerate(self.of(tile).halves):
                yield "fixed", block, t, h
                now = events["fixed", block, t, h] + flag
                yield now
                done = self.shared.serve(now, 0 if on_chip else 4 * half.sums)
                now = max(now + half.read, done)
                if not on_chip:
                    self.timeline.happens(("read", block, t, h), now + flag)
                vector = max(vector, now) + half.scale
                yield vector
                size = 2 * half.sums
                lost = self.shared.lost(vector, half.store - store.head, size, size)
                now = vector + half.store + lost
                if on_chip:
                    self.timeline.happens(("read", block, t, h), now + flag)
                self.end = max(self.end, now, events["read", block, t, h])
            self.timeline.happens(("scaled", block, t), vector)

    @property
    def step_rows(self) -> int:
        """Rows of a unit of every vector core."""
        return self.plan["Q_R"] * self.plan["Q_CORES"]

    def _rows_of(self, step: int) -> int:
        return min(self.step_rows, self.rows - step * self.step_rows)

    def _read_units(self) -> Process:
        """MTE2: units of A, or the pieces of a row and then all of them again, into two buffers."""
        load, rows = self.plan.costs.gm("mov_gm_ub"), self.plan["Q_R"]
        widths = pieces(self.plan)
        passes = (True, False) if len(widths) > 1 else (True,)
        sequence = [(width, fresh) for fresh in passes for width in widths]
        now: float = scalar.W8A8_VECTOR + self._counting()
        number, idle = 0, True
        for step in range(self.steps):
            for width, fresh in sequence:
                if number > 1:
                    yield "widened", number - 2
                    free = self.timeline.events["widened", number - 2]
                    now, idle = max(now, free), free > now
                own = load.bytes_work(2 * rows * width, 2 * rows * width * fresh)
                yield now
                size = 2 * self._rows_of(step) * width
                moved = own + self.shared.lost(now, own, size, size * fresh)
                alone = max(load.head + moved, load.row.isolated or 0)
                there = now + (alone if idle else moved)
                now += load.head * idle + moved
                self.timeline.happens(("loaded", number), there)
                number, idle = number + 1, False

    def _counting(self) -> int:
        """S: a vector core counts the rows of all groups first."""
        load = self.plan.machine.file.scalar.load_global.value
        return self.plan["G"] * load if by_group(self.plan) else 0

    def _code(self) -> Process:
        """V: units, as far ahead of the tiles as the kernel wants them: maxima, then codes."""
        events, now, tile, number = self.timeline.events, 0.0, 0, 0
        slots, parts = self.plan["Q_SLOTS"], self.plan["Q_PIECES"]
        coding = (self.unit.cycles - self.unit.stores) / parts
        for step in range(self.steps):
            while step * self.step_rows >= self._goal(tile):
                yield "scaled", 0, tile
                now = max(now, events["scaled", 0, tile])
                tile += 1
            for _ in range(parts):
                yield "loaded", number
                now = max(now, events["loaded", number]) + self.unit.stores / parts
                self.timeline.happens(("widened", number), now)
                number += 1
            if step >= slots:
                yield "stored", step - slots
                now = max(now, events["stored", step - slots])
            for _ in range(parts):
                if parts > 1:
                    yield "loaded", number
                    now = max(now, events["loaded", number])
                    self.timeline.happens(("widened", number), now)
                    number += 1
                now += coding
            self.timeline.happens(("coded", step), now)

    def _goal(self, index: int) -> int:
        """Rows that are quantised before block 0 scales its tile: those that the tile and its
        neighbours need, and those of two more rounds.
        """
        number, plan = index * self.plan.blocks, self.plan
        if number >= len(self.tiles):
            return self.rows
        tile, across, height = self.tiles[number], plan["gemm_n_tiles"], plan["gemm_tile_m"]
        if by_group(plan):
            end, done = tile.end, tile.weight % plan["N"] // plan["gemm_tile_n"]
        else:
            band = plan["BAND"]
            end, done = (number // (band * across) + 1) * band * height, number % (band * across)
        return align_up(end, plan["w8_phase"]) + (done + 2 * plan.blocks) * height // across

    def _store_units(self) -> Process:
        """MTE3: codes and scales; at the end of a phase a flag of all vector cores, then one to
        the cube cores.
        """
        plan, flag = self.plan, self.plan.costs.flag
        store, height = plan.costs.gm("mov_ub_gm"), plan["w8_phase"]
        now, phases = 0.0, 0
        for step in range(self.steps):
            yield "coded", step
            coded, rows = self.timeline.events["coded", step], self._rows_of(step)
            now, head = max(now, coded), store.head * (coded > now)
            for width in (plan["K"], 32):
                yield now
                own, size = store.bytes_work(plan["Q_R"] * width), rows * width
                now += head + own + self.shared.lost(now, own, size, size)
                head = 0
            done = step * self.step_rows + rows
            while done >= min(self.rows, (phases + 1) * height) and phases * height < self.rows:
                now += flag if plan.blocks > 1 else 0
                self.timeline.happens(("phase", phases), now + flag)
                phases += 1
            self.timeline.happens(("stored", step), now)

"""Recordings made by hand: small machines that dispatch in order, for tests of what shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from npuemu.isa.table import MEM, PIPES
from npuemu.observe import recording as rec
from npuemu.observe.recording import EVENT, LIVE, Instruction, Named, Recording

QUEUE, LATENCY = 32, 500
Span = tuple[str, int, int]
"""Memory, first address, bytes."""

TEXT = """; a tiled product </script><script>document.title = 'broken'</script>
.kernel sample
.machines ascend910b1
.buffer a_panel L1 65536
.buffer w_panel L1 65536
.section cube
    mov_gm_l1 r1, r2, len=16384         ; A & <b>its</b> panel
    mov_gm_l1 r3, r4, len=16384         ; W
    load_l1_l0a.b16 r5, r1, 8, 8, 1
    load_l1_l0b.b16 r6, r3, 8, 8, 1
    mmad.bf16 r7, r5, r6, 128, 128, 128, init=zero
    fix_l0c_gm.f32_bf16 r8, r7, 128, 128
    set_flag MTE2, MTE1, r9
    wait_flag MTE2, MTE1, r9
    set_flag MTE1, M, r9
    wait_flag MTE1, M, r9
    set_flag M, MTE1, r9
    wait_flag M, MTE1, r9
    set_flag MTE1, MTE2, r9
    wait_flag MTE1, MTE2, r9
    set_flag M, FIX, 0
    wait_flag M, FIX, 0
    cross_core_set_flag cv, FIX, 1
    pipe_barrier ALL
    halt
.section vector
    cross_core_wait_flag MTE2, 1
    mov_gm_ub r1, r2, len=8192
    set_flag MTE2, V, 0
    wait_flag MTE2, V, 0
    vadds.f32 r3, r1, r4, rep=32
    pipe_barrier V
    vexp.f32 r3, r3, rep=32
    set_flag V, MTE3, 0
    wait_flag V, MTE3, 0
    mov_ub_gm r2, r3, len=8192
    halt
"""
LINES = tuple(TEXT.splitlines())


@dataclass
class _Pipe:
    free: int = 0
    end: int = 0
    ready: int = 0
    last: int = -1
    pops: list[int] = field(default_factory=list)


@dataclass
class _Write:
    row: int
    end: int
    bytes: int
    reader: int = -1
    stop: int = -1


@dataclass
class Maker:
    """Dispatches instructions in program order, core by core, and notes what a recording holds."""

    events: list[tuple[int, ...]] = field(default_factory=list)
    values: list[tuple[int, ...]] = field(default_factory=list)
    live: list[tuple[int, ...]] = field(default_factory=list)
    code: dict[int, Instruction] = field(default_factory=dict)
    flags: dict[int, tuple[int, int]] = field(default_factory=dict)
    shared: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    core: int = 0
    clock: int = 0
    pipes: dict[str, _Pipe] = field(default_factory=dict)
    held: dict[tuple[int, int, int], _Write] = field(default_factory=dict)
    noise: np.random.Generator | None = None

    def begin(self, core: int) -> None:
        """The instructions that follow are those of a core."""
        self.core, self.clock = core, 0
        self.pipes = {name: _Pipe() for name in PIPES}
        self.flags = {}

    def _row(self, line: int, operands: tuple[tuple[str, int], ...]) -> int:
        if line not in self.code:
            text = LINES[line - 1].split(";")[0].strip()
            section = "cube" if line < 26 else "vector"
            registers = tuple(i for i, (_, value) in enumerate(operands) if value < 0)
            place = f"sample.npu:{line}:5"
            self.code[line] = Instruction(
                text.split()[0], section, place, text, operands, registers
            )
        return line

    def _dispatch(self, pipe: _Pipe, row: int) -> int:
        self.clock += 2
        if len(pipe.pops) >= QUEUE and pipe.pops[-QUEUE] > self.clock:
            until = pipe.pops[-QUEUE]
            times = (self.clock, self.clock, until, until)
            self._event("S", rec.FULL, row, times, link=pipe.last)
            self.clock = until
        return self.clock

    def _event(
        self, pipe: str, kind: int, row: int, times: tuple[int, int, int, int], *,
        link: int = -1, detail: int = 0, lost: int = 0, head: int = 0, values: tuple[int, ...] = (),
    ) -> int:  # fmt: skip
        self.events.append(
            (self.core, PIPES.index(pipe), kind, row, *times, link, detail, 0, lost, head)
        )
        self.values.append(values)
        return len(self.events) - 1

    def data(
        self, pipe: str, line: int, operands: tuple[tuple[str, int], ...], values: tuple[int, ...],
        cycles: int, *, head: int = 0, tail: int = 0, lost: int = 0, moved: int = 0,
        writes: tuple[Span, ...] = (), reads: tuple[Span, ...] = (),
    ) -> None:  # fmt: skip
        """A data instruction; operands below zero come from ``values``."""
        row, state = self._row(line, operands), self.pipes[pipe]
        cycles += int(self.noise.integers(0, 40)) if self.noise is not None else 0
        dispatch = self._dispatch(state, row)
        start = max(dispatch, state.free, state.ready)
        paid = head if start > state.free or state.end <= start else 0
        free = start + paid + cycles + lost
        state.free, state.end = free, max(state.end, free + tail)
        state.pops.append(start)
        state.last = self._event(
            pipe, rec.DATA, row, (dispatch, start, free, free + tail), detail=moved, lost=lost,
            head=paid, values=values,
        )  # fmt: skip
        for memory, low, size in reads:
            held = self.held.get((self.core * 16 + MEM[memory], low, size))
            if held is not None:
                held.reader, held.stop = row, max(held.stop, free + tail)
        for memory, low, size in writes:
            key = (self.core * 16 + MEM[memory], low, size)
            self._let_go(key)
            self.held[key] = _Write(row, free + tail, size)

    def _let_go(self, key: tuple[int, int, int]) -> None:
        held = self.held.pop(key, None)
        if held is not None and held.reader >= 0:
            slot, low, size = key
            span = (low, low + size, held.bytes, held.end, held.stop)
            self.live.append((slot, held.row, held.reader, *span))

    def set(self, line: int, source: str, target: str, event: int) -> None:
        """A flag is raised when its pipe has completed."""
        detail = PIPES.index(source) << 6 | PIPES.index(target) << 3 | event
        self.flags[detail] = self._raise(rec.SET, line, source, detail)

    def _raise(self, kind: int, line: int, pipe: str, detail: int) -> tuple[int, int]:
        state, row = self.pipes[pipe], self._row(line, ())
        dispatch = self._dispatch(state, row)
        time = max(dispatch, state.end, state.ready)
        state.pops.append(max(dispatch, state.ready))
        return time, self._event(pipe, kind, row, (dispatch, time, time, time), detail=detail)

    def wait(self, line: int, source: str, target: str, event: int) -> None:
        """A pipe waits for a flag."""
        detail = PIPES.index(source) << 6 | PIPES.index(target) << 3 | event
        raised, link = self.flags.pop(detail)
        self._stall(target, rec.WAIT, line, raised, link, detail)

    def _stall(self, pipe: str, kind: int, line: int, until: int, link: int, detail: int) -> None:
        state, row = self.pipes[pipe], self._row(line, ())
        dispatch = self._dispatch(state, row)
        start = max(dispatch, state.end, state.ready)
        end = max(start, until)
        state.ready = max(dispatch, state.ready, until)
        state.pops.append(state.ready)
        times = (dispatch, start, state.ready, end)
        self._event(pipe, kind, row, times, link=link, detail=detail)

    def barrier(self, line: int, pipe: str) -> None:
        """A pipe waits for itself."""
        state = self.pipes[pipe]
        self._stall(pipe, rec.BARRIER, line, state.end, state.last, 0)

    def cross_set(self, line: int, pipe: str, flag: int, targets: tuple[int, ...]) -> None:
        """Other cores see it ``LATENCY`` cycles later."""
        time, at = self._raise(rec.CROSS_SET, line, pipe, 1 << 8 | flag)
        for target in targets:
            self.shared.setdefault((target, flag), (time + LATENCY, at))

    def cross_wait(self, line: int, pipe: str, flag: int) -> None:
        """A pipe waits for another core."""
        until, link = self.shared[self.core, flag]
        self._stall(pipe, rec.CROSS_WAIT, line, until, link, -1 << 8 | flag)

    def end(self, line: int) -> None:
        """The core halts when everything has completed."""
        last = max(state.end for state in self.pipes.values())
        self.clock = max(self.clock, last) + 1
        self._event("S", rec.HALT, self._row(line, ()), (self.clock,) * 4)
        for key in list(self.held):
            self._let_go(key)

    def recording(
        self, cores: int, tensors: tuple[Named, ...], buffers: tuple[Named, ...]
    ) -> Recording:
        """All of it; the events of a pipe are in program order."""
        table = np.array(self.events, EVENT)
        rows = sorted(self.code)
        index = np.zeros(rows[-1] + 1, np.int32)
        index[rows] = np.arange(len(rows))
        live = np.array(self.live, LIVE)
        for array, columns in ((table, ("row",)), (live, ("writer", "reader"))):
            for column in columns:
                array[column] = index[array[column]]
        values = np.array([value for row in self.values for value in row], np.int64)
        cycles = int(table["end"].max())
        capacity = {"L1": 524288, "L0A": 65536, "L0B": 65536, "L0C": 131072, "UB": 196608}
        return Recording(
            "sample", "ascend910b1", 1850.0, cycles, cores, (0, cycles),
            tuple(self.code[row] for row in rows), table, values, live, capacity, buffers, tensors,
            latency=LATENCY, sources={"sample.npu": LINES},
        )  # fmt: skip


TENSORS = (
    Named("A", "GM", 4096, 1 << 24, "bf16", (4096, 2048)),
    Named("W", "GM", 1 << 25, 1 << 24, "bf16", (4096, 2048)),
    Named("C", "GM", 1 << 26, 1 << 25, "f32", (4096, 2048)),
)
BUFFERS = (
    Named("a_panel", "L1", 0, 65536),
    Named("w_panel", "L1", 65536, 65536),
    Named("acc", "L0C", 0, 65536),
)
_BLOCK = 16384
"""Bytes of a 64 x 128 step of a panel."""


def _step(maker: Maker, number: int, fresh: bool, panel: int) -> None:
    """One panel is loaded, moved and multiplied; ``number`` counts the steps of the core."""
    slot, a, w = number % 2, number % 2 * _BLOCK, 65536 + number % 2 * _BLOCK
    moved, lost = 2 * _BLOCK, 40 if number % 7 == 3 else 0
    if number > 1:
        maker.wait(20, "MTE1", "MTE2", slot)
    for line, to, tensor, span in ((7, a, 4096, a), (8, w, 1 << 25, w)):
        operands = (("dst", -1), ("src", -1), ("n_burst", 1), ("len", _BLOCK))
        source = tensor + (panel * 8 + number) * _BLOCK % (1 << 23)
        maker.data("MTE2", line, operands, (to, source), 145, head=200, tail=9, lost=lost,
                   moved=moved // 2, writes=(("L1", span, _BLOCK),))  # fmt: skip
    maker.set(13, "MTE2", "MTE1", slot)
    maker.wait(14, "MTE2", "MTE1", slot)
    if number > 1:
        maker.wait(18, "M", "MTE1", slot)
    for line, memory, source in ((9, "L0A", a), (10, "L0B", w)):
        operands = (("dst", -1), ("src", -1), ("rows", 8), ("columns", 8), ("stride", 1))
        maker.data("MTE1", line, operands, (slot * _BLOCK, source), 66 + 64 * (line == 10), head=14,
                   tail=14, writes=((memory, slot * _BLOCK, _BLOCK),),
                   reads=(("L1", source, _BLOCK),))  # fmt: skip
    maker.set(19, "MTE1", "MTE2", slot)
    maker.set(15, "MTE1", "M", slot)
    maker.wait(16, "MTE1", "M", slot)
    operands = (
        ("dst", -1),
        ("a", -1),
        ("b", -1),
        ("m", 128),
        ("k", 64),
        ("n", 128),
        ("init", int(fresh)),
    )
    held = (("L0A", slot * _BLOCK, _BLOCK), ("L0B", slot * _BLOCK, _BLOCK))
    sums = ("L0C", 0, 65536)
    maker.data("M", 11, operands, (0, slot * _BLOCK, slot * _BLOCK), 258, head=11, tail=11,
               writes=(sums,), reads=held if fresh else (*held, sums))  # fmt: skip
    maker.set(17, "M", "MTE1", slot)


def _cube(maker: Maker, group: int, tiles: int, steps: int) -> None:
    maker.begin(3 * group)
    for tile in range(tiles):
        for k in range(steps):
            _step(maker, tile * steps + k, k == 0, group * tiles + tile)
        maker.set(21, "M", "FIX", 0)
        maker.wait(22, "M", "FIX", 0)
        operands = (("dst", -1), ("src", -1), ("m", 128), ("n", 128))
        place = (1 << 26) + (group * tiles + tile) * 65536
        maker.data("FIX", 12, operands, (place, 0), 900, head=20, tail=6, moved=65536,
                   reads=(("L0C", 0, 65536),))  # fmt: skip
        maker.barrier(24, "FIX")
    maker.cross_set(23, "FIX", 1, (3 * group + 1, 3 * group + 2))
    maker.end(25)


def _vector(maker: Maker, core: int, tiles: int) -> None:
    maker.begin(core)
    maker.cross_wait(27, "MTE2", 1)
    for tile in range(tiles):
        low = tile % 2 * 8192
        place = (1 << 26) + (core // 3 * tiles + tile) * 65536 + (core % 3 - 1) * 32768
        load = (("dst", -1), ("src", -1), ("n_burst", 1), ("len", 8192))
        maker.data("MTE2", 28, load, (low, place), 80, head=200, tail=4, moved=8192,
                   writes=(("UB", low, 8192),))  # fmt: skip
        maker.set(29, "MTE2", "V", 0)
        maker.wait(30, "MTE2", "V", 0)
        out = ("UB", 65536 + low, 8192)
        add = (("dst", -1), ("src", -1), ("scalar", -1))
        maker.data("V", 31, add, (out[1], low, 3), 64, head=11, tail=11, writes=(out,),
                   reads=(("UB", low, 8192),))  # fmt: skip
        maker.barrier(32, "V")
        maker.data("V", 33, (("dst", -1), ("src", -1)), (out[1], out[1]), 64, head=11, tail=11,
                   writes=(out,), reads=(out,))  # fmt: skip
        maker.set(34, "V", "MTE3", 0)
        maker.wait(35, "V", "MTE3", 0)
        maker.data("MTE3", 36, load, (place, out[1]), 90, head=90, tail=2, moved=8192, reads=(out,))
    maker.end(37)


def product(groups: int = 2, tiles: int = 3, steps: int = 8, noise: int = 0) -> Recording:
    """A tiled product on ``groups`` core groups: cube cores multiply, then vector cores go over the
    result; every step is about 15 events of a cube core. ``noise``: seed of times that vary.
    """
    maker = Maker(noise=np.random.default_rng(noise) if noise else None)
    for group in range(groups):
        _cube(maker, group, tiles, steps)
        for core in (3 * group + 1, 3 * group + 2):
            _vector(maker, core, tiles)
    return maker.recording(3 * groups, TENSORS, BUFFERS)

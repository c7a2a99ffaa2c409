"""A small recording written down event by event, with everything a trace can show in it."""

from __future__ import annotations

import numpy as np

from npuemu.isa.table import MEM, PIPES
from npuemu.observe.recording import (
    BARRIER,
    CROSS_SET,
    CROSS_WAIT,
    DATA,
    EVENT,
    FULL,
    HALT,
    LIVE,
    SET,
    WAIT,
    Instruction,
    Recording,
)

CUBE, VECTOR, FAR_CUBE = 0, 1, 3
MOVE = (("dst", 1), ("src", 2), ("n_burst", 1), ("len", 256))
MMAD = (
    ("type", 1),
    ("dst", 1),
    ("src0", 1),
    ("src1", 3),
    ("m", 16),
)
(MOV, SETS, WAITS, ADD, CROSS, CROSSED, ALL, END, MAC) = range(9)
CODE = (
    Instruction("mov_gm_ub", "vector", "k.npu:1:5", "mov_gm_ub r1, r2, len=256", MOVE, (0, 1)),
    Instruction("set_flag", "vector", "k.npu:2:5", "set_flag ...", (), ()),
    Instruction("wait_flag", "vector", "k.npu:3:5", "wait_flag ...", (), ()),
    Instruction("vadd", "vector", "k.npu:4:5", "vadd.f32 r1, r1, r1", (("dst", 1),), (0,)),
    Instruction("cross_core_set_flag", "vector", "k.npu:5:5", "cross_core_set_flag ...", (), ()),
    Instruction("cross_core_wait_flag", "cube", "k.npu:6:5", "cross_core_wait_flag ...", (), ()),
    Instruction("pipe_barrier", "vector", "k.npu:7:5", "pipe_barrier ALL", (), ()),
    Instruction("halt", "vector", "k.npu:8:5", "halt", (), ()),
    Instruction("mmad", "cube", "k.npu:9:5", "mmad.bf16 r1, r1, r3, 16", MMAD, (1, 2, 3)),
)
VALUES = {0: (4096, 1 << 40), 2: (8192, 4160), 4: (-1,), 10: (64, 128, 192), 18: (0, 4224)}
"""Register operands by number of the event."""


def _flag(source: str, target: str, event: int) -> int:
    return PIPES.index(source) << 6 | PIPES.index(target) << 3 | event


def _cross(mode: int, flag: int) -> int:
    return mode << 8 | flag


ROWS = (
    # core, pipe, kind, row, dispatch, start, free, end, link, detail, bank, bandwidth, head
    (VECTOR, "MTE2", DATA, MOV, 4, 4, 100, 110, -1, 256, 0, 7, 50),
    (VECTOR, "MTE2", SET, SETS, 5, 110, 110, 110, -1, _flag("MTE2", "V", 0)),
    (VECTOR, "MTE2", DATA, MOV, 6, 100, 150, 160, -1, 256),
    (VECTOR, "V", WAIT, WAITS, 7, 7, 110, 110, 1, _flag("MTE2", "V", 0)),
    (VECTOR, "V", DATA, ADD, 8, 110, 130, 140, -1, 0, 5),
    (VECTOR, "V", SET, SETS, 9, 140, 140, 140, -1, _flag("V", "MTE3", 1)),
    (VECTOR, "V", SET, SETS, 10, 140, 140, 140, -1, _flag("V", "S", 2)),
    (VECTOR, "MTE3", WAIT, WAITS, 11, 11, 140, 140, 5, _flag("V", "MTE3", 1)),
    (VECTOR, "MTE3", CROSS_SET, CROSS, 12, 140, 140, 140, -1, _cross(2, 3)),
    (CUBE, "M", CROSS_WAIT, CROSSED, 5, 5, 640, 640, 8, _cross(-1, 3)),
    (CUBE, "M", DATA, MAC, 6, 640, 700, 710, -1, 0),
    (FAR_CUBE, "M", CROSS_WAIT, CROSSED, 7, 7, 640, 640, 8, _cross(-1, 3)),
    (VECTOR, "S", WAIT, WAITS, 13, 13, 140, 140, 6, _flag("V", "S", 2)),
    (VECTOR, "S", SET, SETS, 150, 150, 150, 150, -1, _flag("S", "MTE2", 4)),
    (VECTOR, "MTE2", WAIT, WAITS, 14, 160, 160, 160, 13, _flag("S", "MTE2", 4)),
    (VECTOR, "S", FULL, ADD, 200, 200, 230, 230, 4, PIPES.index("V")),
    (VECTOR, "S", BARRIER, ALL, 240, 240, 300, 300, 2, 0),
    (CUBE, "S", HALT, END, 20, 20, 20, 20, -1, 0),
    (VECTOR, "MTE2", DATA, MOV, 310, 310, 330, 335, -1, 256),
    (VECTOR, "S", HALT, END, 320, 320, 320, 320, -1, 0),
)


def recording() -> Recording:
    """The recording of 1000 cycles on two blocks."""
    events = np.zeros(len(ROWS), EVENT)
    for event, row in zip(events, ROWS, strict=True):
        for name, value in zip(EVENT.names or (), row, strict=False):
            event[name] = PIPES.index(str(value)) if name == "pipe" else value
    live = np.zeros(3, LIVE)
    slot = VECTOR * 16 + MEM["UB"]
    live["slot"] = slot
    live["bytes"], live["start"], live["stop"] = (256, 256, 64), (110, 160, 140), (140, 400, 160)
    values = [value for number in sorted(VALUES) for value in VALUES[number]]
    return Recording(
        "by_hand", "ascend910b1", 1850.0, 1000, 6, (0, 1000), CODE, events,
        np.array(values, np.int64), live, {"UB": 196608}, (), (),
    )  # fmt: skip


SLICES = {
    "block 0 cube": {
        "S": [(0, 20, "scalar code")],
        "M": [(0, 5, "wait: dispatch"),
              (5, 640, "wait: cross-core flag 3 of block 0 vector 0 MTE3"),
              (640, 710, "mmad")],
    },
    "block 0 vector 0": {
        "S": [(0, 13, "scalar code"), (13, 140, "wait: flag V -> S 2"), (140, 200, "scalar code"),
              (200, 230, "wait: queue V full"), (230, 240, "scalar code"),
              (240, 300, "wait: barrier"), (300, 320, "scalar code")],
        "V": [(0, 7, "wait: dispatch"), (7, 110, "wait: flag MTE2 -> V 0"), (110, 140, "vadd"),
              (140, 320, "wait: dispatch")],
        "MTE2": [(0, 4, "wait: dispatch"), (4, 100, "mov_gm_ub"), (100, 160, "mov_gm_ub"),
                 (160, 310, "wait: dispatch"), (310, 335, "mov_gm_ub")],
        "MTE3": [(0, 11, "wait: dispatch"), (11, 140, "wait: flag V -> MTE3 1"),
                 (140, 320, "wait: dispatch")],
    },
    "block 1 cube": {
        "S": [(0, 8, "scalar code")],
        "M": [(0, 7, "wait: dispatch"),
              (7, 640, "wait: cross-core flag 3 of block 0 vector 0 MTE3")],
    },
}  # fmt: skip
"""What the trace has to show, by core and pipe."""

MOMENTS = {
    ("block 0 vector 0", "MTE3"): [(140, "cross_core_set_flag cv 3")],
    ("block 0 vector 0", "S"): [(150, "set_flag S -> MTE2 4")],
    ("block 1 cube", "M"): [(640, "cross_core_wait_flag 3")],
}

ARROWS = [
    # from: core, pipe, start of the item; to: the same
    ("block 0 vector 0", "MTE2", 4, "block 0 vector 0", "V", 110),
    ("block 0 vector 0", "V", 110, "block 0 vector 0", "MTE3", 140),
    ("block 0 vector 0", "V", 110, "block 0 vector 0", "S", 140),
    ("block 0 vector 0", "MTE3", 140, "block 0 cube", "M", 640),
    ("block 0 vector 0", "MTE3", 140, "block 1 cube", "M", 640),
    ("block 0 vector 0", "S", 150, "block 0 vector 0", "MTE2", 310),
]

UB_LIVE = [(110, 256), (140, 64), (160, 256), (400, 0)]

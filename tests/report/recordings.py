"""Recordings made by hand, and a large one made by arithmetic: pipes that feed each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import MEM, PIPES
from npuemu.observe.recording import (
    DATA,
    EVENT,
    HALT,
    LIVE,
    SET,
    WAIT,
    Instruction,
    Named,
    Recording,
)

STAGES = ("MTE2", "MTE1", "M", "FIX")
TAIL = 5
HEAD = 3


def _code() -> tuple[Instruction, ...]:
    """For each stage its wait, its data instruction and its set; then halt."""
    data = (
        ("mov_gm_l1", (("dst", 1), ("src", 2), ("n_burst", 1), ("len", 4096)), (0, 1)),
        ("load_l1_l0a", (("type", 1), ("dst", 3), ("src", 1), ("m_step", 2)), (1, 2)),
        ("mmad", (("type", 0), ("dst", 4), ("src0", 3), ("src1", 5)), (1, 2, 3)),
        ("fix_l0c_gm", (("dst", 6), ("src", 4), ("n", 16)), (0, 1)),
    )
    rows = []
    for number, (name, operands, registers) in enumerate(data):
        line = 3 * number + 10
        for place, said in ((0, "wait_flag"), (1, name), (2, "set_flag")):
            own = (operands, registers) if place == 1 else ((), ())
            text = f"{said} {STAGES[number]}"
            rows.append(Instruction(said, "cube", f"made.npu:{line + place}:5", text, *own))
    rows.append(Instruction("halt", "cube", "made.npu:40:5", "halt", (), ()))
    return tuple(rows)


def _pipe(core: int, stage: int, rows: dict[str, NDArray[np.int64]]) -> NDArray[np.void]:
    """Wait, data and set of every turn of a stage, as events in program order."""
    count = len(rows["start"])
    made = np.zeros((count, 3), EVENT)
    made["core"], made["pipe"] = core, PIPES.index(STAGES[stage])
    made["kind"] = np.array([WAIT, DATA, SET], np.int8)
    made["row"] = np.array([0, 1, 2], np.int32) + 3 * stage
    made["dispatch"] = rows["dispatch"][:, None] + np.array([0, 1, 2])
    made["link"] = -1
    for field in ("start", "free", "end"):
        made[field][:, 0] = rows["waited" if field == "start" else "met"]
        made[field][:, 1] = rows[field]
        made[field][:, 2] = rows["end"]
    before, after = PIPES.index(STAGES[stage - 1]), PIPES.index(STAGES[stage])
    made["detail"][:, 0] = before << 6 | after << 3
    made["detail"][:, 1] = 4096 if stage in (0, 3) else 0
    made["detail"][:, 2] = after << 6 | PIPES.index(STAGES[(stage + 1) % 4]) << 3
    made["head"][:, 1] = rows["head"]
    keep = [bool(stage), True, stage + 1 < len(STAGES)]
    return made[:, keep]


def _stage(
    work: NDArray[np.int64], met: NDArray[np.int64], dispatch: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Times of a stage whose turn i may start at ``met[i]``: the later of that and of when the
    turn before is done.
    """
    before = np.concatenate([[0], np.cumsum(work)[:-1]])
    ready = np.maximum(met, dispatch + 1)
    start = np.maximum.accumulate(ready - before) + before
    free = start + work
    end = free + TAIL
    reached = np.concatenate([[0], end[:-1]])
    since = np.maximum(reached, dispatch)
    return {
        "start": start, "free": free, "end": end, "dispatch": dispatch,
        "met": np.maximum(met, since), "waited": since, "head": np.minimum(HEAD, work),
    }  # fmt: skip


def pipeline(turns: int, cores: int = 1, seed: int = 0) -> Recording:
    """``turns`` turns of four stages on each of ``cores`` cube cores: 10 events a turn and core.

    Every stage waits for the one before it; S dispatches a turn in ten cycles.
    """
    rng = np.random.default_rng(seed)
    parts, first = [], 0
    dispatch = np.arange(turns) * 10 + 2
    end = 0
    for core in range(0, 3 * cores, 3):
        met, links, own = dispatch * 0, None, []
        for stage in range(4):
            work = rng.integers(1, 60, turns) + 400 * (rng.random(turns) < 0.02)
            rows = _stage(work, met, dispatch + 2 * stage)
            events = _pipe(core, stage, rows)
            if links is not None:
                events["link"][:, 0] = links
            links = first + np.arange(turns) * events.shape[1] + events.shape[1] - 1
            met = rows["end"]
            first += events.size
            own.append(events.reshape(-1))
            end = max(end, int(rows["end"][-1]))
        halt = np.zeros(1, EVENT)
        halt["core"], halt["kind"], halt["row"], halt["link"] = core, HALT, 12, -1
        for field in ("dispatch", "start", "free", "end"):
            halt[field] = dispatch[-1] + 20
        first += 1
        parts += [*own, halt]
    events = np.concatenate(parts)
    code = _code()
    registers = np.array([len(i.registers) for i in code])
    count = int(registers[events["row"][events["kind"] == DATA]].sum())
    values = np.arange(count, dtype=np.int64) * 32
    return Recording(
        "made", "ascend910b1", 1850.0, end, 3 * cores, (0, end), code, events, values,
        _live(events, cores), {"L1": 524288}, (Named("a", "L1", 0, 4096),),
        (Named("A", "GM", 4096, 1 << 20, "bf16", (512, 1024)),),
    )  # fmt: skip


def _live(events: NDArray[np.void], cores: int) -> NDArray[np.void]:
    """L1 bytes: from the end of a move to the end of the load of the same turn."""
    found = []
    for core in range(0, 3 * cores, 3):
        own = events[(events["core"] == core) & (events["kind"] == DATA)]
        moved = own[own["pipe"] == PIPES.index("MTE2")]
        loaded = own[own["pipe"] == PIPES.index("MTE1")]
        made = np.zeros(len(moved), LIVE)
        made["slot"], made["bytes"], made["high"] = core * 16 + MEM["L1"], 4096, 4096
        made["writer"], made["reader"] = 1, 4
        made["start"], made["stop"] = moved["end"], loaded["end"]
        found.append(made)
    return np.concatenate(found)

"""Watches memory around a run: bytes beside buffers and tensors that nothing may change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu import runner
from npuemu.asm.program import Program
from npuemu.engine import launch

CANARY = 0xA5
MARGIN = 4096

_memories: list[tuple[NDArray[np.uint8], int, int]] = []


def _aligned(size: int) -> NDArray[np.uint8]:
    """As the engine's own: 0xFF bytes at a 64-byte boundary; canaries before and behind."""
    raw = np.full(size + 2 * MARGIN + 64, CANARY, np.uint8)
    start = MARGIN + (-(raw.ctypes.data + MARGIN) % 64)
    raw[start : start + size] = 0xFF
    _memories.append((raw, start, start + size))
    return raw[start : start + size]


def _local_memories_held() -> bool:
    """Whether all canaries are as they were."""
    assert _memories, "no memory is watched"
    held = all(
        bool((raw[:start] == CANARY).all() and (raw[stop:] == CANARY).all())
        for raw, start, stop in _memories
    )
    _memories.clear()
    return held


def _fixed(program: Program, gm: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Global memory with the tensors that may be written blanked out."""
    copy = gm.copy()
    for tensor in program.tensors:
        if tensor.role != "in":
            copy[tensor.address : tensor.address + tensor.nbytes] = 0
    return copy


def install() -> None:
    """Put canaries around every memory of later runs; an AssertionError tells of a changed one."""
    execute = runner.execute

    def guarded(session: runner.Session, gm: NDArray[np.uint8], *rest: Any) -> Any:
        before = _fixed(session.program, gm)
        result = execute(session, gm, *rest)
        assert np.array_equal(before, _fixed(session.program, gm)), (
            "global memory outside of tensors changed"
        )
        assert _local_memories_held(), "bytes beside a local memory changed"
        return result

    launch.aligned = _aligned
    runner.execute = guarded

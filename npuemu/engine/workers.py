"""Helper threads of a launch: they share the columns of a ``mmad`` and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import load
from npuemu.jit import compile_unit

MAX_THREADS = 16
SCRATCH_EACH = 4 << 20
_compiled: dict[Callable[..., Any], Any] = {}


def _address(function: Callable[..., Any]) -> int:
    """Where a function is, compiled on first use and kept."""
    if function not in _compiled:
        _compiled[function] = compile_unit(function)
    return int(_compiled[function].address)


class Workers:
    """``threads`` - 1 spinning helpers, alive between `start` and `stop`."""

    def __init__(self, threads: int) -> None:
        from npuemu.units.cube import parallel

        self.parallel = parallel
        self.helpers = min(threads, MAX_THREADS) - 1
        self.pool: NDArray[np.int64] = np.zeros((3 + self.helpers, parallel.LINE), np.int64)
        self.scratch = np.zeros((self.helpers + 2) * SCRATCH_EACH, np.uint8)
        self.pool[0, parallel.POOL_HELPERS] = self.helpers
        base = self.scratch.ctypes.data + (-self.scratch.ctypes.data % 64)
        for i in range(self.helpers + 1):
            self.pool[2 + i, parallel.J_SCRATCH] = base + i * SCRATCH_EACH
        self.threads: list[threading.Thread] = []

    def unit(self, kind: str) -> int:
        """Address of the unit that splits a product of an operand type."""
        number = load().enums["ctype"].values[kind]
        part = self.parallel.PARTS[number]
        self.pool[0, self.parallel.POOL_PARTS + number] = _address(part)
        return _address(self.parallel.mmad_split)

    def _job(self, index: int) -> int:
        return int(self.pool[2 + index].ctypes.data)

    def start(self) -> None:
        """Start the helpers."""
        for i in range(1, self.helpers + 1):
            self.pool[2 + i, self.parallel.J_STATE] = self.parallel.IDLE
            thread = threading.Thread(
                target=self.parallel.helper, args=(self._job(i),), daemon=True
            )
            self.threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop and join the helpers."""
        for i in range(1, self.helpers + 1):
            self.parallel.stop(self._job(i))
        for thread in self.threads:
            thread.join()
        self.threads = []

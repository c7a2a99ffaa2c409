"""What a functional unit gets to execute one instruction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.interpreter.decode import Instruction
from tests.interpreter.lanes import Lanes
from tests.interpreter.machine import Machine
from tests.interpreter.memory import Access


@dataclass
class Step:
    """ops: operand values; `lanes` for vector instructions; wraps: INT32 words that wrapped."""

    ins: Instruction
    ops: Mapping[str, int]
    machine: Machine
    access: Access
    lanes: Lanes | None = None
    wraps: int = 0
    fault: str | None = None

    def __getitem__(self, operand: str) -> int:
        return self.ops[operand]

    def symbol(self, operand: str) -> str:
        """The name that an enumerated operand has."""
        return self.ins.symbols[operand]

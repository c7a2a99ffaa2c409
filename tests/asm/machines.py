"""Machines of the tests: one that has everything, one that lacks what it can."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from npuemu.isa.table import Record
from npuemu.machine.load import FEATURES


@dataclass(frozen=True)
class FakeMachine:
    """The part of a machine that the assembler looks at."""

    name: str = "everything"
    features: frozenset[str] = frozenset(FEATURES)
    capacity: dict[str, int] = field(
        default_factory=lambda: {
            "L1": 512 << 10,
            "L0A": 64 << 10,
            "L0B": 64 << 10,
            "L0C": 128 << 10,
            "BT": 1 << 10,
            "FB": 7 << 10,
            "UB": 192 << 10,
        }
    )
    refused: tuple[str, ...] = ()

    def objection(self, record: Record, values: dict[str, Any], core: str) -> str | None:
        """Refuse the instructions listed by name."""
        return f"{self.name} refuses {record.name}" if record.name in self.refused else None

    def cast_chain(self, source: str, target: str) -> list[str]:
        """Casts from one type to another."""
        return [f"{source}_f16", f"f16_{target}"] if source == "s8" else []


EVERYTHING = FakeMachine()
BARE = FakeMachine("bare", features=frozenset(), refused=("vexp",))

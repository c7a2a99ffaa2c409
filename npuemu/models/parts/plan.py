"""What a model knows of a run: the machine, and what the assembler decided for the shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from npuemu.asm.program import Program
from npuemu.machine import Machine
from npuemu.models.parts.cost import Costs


@dataclass(frozen=True)
class Plan:
    """An assembled kernel as its model sees it: parameters and tiling, never its code.

    ``plan["M"]`` is a parameter, ``plan["TILE_M"]`` a global `.const` of the kernel's text, so that
    the rules of tiling have one home. inputs: integer tensors that steer the kernel, by name
    (``group_sizes``, ``kv_len``), as flat sequences.
    """

    program: Program
    machine: Machine
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        """A parameter or a constant; KeyError if the text has neither."""
        params = self.program.params
        return params[name] if name in params else self.program.constants[name]

    @property
    def blocks(self) -> int:
        """Core groups of the launch."""
        return self.program.blocks

    @cached_property
    def places(self) -> dict[str, int]:
        """Addresses by name: of buffers, and constants of the text that are addresses."""
        return self.program.constants | {b.name: b.address for b in self.program.buffers}

    @cached_property
    def costs(self) -> Costs:
        """The machine's time rows."""
        return Costs(self.machine)

"""Code that some cores of a kind share: its lines, its registers, and what the model is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from npuemu.isa.table import PIPES
from tests.lockstep.layout import INDEX_REGISTERS, Linear
from tests.lockstep.model import Illegal, Model
from tests.lockstep.regions import Mask, Span

FREE_REGISTERS = 28
Spans = dict[int, tuple[Span, ...]]
"""What an instruction touches, by core."""


@dataclass(frozen=True)
class Event:
    """Something the model is told of every core of a role; ``spans``: one entry an iteration."""

    kind: str
    pipe: int = 0
    dst: int = 0
    number: int = 0
    spans: tuple[Spans, ...] = ()

    def tell(self, model: Model, core: int, iteration: int = 0, check: bool = False) -> bool:
        """False when it is not legal there (accesses: only looked at if ``check``)."""
        if self.kind == "access":
            spans = self.spans[min(iteration, len(self.spans) - 1)][core]
            if check and model.unordered(core, self.pipe, spans):
                return False
            model.access(core, self.pipe, spans)
        elif self.kind == "barrier":
            model.barrier(core, self.pipe)
        elif self.kind == "all":
            model.barrier_all(core)
        else:
            try:
                step = model.set_flag if self.kind == "set" else model.wait_flag
                step(core, self.pipe, self.dst, self.number)
            except Illegal:
                return False
        return True


@dataclass
class Role:
    """``cores`` run ``lines``; ``active`` are those that run the part in hand."""

    name: str
    kind: str
    cores: tuple[int, ...]
    blocks: int
    rng: random.Random
    active: tuple[int, ...] = ()
    lines: list[str] = field(default_factory=list)
    known: dict[int, Linear] = field(default_factory=dict)
    reserved: set[int] = field(default_factory=set)
    busy: set[int] = field(default_factory=set)
    """Registers that the instruction in hand needs."""
    mask: Mask | None = field(default_factory=Mask)
    pending: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Flags raised ahead of need: source, destination, event, tag."""
    recorded: list[Event] | None = None
    rounds: int = 1
    """Rounds of the loop in hand; ``head``: the line at which it starts."""
    head: int = 0
    kept: list[int] = field(default_factory=list)
    """Reserved registers that nothing in the loop in hand has used so far."""
    local: bool = False
    """In a loop or a branch: nothing that other cores take part in."""
    labels: int = 0

    def __post_init__(self) -> None:
        self.active = self.cores

    def emit(self, text: str) -> None:
        """A line of code."""
        self.lines.append(f"    {text}")

    def tell(self, model: Model, event: Event) -> None:
        """An event of the part in hand, which has been found legal."""
        for core in self.active:
            if not event.tell(model, core):
                raise Illegal(event.kind)
        if self.recorded is not None:
            self.recorded.append(event)

    def label(self) -> str:
        """A new label."""
        self.labels += 1
        return f"{self.name}_{self.labels}"

    # --- registers

    def pick(self) -> int:
        """A register that nothing in hand needs."""
        while True:
            register = self.rng.randrange(FREE_REGISTERS)
            if register not in self.busy and register not in self.reserved:
                return register

    def register(self, value: Linear, keep: bool = True) -> int:
        """A register that holds a value, loaded if need be; busy from now on if ``keep``."""
        for register, held in self.known.items():
            if held == value and register not in self.reserved and self.rng.random() < 0.6:
                break
        else:
            register = self.pick()
            self.load(register, value)
        if keep:
            self.busy.add(register)
        return register

    def load(self, register: int, value: Linear) -> None:
        """Lines that give a register a value."""
        if value.stride == 0:
            self.emit(f"li r{register}, {value.base}")
        else:
            self.emit(f"mul r{register}, r{INDEX_REGISTERS[value.index]}, {value.stride}")
            self.emit(f"add r{register}, r{register}, {value.base}")
        self.known[register] = value

    def load_ahead(self, value: Linear) -> int:
        """A register of its own for the loop in hand, loaded in front of it."""
        register = self.kept.pop()
        body = self.lines[self.head :]
        del self.lines[self.head :]
        self.load(register, value)
        self.spoil(register)
        self.head = len(self.lines)
        self.lines += body
        return register

    def spoil(self, register: int) -> None:
        """A register now holds something else."""
        self.known.pop(register, None)

    def forget(self) -> None:
        """Nothing is known of the registers and the mask: code paths meet here."""
        self.known.clear()
        self.mask = None


def pipe_name(pipe: int) -> str:
    """As the language spells it."""
    return PIPES[pipe]


def of_kind(roles: Sequence[Role], kind: str) -> list[Role]:
    """The roles of one kind of core."""
    return [r for r in roles if r.kind == kind]

"""What a text is assembled for: the machine and the number of blocks."""

from __future__ import annotations

from typing import Any, Protocol

from npuemu.asm.lexer import LineError
from npuemu.asm.messages import error, listing
from npuemu.asm.syntax import Name, Span
from npuemu.isa.table import Record

MAX_BLOCKS = 1 << 16


class Machine(Protocol):
    """The part of a machine that assembly needs."""

    @property
    def name(self) -> str: ...
    @property
    def features(self) -> frozenset[str]: ...
    @property
    def capacity(self) -> dict[str, int]: ...
    def objection(self, record: Record, values: dict[str, Any], core: str) -> str | None: ...
    def cast_chain(self, source: str, target: str) -> list[str]: ...


def known_machines() -> tuple[str, ...]:
    """Names of the machines that come with the package."""
    from npuemu.machine import names

    return names


def load_machine(name: str) -> Machine:
    """A machine of the package by name, or a machine file by path; raises `AsmError` A804."""
    from npuemu.machine import MachineError, load, names

    if "/" not in name and not name.endswith(".toml") and name not in names:
        raise error("A804", f"no machine '{name}'", near=(name, names), expected=listing(names))
    try:
        return load(name)
    except MachineError as problem:
        raise error("A804", str(problem)) from None


class Target:
    """The machine and block count, settled when first asked for.

    An argument of the caller comes first, then what the text binds (``.machine``,
    ``.blocks``), then the text's default (its first machine, one block).
    """

    def __init__(self, machine: str | Machine | None, blocks: int | None) -> None:
        self.asked, self.asked_blocks = machine, blocks
        self.listed: tuple[str, ...] = ()
        self.bound: str | None = None
        self.bound_blocks: int | None = None
        self._machine: Machine | None = None
        self._blocks: int | None = None

    @property
    def settled(self) -> bool:
        """Whether something has asked for the machine already."""
        return self._machine is not None

    @property
    def machine(self) -> Machine:
        """The machine; raises when the text has not named one yet."""
        if self._machine is None:
            self._machine = self._choose()
        return self._machine

    @property
    def blocks(self) -> int:
        """Core groups of the launch."""
        if self._blocks is None:
            self._blocks = self._choose_blocks()
        return self._blocks

    def bind_blocks(self, blocks: int, span: Span) -> None:
        """``.blocks N``."""
        if self._blocks is not None or self.bound_blocks is not None:
            raise LineError("A504", "'.blocks' is repeated or comes too late", span)
        if not 1 <= blocks <= MAX_BLOCKS:
            expected = f"1 .. {MAX_BLOCKS}"
            raise LineError("A802", f"{blocks} blocks", span, expected=expected)
        self.bound_blocks = blocks

    def _choose_blocks(self) -> int:
        if self.asked_blocks is None:
            return self.bound_blocks or 1
        if not 1 <= self.asked_blocks <= MAX_BLOCKS:
            raise error("A802", f"{self.asked_blocks} blocks", expected=f"1 .. {MAX_BLOCKS}")
        if self.bound_blocks not in (None, self.asked_blocks):
            raise error("A805", f"the text is bound to {self.bound_blocks} blocks")
        return self.asked_blocks

    def _choose(self) -> Machine:
        asked = self.asked
        if isinstance(asked, str):
            asked = load_machine(asked)
        if asked is None:
            if self.bound is None and not self.listed:
                message = "no machine is named yet"
                raise error("A504", message, help="start the text with '.machines NAME, ...'")
            return load_machine(self.bound or self.listed[0])
        if self.bound not in (None, asked.name):
            raise error("A805", f"the text is bound to machine {self.bound}, not {asked.name}")
        own = asked.name not in known_machines()
        if self.listed and asked.name not in self.listed and not own:
            machines = listing(self.listed)
            raise error("A804", f"the kernel is written for {machines}, not for {asked.name}")
        return asked

    def check_name(self, name: str, span: Span) -> None:
        """Refuse a name that is no machine."""
        known = {*self.listed, *known_machines(), self.machine.name}
        if name not in known:
            near = (name, tuple(known))
            raise LineError("A804", f"no machine '{name}'", span, near=near)

    def require(self, record: Record, where: Name) -> None:
        """Refuse an instruction that the machine lacks."""
        missing = record.requires - self.machine.features
        if missing:
            message = f"{self.machine.name} has no '{record.name}'"
            help = f"it needs the feature {listing(sorted(missing))}"
            raise LineError("A308", message, where.span, help=help)

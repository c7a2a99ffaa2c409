"""Everything that an assembly gathers while it walks a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from npuemu.asm.emit import Emitter, Section
from npuemu.asm.layout import Layout
from npuemu.asm.lexer import LineError
from npuemu.asm.messages import error
from npuemu.asm.scope import Scope, Symbol, Value
from npuemu.asm.sources import Sources
from npuemu.asm.syntax import Name, Span
from npuemu.asm.target import Machine, Target
from npuemu.isa.table import Isa
from npuemu.machine.load import FEATURES

INT64 = range(-(2**63), 2**63)


class Assembly:
    """State of one assembly; also what expression functions ask (`functions.Context`)."""

    def __init__(
        self,
        isa: Isa,
        machine: str | Machine | None,
        blocks: int | None,
        params: Mapping[str, int],
        include_path: tuple[Path, ...],
    ) -> None:
        self.isa = isa
        self.target = Target(machine, blocks)
        self.sources = Sources(include_path)
        self.layout = Layout()
        self.overrides = dict(params)
        for name, value in self.overrides.items():
            if type(value) is not int or value not in INT64:
                message = f"parameter {name} = {value!r}"
                raise error("A802", message, expected="an integer of 64 bits")
        self.name: str | None = None
        self.params: dict[str, int] = {}
        self.globals = _Globals(self.target)
        self.sections: dict[str, Section] = {}
        self.section: Section | None = None
        self.files: tuple[str, ...] = ()
        self.emitter = Emitter(isa, self.target, self)

    def size_of(self, name: str, span: Span) -> int:
        """Bytes of a tensor or buffer."""
        found = self.layout.tensors.get(name) or self.layout.buffers.get(name)
        if found is None:
            near = (name, (*self.layout.tensors, *self.layout.buffers))
            raise LineError("A201", f"no tensor or buffer '{name}'", span, near=near)
        return found.nbytes

    def capacity_of(self, name: str, span: Span) -> int:
        """Bytes of a local memory of the machine."""
        capacity = self.target.machine.capacity
        if name not in capacity:
            raise LineError("A201", f"no memory '{name}'", span, near=(name, tuple(capacity)))
        return int(capacity[name])

    def has_feature(self, name: str, span: Span) -> int:
        """1 when the machine has the feature."""
        features = self.target.machine.features
        if name not in FEATURES and name not in features:
            near, expected = (name, FEATURES), ", ".join(FEATURES)
            message = f"no feature '{name}'"
            raise LineError("A201", message, span, near=near, expected=expected)
        return int(name in features)

    def check_machine(self, name: Name, scope: Scope) -> None:
        """Refuse a name that is compared with MACHINE but names no machine."""
        bound = scope.find(name.name)
        text = bound.name if isinstance(bound, Symbol) else name.name
        self.target.check_name(text, name.span)


class _Globals(Scope):
    """The outermost scope: MACHINE and BLOCKS are settled when first used."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target

    def outermost(self, name: str) -> Value | None:
        if name == "MACHINE":
            return Symbol(self.target.machine.name)
        if name == "BLOCKS":
            return self.target.blocks
        return self.values.get(name)

    def names(self) -> list[str]:
        return [*self.values, "MACHINE", "BLOCKS"]

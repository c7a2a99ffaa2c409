"""Instructions that were encoded before: lines of macros and loops are expanded many times.

What a spelled instruction's word depends on is little: the values of its expressions and which
names its macro has bound. A word that went through all checks once is kept by these.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from npuemu.asm import syntax
from npuemu.asm.expressions import evaluate
from npuemu.asm.functions import Context
from npuemu.asm.lexer import LineError
from npuemu.asm.scope import Scope, Symbol
from npuemu.asm.syntax import Expression, Instruction
from npuemu.asm.target import Machine
from npuemu.isa.codec import Reg
from npuemu.isa.table import Isa

CONSTANTS = (syntax.Number, syntax.Register)
MAX_WORDS, MAX_PLANS, MACHINES = 64, 1 << 14, 8

Key = tuple[str | int | Reg | None, ...]


@dataclass(slots=True)
class Plan:
    """A spelled instruction. ``names``: what stands for names of the instruction set; ``nodes``:
    its other expressions; ``words``: the words so far, by what these were.
    """

    spelled: Instruction
    names: tuple[str, ...]
    nodes: tuple[Expression, ...]
    words: dict[Key, int] = field(default_factory=dict)

    def key(self, scope: Scope, context: Context) -> Key | None:
        """What the word depends on; None where that is an error or nothing to keep."""
        found: list[str | int | Reg | None] = []
        for name in self.names:
            bound = scope.find(name)
            found.append(bound.name if type(bound) is Symbol else None)
        try:
            for node in self.nodes:
                value = evaluate(node, scope, context)
                if type(value) is not int and type(value) is not Reg:
                    return None
                found.append(value)
        except LineError:
            return None
        return tuple(found)

    def keep(self, key: Key, word: int) -> None:
        """Remember a word that has passed all checks."""
        if len(self.words) >= MAX_WORDS:
            self.words.clear()
        self.words[key] = word


class Plans:
    """The plans for one machine object."""

    def __init__(self, isa: Isa, machine: Machine) -> None:
        self.isa, self.machine = isa, machine
        self.found: dict[tuple[int, str, str], Plan] = {}

    def find(self, spelled: Instruction, record: str, core: str) -> Plan | None:
        """The plan of this very instruction as ``record`` on a core kind, if there is one."""
        return self.found.get((id(spelled), record, core))

    def add(self, spelled: Instruction, record: str, core: str, enums: tuple[bool, ...]) -> Plan:
        """A new plan. ``enums``: which arguments are names of the instruction set."""
        names = [suffix.name for suffix in spelled.suffixes]
        nodes = []
        for argument, is_enum in zip(spelled.arguments, enums, strict=True):
            node = argument.value
            if is_enum and isinstance(node, syntax.Name):
                names.append(node.name)
            elif not isinstance(node, CONSTANTS):
                nodes.append(node)
        if len(self.found) >= MAX_PLANS:
            self.found.clear()
        plan = Plan(spelled, tuple(names), tuple(nodes))
        self.found[id(spelled), record, core] = plan
        return plan


_kept: deque[Plans] = deque(maxlen=MACHINES)


def plans_for(isa: Isa, machine: Machine) -> Plans:
    """The plans for a machine: kept from one assembly to the next, for the machines used last."""
    for plans in _kept:
        if plans.machine is machine and plans.isa is isa:
            return plans
    _kept.append(Plans(isa, machine))
    return _kept[-1]

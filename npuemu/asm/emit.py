"""One instruction of text to one word: suffixes, operands, checks, and labels to fill in later."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from npuemu.asm.errors import Location
from npuemu.asm.expressions import evaluate
from npuemu.asm.functions import Context
from npuemu.asm.lexer import LineError
from npuemu.asm.messages import listing
from npuemu.asm.plans import Plan, Plans, plans_for
from npuemu.asm.printed import Print
from npuemu.asm.program import MAX_INSTRUCTIONS
from npuemu.asm.scope import Scope, Symbol
from npuemu.asm.syntax import Argument, Instruction, Line, Name, Span
from npuemu.asm.target import Target
from npuemu.isa.codec import IsaError, Reg, encode, immediate_range
from npuemu.isa.table import Isa, Operand, Record

ENDS = ("halt", "jmp")
"""Instructions after which nothing runs."""


@dataclass(frozen=True, slots=True)
class LabelUse:
    """A label operand as written; ``frames`` are the expansions to search for a local one."""

    name: str
    frames: tuple[int, ...]
    span: Span

    def spellings(self) -> list[str]:
        """Names under which the label may be defined, nearest first."""
        if self.name[0] != "@":
            return [self.name]
        return [f"{self.name[1:]}@{frame}" for frame in self.frames]


@dataclass(slots=True)
class Pending:
    """An instruction whose label operand is not known yet."""

    index: int
    record: Record
    values: dict[str, int | Reg]
    label: tuple[str, LabelUse]
    line: Line
    location: Location


@dataclass(slots=True)
class Section:
    """The code of one core kind while it grows."""

    core: str
    scope: Scope
    line: Line
    words: list[int] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    label_lines: dict[str, Line] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    prints: list[Print] = field(default_factory=list)
    last: Record | None = None
    last_line: Line | None = None
    fixed: Location | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A record split as text splits it: suffixes, then operands."""

    record: Record
    suffixes: tuple[Operand, ...]
    operands: tuple[Operand, ...]
    by_name: dict[str, Operand]


def form_of(record: Record) -> Form:
    """The written form of a record."""
    suffixes = record.suffixes
    operands = tuple(o for o in record.operands if o not in suffixes)
    return Form(record, suffixes, operands, {o.name: o for o in operands})


def usage(form: Form) -> str:
    """``vadd.type dst, src0, ...`` with defaults."""
    mnemonic = ".".join([form.record.name, *(o.name for o in form.suffixes)])
    words = []
    for o in form.operands:
        default = o.enum.symbol(o.default) if o.enum and o.default is not None else o.default
        if o.kind == "reg" and default is not None:
            default = f"r{default}"
        words.append(o.name if default is None else f"{o.name}={default}")
    return f"{mnemonic} {', '.join(words)}".rstrip()


class Emitter:
    """Encodes instructions for one target."""

    def __init__(self, isa: Isa, target: Target, context: Context) -> None:
        self.isa, self.target, self.context = isa, target, context
        self.forms: dict[str, Form] = {}
        self.plans: Plans | None = None

    def form(self, name: str) -> Form | None:
        """The form of a mnemonic, or None."""
        found = self.forms.get(name)
        if found is None and (record := self.isa.by_name.get(name)) is not None:
            found = self.forms[name] = form_of(record)
        return found

    def emit(
        self,
        form: Form,
        spelled: Instruction,
        section: Section,
        scope: Scope,
        frames: tuple[int, ...],
        line: Line,
        location: Location,
    ) -> None:
        """Append one instruction to a section."""
        if len(section.words) >= MAX_INSTRUCTIONS:
            message = f"more than {MAX_INSTRUCTIONS} instructions in a section"
            raise LineError("A701", message, spelled.span)
        plan = self._plan(form, spelled, section)
        key = None if plan is None else plan.key(scope, self.context)
        word = None if plan is None or key is None else plan.words.get(key)
        if word is None:
            word = self._word(form, spelled, section, scope, frames, line, location)
            if plan is not None and key is not None:
                plan.keep(key, word)
        section.words.append(word)
        section.locations.append(section.fixed or location)
        section.last, section.last_line = form.record, line

    def _plan(self, form: Form, spelled: Instruction, section: Section) -> Plan | None:
        """What is kept of an instruction; None for one that has a label or is misspelt."""
        if self.plans is None:
            self.plans = plans_for(self.isa, self.target.machine)
        record = form.record
        plan = self.plans.find(spelled, record.name, section.core)
        if plan is not None or record.labels:
            return plan
        try:
            given = self._assign(form, spelled)
        except LineError:
            return None
        enums = tuple(form.by_name[name].kind == "enum" for name in given)
        return self.plans.add(spelled, record.name, section.core, enums)

    def _word(
        self,
        form: Form,
        spelled: Instruction,
        section: Section,
        scope: Scope,
        frames: tuple[int, ...],
        line: Line,
        location: Location,
    ) -> int:
        """The word of an instruction, with all checks; one with a label is noted as pending."""
        record, where = form.record, Name(spelled.span, spelled.mnemonic)
        if not record.runs_on(section.core):
            message = f"'{record.name}' is a {record.core} instruction"
            help = f"this is the {section.core} section"
            raise LineError("A307", message, spelled.span, help=help)
        self.target.require(record, where)
        values = self._suffixes(form, spelled, scope)
        given = self._assign(form, spelled)
        label: tuple[str, LabelUse] | None = None
        for name, argument in given.items():
            operand = form.by_name[name]
            if operand.kind == "label":
                label = (name, _label(argument, scope, frames))
                values[name] = 0
            else:
                values[name] = self._value(form, operand, argument, scope)
        self._refuse(record, values, section.core, spelled.span)
        word = self._encode(form, values, spelled.span, given)
        if label is not None:
            pending = Pending(len(section.words), record, values, label, line, location)
            section.pending.append(pending)
        return word

    def _suffixes(self, form: Form, spelled: Instruction, scope: Scope) -> dict[str, int | Reg]:
        """Values of the dotted suffixes."""
        values: dict[str, int | Reg] = {}
        if len(spelled.suffixes) > len(form.suffixes):
            extra = spelled.suffixes[len(form.suffixes)]
            message = f"'{form.record.name}' has no suffix '.{extra.name}'"
            raise LineError("A302", message, extra.span, expected=usage(form))
        for operand, part in zip(form.suffixes, spelled.suffixes, strict=False):
            if operand.name == "pair":
                self._no_such_cast(operand, part, scope)
            values[operand.name] = _symbol(operand, part, scope, "A302")
        for operand in form.suffixes[len(spelled.suffixes) :]:
            if operand.default is None:
                message = f"'{form.record.name}' needs the suffix '.{operand.name}'"
                expected = listing(operand.symbols(), 24)
                raise LineError("A302", message, spelled.span, expected=expected)
        return values

    def _no_such_cast(self, operand: Operand, part: Name, scope: Scope) -> None:
        """Refuse a cast that no machine has, naming the casts that lead there on this one."""
        pair = spelling(part.name, scope, operand.symbols())
        chain = self.target.machine.cast_chain(*pair.partition("_")[::2])
        if pair not in operand.symbols() and chain:
            message = f"no machine casts {pair} at once"
            raise LineError("A308", message, part.span, help=f"use {', '.join(chain)}")

    def _assign(self, form: Form, spelled: Instruction) -> dict[str, Argument]:
        """Which argument stands for which operand."""
        given: dict[str, Argument] = {}
        positional = True
        for position, argument in enumerate(spelled.arguments):
            if argument.name is not None:
                positional = False
                name = argument.name
                if name not in form.by_name:
                    message = f"'{form.record.name}' has no operand '{name}'"
                    near = (name, tuple(form.by_name))
                    raise LineError("A304", message, argument.span, near=near, expected=usage(form))
            else:
                if not positional:
                    message = "a positional operand after a named one"
                    raise LineError("A303", message, argument.span, expected=usage(form))
                if position >= len(form.operands):
                    message = f"too many operands for '{form.record.name}'"
                    raise LineError("A303", message, argument.span, expected=usage(form))
                name = form.operands[position].name
            if name in given:
                message = f"operand '{name}' is given twice"
                raise LineError("A304", message, argument.span)
            given[name] = argument
        for operand in form.operands:
            if operand.default is None and operand.name not in given:
                message = f"'{form.record.name}' needs operand '{operand.name}'"
                raise LineError("A303", message, spelled.span, expected=usage(form))
        return given

    def _value(self, form: Form, operand: Operand, argument: Argument, scope: Scope) -> int | Reg:
        node, span = argument.value, argument.value.span
        if operand.kind == "enum":
            if not isinstance(node, Name):
                message = f"'{operand.name}' takes a name"
                raise LineError("A305", message, span, expected=listing(operand.symbols(), 24))
            return _symbol(operand, node, scope, "A305")
        try:
            value = evaluate(node, scope, self.context)
        except LineError as problem:
            if problem.code == "A201" and isinstance(node, Name):
                problem.expected = _wanted(operand)
            raise
        if operand.kind in ("rd", "reg"):
            if not isinstance(value, Reg):
                help = f"load the value first: li rN, {value}" if isinstance(value, int) else None
                message = f"'{operand.name}' takes a register, not a number"
                raise LineError("A305", message, span, help=help)
            return value
        if isinstance(value, Reg):
            if operand.kind != "x":
                message = f"'{operand.name}' takes a number, not a register"
                raise LineError("A305", message, span)
            return value
        if not isinstance(value, int):
            message = f"'{operand.name}' takes an integer"
            help = "f32bits, f16bits and bf16bits turn a real into bits"
            raise LineError("A305", message, span, help=help)
        return _whole_word(operand, value)

    def _refuse(self, record: Record, values: dict[str, int | Reg], core: str, span: Span) -> None:
        reason = self.target.machine.objection(record, values, core)
        if reason is not None:
            raise LineError("A308", reason, span)

    def _encode(
        self,
        form: Form,
        values: dict[str, int | Reg],
        span: Span,
        given: dict[str, Argument],
    ) -> int:
        try:
            return encode(form.record, values)
        except IsaError as problem:
            operand = form.by_name.get(problem.operand or "")
            if operand is not None and operand.name in given:
                span = given[operand.name].value.span
            expected = _wanted(operand) if operand is not None else None
            raise LineError("A306", problem.message, span, expected=expected) from None


def resolve(pending: Pending, section: Section) -> int:
    """The word of an instruction whose labels are now all known."""
    name, use = pending.label
    for spelling in use.spellings():
        if spelling in section.labels:
            values = pending.values | {name: section.labels[spelling]}
            return encode(pending.record, values)
    names = [n.partition("@")[0] if "@" in n else n for n in section.labels]
    if use.name[0] == "@":
        names = ["@" + n for n in names]
    message = f"no label '{use.name}' in the {section.core} section"
    raise LineError("A201", message, use.span, near=(use.name, tuple(names)))


def _label(argument: Argument, scope: Scope, frames: tuple[int, ...]) -> LabelUse:
    node = argument.value
    if not isinstance(node, Name):
        raise LineError("A305", "a label is needed", node.span, expected="a name")
    bound = scope.find(node.name)
    if isinstance(bound, Symbol):
        return LabelUse(bound.name, bound.frames, node.span)
    return LabelUse(node.name, frames, node.span)


def spelling(name: str, scope: Scope, real: Container[str]) -> str:
    """What a name in the place of a real name means: a macro's argument, or itself.

    An argument that is no real name here gives way, so that a parameter called M hides no pipe.
    """
    bound = scope.find(name)
    if isinstance(bound, Symbol) and (bound.name in real or name not in real):
        return bound.name
    return name


def _symbol(operand: Operand, name: Name, scope: Scope, code: str) -> int:
    """The number of an enum's symbol."""
    assert operand.enum is not None
    allowed = operand.symbols()
    text = spelling(name.name, scope, allowed)
    if text not in allowed:
        message = f"'{text}' is no '{operand.name}' of this instruction"
        expected = listing(allowed, 24)
        raise LineError(code, message, name.span, near=(text, allowed), expected=expected)
    return operand.enum.values[text]


def _whole_word(operand: Operand, value: int) -> int:
    """A 64-bit field holds bits: both signednesses of a value are the same word there."""
    if operand.width - (operand.kind == "x") == 64:
        if operand.signed and value > 2**63 - 1:
            return value - 2**64
        if not operand.signed and value < 0:
            return value + 2**64
    return value


def _wanted(operand: Operand) -> str:
    """What an operand takes, in words."""
    if operand.kind in ("rd", "reg"):
        return "a register r0 .. r31"
    lo, hi = immediate_range(operand)
    align = f", a multiple of {operand.align}" if operand.align > 1 else ""
    register = "a register or " if operand.kind == "x" else ""
    return f"{register}{lo} .. {hi}{align}"

"""``.print "..."``: from its text to what the run shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from npuemu.asm import syntax
from npuemu.asm.assembly import Assembly
from npuemu.asm.emit import ENDS, Section, spelling
from npuemu.asm.expressions import evaluate, integer
from npuemu.asm.lexer import LineError
from npuemu.asm.messages import listing
from npuemu.asm.parser import parse_expression
from npuemu.asm.printed import INTEGER_FORMS, WORD_FORMS, Piece, Shown, ShownBytes
from npuemu.asm.scope import Scope, Symbol
from npuemu.asm.syntax import Expression, Span
from npuemu.formats.format import FORMATS
from npuemu.isa.codec import Reg
from npuemu.isa.table import MEMORIES
from npuemu.machine.reach import reached

MAX_COUNT = 1024
"""Elements that one field shows at most."""
MEMORY_FORMS = (*FORMATS, *WORD_FORMS)
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n"}
_FORM = re.compile(r":\s*([A-Za-z_]\w*)\s*(?:\bx\b\s*(.*\S))?\s*$")
_PLACE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[(.*)\])?\s*$")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the line that stands from ``column`` on."""

    text: str
    column: int

    @property
    def span(self) -> Span:
        """Its columns, blanks at both ends left out."""
        start = self.column + len(self.text) - len(self.text.lstrip())
        return Span(start, max(start + 1, start + len(self.text.strip())))

    def part(self, start: int, end: int) -> Text:
        """Characters [start, end) of it."""
        return Text(self.text[start:end], self.column + start)


@dataclass(frozen=True, slots=True)
class Field:
    """``{what:form x count}``; ``index`` is what stands in brackets behind a name."""

    whole: Text
    what: Text
    index: Text | None
    form: Text | None
    count: Text | None


@lru_cache(maxsize=1 << 12)
def _template(raw: str, column: int) -> tuple[str | Field, ...]:
    """The pieces of a quoted string whose quote stands at ``column``."""
    found: list[str | Field] = []
    text, i, end = "", 1, len(raw) - 1
    while i < end:
        two = raw[i : i + 2]
        if raw[i] == "\\":
            if two[1] not in _ESCAPES:
                span = Span(column + i, column + i + 2)
                raise LineError("A106", f"unknown escape '{two}' in a string", span)
            text, i = text + _ESCAPES[two[1]], i + 2
        elif two in ("{{", "}}") and i + 1 < end:
            text, i = text + two[0], i + 2
        elif raw[i] in "{}":
            close = raw.find("}", i, end)
            if raw[i] == "}" or close < 0 or "{" in raw[i + 1 : close]:
                help = f"write '{raw[i] * 2}' for the character itself"
                span = Span(column + i, column + i + 1)
                raise LineError("A505", f"a single '{raw[i]}' in a .print", span, help=help)
            found += [text, _field(Text(raw[i + 1 : close], column + i + 1))]
            text, i = "", close + 1
        else:
            text, i = text + (raw[i] if raw[i].isprintable() else "?"), i + 1
    return tuple(piece for piece in (*found, text) if piece)


def _field(whole: Text) -> Field:
    match = _FORM.search(whole.text)
    what, form, count = whole, None, None
    if match is not None:
        what, form = whole.part(0, match.start()), whole.part(*match.span(1))
        count = whole.part(*match.span(2)) if match[2] else None
    if not what.text.strip() or ";" in whole.text:
        expected = "{register}, {number:x}, {MEMORY[address]:type x count} or {name:type x count}"
        raise LineError("A505", "a field of a .print shows nothing", whole.span, expected=expected)
    place = _PLACE.match(what.text)
    if place is None or place[2] is None:
        return Field(whole, what, None, form, count)
    return Field(whole, what.part(*place.span(1)), what.part(*place.span(2)), form, count)


def check_place(section: Section, span: Span) -> None:
    """Refuse a ``.print`` that stands behind no instruction, or where nothing gets to."""
    last = section.last
    if last is None:
        message = f"no instruction of the {section.core} section stands in front of this .print"
    elif last.name in ENDS:
        message = f"nothing gets to a .print behind '{last.name}'"
    elif section.labels and next(reversed(section.labels.values())) == len(section.words):
        message = "a label stands between this .print and the instruction in front of it"
    else:
        return
    help = "it shows what there is behind an instruction: write it behind the one that is meant"
    raise LineError("A505", message, span, help=help)


def pieces(
    assembly: Assembly, section: Section, scope: Scope, raw: str, column: int
) -> tuple[Piece, ...]:
    """What a ``.print`` with the quoted string ``raw`` at ``column`` shows; raises `LineError`."""
    fields = _Fields(assembly, section, scope)
    return tuple(p if isinstance(p, str) else fields.piece(p) for p in _template(raw, column))


class _Fields:
    """Fields of one ``.print``, in the scope that is in force there."""

    def __init__(self, assembly: Assembly, section: Section, scope: Scope) -> None:
        self.assembly, self.section, self.scope = assembly, section, scope

    def piece(self, field: Field) -> Piece:
        """What a field shows."""
        layout = self.assembly.layout
        name = self._spelled(field.what)
        if field.index is not None or name in layout.tensors or name in layout.buffers:
            return self._bytes(field, name)
        if name in MEMORIES and self.scope.find(name) is None:
            message = f"{name} is shown from an address on"
            expected = f"{{{name}[r1]:f32 x 8}}: an address in brackets"
            raise LineError("A505", message, field.what.span, expected=expected)
        if field.count is not None:
            message = "only a memory, a buffer or a tensor has a count"
            raise LineError("A505", message, field.count.span)
        value = evaluate(self._expression(field.what), self.scope, self.assembly)
        form = self._form(field.form, (*INTEGER_FORMS, *FORMATS)) if field.form else "d"
        if isinstance(value, Reg):
            return Shown(value.index, 0, form)
        if not isinstance(value, int):
            raise LineError("A403", "a real where an integer is needed", field.what.span)
        return Shown(None, value, form)

    def _bytes(self, field: Field, name: str) -> ShownBytes:
        last = self.section.last
        if last is None or not last.is_data:
            message = (
                f"memory is shown behind data instructions, and '{last and last.name}' is none"
            )
            help = "what pipes have done by then is known only where one of them executes"
            raise LineError("A505", message, field.whole.span, help=help)
        register, offset = None, 0
        if field.index is not None:
            register, offset = self._address(self._expression(field.index))
        memory, low, high, form = self._range(name)
        self._reachable(memory, field.what.span)
        if field.form is not None:
            form = self._form(field.form, MEMORY_FORMS)
        if form is None:
            message = f"'{name}' has no type of its own"
            expected = f"{{{field.whole.text.strip()}:f32 x 8}}, or another type"
            raise LineError("A505", message, field.whole.span, expected=expected)
        return ShownBytes(name, memory, register, low + offset, form, self._count(field), low, high)

    def _range(self, name: str) -> tuple[str, int, int | None, str | None]:
        """Memory, first byte, end and type of what a name stands for; an end of None is GM's."""
        layout = self.assembly.layout
        if (tensor := layout.tensors.get(name)) is not None:
            return "GM", tensor.address, tensor.address + tensor.nbytes, tensor.dtype
        if (buffer := layout.buffers.get(name)) is not None:
            return buffer.mem, buffer.address, buffer.address + buffer.nbytes, None
        capacity = self.assembly.target.machine.capacity
        return name, 0, capacity.get("UB" if name == "UB1" else name), None

    def _spelled(self, text: Text) -> str:
        """The name that a macro's parameter stands for, or the text itself."""
        name = text.text.strip()
        bound = self.scope.find(name)
        return bound.name if isinstance(bound, Symbol) else spelling(name, self.scope, MEMORIES)

    def _reachable(self, memory: str, span: Span) -> None:
        machine, core = self.assembly.target.machine, self.section.core
        layout = self.assembly.layout
        names = tuple(m for m in reached(machine.features, core) if self._has(m))
        if memory in names:
            return
        if memory in MEMORIES:
            message = f"a {core} core of {machine.name} has no {memory}"
            raise LineError("A505", message, span, expected=listing(names))
        near = (memory, (*layout.tensors, *layout.buffers, *names))
        raise LineError("A201", f"no memory, buffer or tensor '{memory}'", span, near=near)

    def _has(self, memory: str) -> bool:
        capacity = self.assembly.target.machine.capacity
        return memory in ("GM", "UB1") or bool(capacity.get(memory))

    def _expression(self, text: Text) -> Expression:
        return parse_expression(text.text, text.column)

    def _address(self, node: Expression) -> tuple[int | None, int]:
        """(register or None, bytes): an address is a register, a number, or a sum of the two."""
        if isinstance(node, syntax.Binary) and node.operator in ("+", "-"):
            left, a = self._address(node.left)
            right, b = self._address(node.right)
            if right is None:
                return left, a + (b if node.operator == "+" else -b)
            if left is None and node.operator == "+":
                return right, a + b
            message = "an address of a .print has one register, to which a number is added"
            raise LineError("A505", message, node.span)
        value = evaluate(node, self.scope, self.assembly)
        if isinstance(value, Reg):
            return value.index, 0
        return None, integer(node, self.scope, self.assembly)

    def _count(self, field: Field) -> int:
        if field.count is None:
            return 1
        count = integer(self._expression(field.count), self.scope, self.assembly)
        if not 1 <= count <= MAX_COUNT:
            message = f"{count} elements in a .print"
            raise LineError("A505", message, field.count.span, expected=f"1 .. {MAX_COUNT}")
        return count

    def _form(self, text: Text, known: tuple[str, ...]) -> str:
        name = spelling(text.text, self.scope, known)
        if name not in known:
            near, expected = (name, known), listing(known, 24)
            message = f"a .print shows nothing as '{name}'"
            raise LineError("A505", message, text.span, near=near, expected=expected)
        return name

"""Walks the tree of a text: conditions, repetition, includes, macro calls, labels, instructions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from npuemu.asm import syntax
from npuemu.asm.assembly import Assembly
from npuemu.asm.blocks import located
from npuemu.asm.declare import declare
from npuemu.asm.emit import Section, spelling
from npuemu.asm.errors import Location, Place
from npuemu.asm.expressions import evaluate, integer
from npuemu.asm.lexer import LineError
from npuemu.asm.printed import Print
from npuemu.asm.prints import check_place, pieces
from npuemu.asm.scope import Scope, Symbol, Value, check_name
from npuemu.asm.syntax import Argument, Block, Directive, Instruction, Label, Line, Node

MAX_STEPS = 1 << 20
MAX_NESTING = 64


class Frame(NamedTuple):
    """Where the walk is: names in force, macro calls around (innermost first), local labels.

    ``scope`` is None outside macros and repetitions: the section's scope is in force there.
    """

    scope: Scope | None = None
    trace: tuple[Place, ...] = ()
    frames: tuple[int, ...] = (0,)
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro's opening line, its parameters and body."""

    line: Line
    directive: Directive
    body: tuple[Node, ...]


class Expander:
    """Executes a tree against an `Assembly`."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.macros: dict[str, Macro] = {}
        self.names = set(assembly.isa.by_name)
        self.steps = 0
        self.expansions = 0

    def run(self, nodes: tuple[Node, ...], frame: Frame) -> None:
        """Execute nodes in order."""
        for node in nodes:
            line = node if isinstance(node, Line) else node.branches[0][0]
            try:
                self._step(line)
                if isinstance(node, Block):
                    self._block(node, frame)
                else:
                    self._line(node, frame)
            except LineError as problem:
                at = Location(line.file, line.number, 1, frame.trace)
                raise located(problem, line, at) from None

    def _step(self, line: Line) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            message = f"more than {MAX_STEPS} statements to expand"
            raise LineError("A701", message, _opening(line))

    def scope(self, frame: Frame) -> Scope:
        """The scope in force."""
        if frame.scope is not None:
            return frame.scope
        section = self.assembly.section
        return self.assembly.globals if section is None else section.scope

    def _deeper(self, frame: Frame, line: Line) -> int:
        if frame.depth >= MAX_NESTING:
            message = f"more than {MAX_NESTING} blocks and macro calls inside each other"
            help = "a macro that calls itself needs an '.if' that ends it"
            raise LineError("A702", message, _opening(line), help=help)
        return frame.depth + 1

    def _block(self, block: Block, frame: Frame) -> None:
        opener, body = block.branches[0]
        assert isinstance(opener.statement, Directive)
        if opener.statement.kind == "macro":
            self._define(Macro(opener, opener.statement, body))
        elif opener.statement.kind == "rep":
            self._repeat(opener, opener.statement, body, frame)
        else:
            self._choose(block, frame)

    def _define(self, macro: Macro) -> None:
        name = macro.directive.names[0]
        check_name(name)
        if self.assembly.emitter.form(name.name) is not None:
            raise LineError("A202", f"'{name.name}' is an instruction", name.span)
        if name.name in self.macros:
            first = self.macros[name.name].line
            message = f"macro '{name.name}' is defined twice, first at {first.file}:{first.number}"
            raise LineError("A202", message, name.span)
        seen: set[str] = set()
        for formal, _ in macro.directive.formals:
            check_name(formal)
            if formal.name in seen:
                raise LineError("A202", f"parameter '{formal.name}' is repeated", formal.span)
            seen.add(formal.name)
        self.macros[name.name] = macro
        self.names.add(name.name)

    def _choose(self, block: Block, frame: Frame) -> None:
        for line, body in block.branches:
            assert isinstance(line.statement, Directive)
            conditions = line.statement.values
            try:
                taken = not conditions or self._integer(conditions[0], frame) != 0
            except LineError as problem:
                at = Location(line.file, line.number, 1, frame.trace)
                raise located(problem, line, at) from None
            if taken:
                depth = self._deeper(frame, line)
                self.run(body, Frame(frame.scope, frame.trace, frame.frames, depth))
                return

    def _repeat(self, line: Line, rep: Directive, body: tuple[Node, ...], frame: Frame) -> None:
        name = rep.names[0]
        start, stop = (self._integer(value, frame) for value in rep.values)
        outer, depth = self.scope(frame), self._deeper(frame, line)
        if stop - start > MAX_STEPS:
            message = f"{stop - start} repetitions, at most {MAX_STEPS} statements are expanded"
            raise LineError("A701", message, rep.values[1].span)
        check_name(name)
        place = Place(line.file, line.number, name.span.column)
        for i in range(start, stop):
            self._step(line)
            self.expansions += 1
            scope = Scope(outer, {name.name: i}, {name.name: place})
            self.run(body, Frame(scope, frame.trace, (self.expansions, *frame.frames), depth))

    def _integer(self, value: syntax.Expression, frame: Frame) -> int:
        return integer(value, self.scope(frame), self.assembly)

    def _line(self, line: Line, frame: Frame) -> None:
        statement = line.statement
        if isinstance(statement, Instruction):
            self._instruction(line, statement, frame)
        elif isinstance(statement, Label):
            self._label(line, statement, frame)
        elif statement.kind == "include":
            self._include(line, statement, frame)
        elif statement.kind == "print":
            self._print(line, statement, frame)
        elif statement.kind == "once":
            self.assembly.sources.once.add(line.file)
        else:
            declare(self.assembly, line, statement, self.scope(frame))

    def _include(self, line: Line, statement: Directive, frame: Frame) -> None:
        sources = self.assembly.sources
        beside = None if line.file.startswith("<") else Path(line.file).parent
        nodes = sources.include(statement.strings[0], beside, statement.span)
        if nodes and (first := nodes[0] if isinstance(nodes[0], Line) else None) is not None:
            if first.file in sources.once:
                return
        depth = self._deeper(frame, line)
        self.run(nodes, Frame(frame.scope, frame.trace, frame.frames, depth))

    def _section(self, span: syntax.Span) -> Section:
        section = self.assembly.section
        if section is None:
            help = "write '.section cube' or '.section vector' first"
            raise LineError("A601", "code outside a section", span, help=help)
        return section

    def _print(self, line: Line, statement: Directive, frame: Frame) -> None:
        opening = _opening(line)
        section = self._section(opening)
        check_place(section, opening)
        column = statement.span.column
        shown = pieces(self.assembly, section, self.scope(frame), statement.strings[0], column)
        where = Location(line.file, line.number, opening.column, frame.trace)
        section.prints.append(Print(len(section.words) - 1, where, shown))

    def _label(self, line: Line, label: Label, frame: Frame) -> None:
        section = self._section(label.span)
        name = label.name
        if name[0] == "@":
            name = f"{name[1:]}@{frame.frames[0]}"
        elif name[0] == "r" and name[1:].isdigit():
            raise LineError("A203", f"'{name}' is a register", label.span)
        if name in section.labels:
            first = section.label_lines[name]
            message = f"label '{label.name}' is defined twice, first at {first.file}:{first.number}"
            help = f"inside a macro or '.rep' write @{label.name}" if frame.scope else None
            raise LineError("A202", message, label.span, help=help)
        section.labels[name] = len(section.words)
        section.label_lines[name] = line

    def _instruction(self, line: Line, spelled: Instruction, frame: Frame) -> None:
        scope = self.scope(frame)
        name = spelling(spelled.mnemonic, scope, self.names)
        macro = self.macros.get(name)
        if macro is not None:
            self._call(macro, line, spelled, frame)
            return
        form = self.assembly.emitter.form(name)
        if form is None:
            message = f"unknown instruction or macro '{name}'"
            raise LineError("A301", message, spelled.span, near=(name, tuple(self.names)))
        section = self._section(spelled.span)
        location = Location(line.file, line.number, spelled.span.column, frame.trace)
        emit = self.assembly.emitter.emit
        emit(form, spelled, section, scope, frame.frames, line, location)

    def _call(self, macro: Macro, line: Line, spelled: Instruction, frame: Frame) -> None:
        if spelled.suffixes:
            message = f"macro '{spelled.mnemonic}' takes no suffix"
            raise LineError("A302", message, spelled.suffixes[0].span)
        depth = self._deeper(frame, line)
        section = self.assembly.section
        inner = Scope(self.assembly.globals if section is None else section.scope)
        call = Place(line.file, line.number, spelled.span.column)
        given = self._assign(macro, spelled)
        for formal, default in macro.directive.formals:
            argument = given.get(formal.name)
            if argument is not None:
                value = self._argument(argument.value, self.scope(frame), frame.frames)
            elif default is not None:
                value = self._argument(default, inner, ())
            else:
                message = f"macro '{macro.directive.names[0].name}' needs '{formal.name}'"
                raise LineError("A309", message, spelled.span, expected=_signature(macro))
            inner.define(formal, value, call)
        self.expansions += 1
        self.run(macro.body, Frame(inner, (call, *frame.trace), (self.expansions,), depth))

    def _assign(self, macro: Macro, spelled: Instruction) -> dict[str, Argument]:
        names = [formal.name for formal, _ in macro.directive.formals]
        given: dict[str, Argument] = {}
        for position, argument in enumerate(spelled.arguments):
            name = argument.name
            if name is None:
                if position >= len(names) or len(given) < position:
                    raise self._bad(macro, argument, "too many arguments")
                if any(a.name is not None for a in given.values()):
                    raise self._bad(macro, argument, "a positional argument after a named one")
                name = names[position]
            elif name not in names:
                raise self._bad(macro, argument, f"no parameter '{name}'")
            if name in given:
                raise self._bad(macro, argument, f"'{name}' is given twice")
            given[name] = argument
        return given

    @staticmethod
    def _bad(macro: Macro, argument: Argument, message: str) -> LineError:
        return LineError("A309", message, argument.span, expected=_signature(macro))

    def _argument(self, node: syntax.Expression, scope: Scope, frames: tuple[int, ...]) -> Value:
        """A bare name stays a symbol, so that it can also name a type, a pipe or a label."""
        if not isinstance(node, syntax.Name):
            return evaluate(node, scope, self.assembly)
        value = scope.find(node.name)
        if isinstance(value, Symbol):
            return value
        return Symbol(node.name, value, frames)


def _opening(line: Line) -> syntax.Span:
    """The whole statement of a line."""
    text = line.source.split(";")[0].rstrip()
    column = len(text) - len(text.lstrip()) + 1
    return syntax.Span(column, max(column + 1, len(text) + 1))


def _signature(macro: Macro) -> str:
    names = [n.name if d is None else f"{n.name}=..." for n, d in macro.directive.formals]
    return f"{macro.directive.names[0].name} {', '.join(names)}".rstrip()

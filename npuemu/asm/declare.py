"""What directives declare: the kernel, its machines, parameters, constants, tensors, buffers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from npuemu.asm import syntax
from npuemu.asm.assembly import INT64, Assembly
from npuemu.asm.emit import Section
from npuemu.asm.errors import Location, Place
from npuemu.asm.expressions import evaluate, integer
from npuemu.asm.lexer import LineError
from npuemu.asm.program import SECTIONS
from npuemu.asm.scope import Scope, check_name
from npuemu.asm.syntax import Argument, Directive, Expression, Line, Name, Span
from npuemu.isa.codec import Reg

PARAMETER = re.compile(r"[A-Z][A-Z0-9_]*")


def _place(line: Line, name: Name) -> Place:
    return Place(line.file, line.number, name.span.column)


def _options(directive: Directive, known: tuple[str, ...]) -> dict[str, Argument]:
    """Options by name, each known and given once."""
    found: dict[str, Argument] = {}
    for option in directive.options:
        assert option.name is not None
        if option.name not in known or option.name in found:
            message = f"unknown or repeated option '{option.name}'"
            near = (option.name, known)
            raise LineError("A504", message, option.span, near=near, expected=", ".join(known))
        found[option.name] = option
    return found


def _optional(
    options: dict[str, Argument], name: str, scope: Scope, assembly: Assembly
) -> tuple[int, Span] | None:
    if name not in options:
        return None
    value = options[name].value
    return integer(value, scope, assembly), value.span


def _kernel(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    if assembly.name is not None:
        raise LineError("A504", "'.kernel' is repeated", directive.span)
    check_name(directive.names[0])
    assembly.name = directive.names[0].name


def _machines(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    target = assembly.target
    if target.listed or (target.settled and target.asked is None):
        raise LineError("A504", "'.machines' is repeated or comes too late", directive.span)
    for name in directive.names:
        check_name(name)
    target.listed = tuple(n.name for n in directive.names)
    if len(set(target.listed)) < len(target.listed):
        raise LineError("A202", "a machine is named twice", directive.span)


def _machine(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    target, name = assembly.target, directive.names[0]
    if target.bound is not None or target.settled:
        raise LineError("A504", "'.machine' is repeated or comes too late", name.span)
    target.bound = name.name


def _blocks(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    value = directive.values[0]
    assembly.target.bind_blocks(integer(value, scope, assembly), value.span)


def _param(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    name, expression = directive.names[0], directive.values[0]
    if not PARAMETER.fullmatch(name.name):
        message = f"parameter '{name.name}' is not in upper case"
        raise LineError("A203", message, name.span)
    value = assembly.overrides.get(name.name)
    if value is not None and directive.kind == "bound":
        message = f"'{name.name}' is bound to a value in this text"
        raise LineError("A805", message, name.span)
    if value is None:
        value = integer(expression, scope, assembly)
        if value not in INT64:
            message = "a parameter is a signed 64-bit number"
            raise LineError("A401", message, expression.span)
    assembly.globals.define(name, value, _place(line, name))
    assembly.params[name.name] = value


def _const(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    name = directive.names[0]
    value = integer(directive.values[0], scope, assembly)
    # Outside macros and repetitions a constant is global, whatever section is open.
    section = assembly.section
    inside = section is None or scope is not section.scope
    (scope if inside else assembly.globals).define(name, value, _place(line, name))


def _names(node: Expression) -> Iterator[Name]:
    """Every plain name of an expression."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, syntax.Unary):
        yield from _names(node.operand)
    elif isinstance(node, syntax.Binary):
        yield from _names(node.left)
        yield from _names(node.right)
    elif isinstance(node, syntax.Ternary):
        for part in (node.condition, node.yes, node.no):
            yield from _names(part)
    elif isinstance(node, syntax.Call):
        for part in node.arguments:
            yield from _names(part)


def _require(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    condition = directive.values[0]
    if integer(condition, scope, assembly):
        return
    known: dict[str, str] = {}
    for name in _names(condition):
        value = scope.find(name.name)
        if value is not None:
            known[name.name] = str(getattr(value, "name", value))

    def shown(match: re.Match[str]) -> str:
        value = scope.find(match[1])
        return match[0] if value is None else str(getattr(value, "name", value))

    message = re.sub(r"\{([A-Za-z_]\w*)\}", shown, directive.strings[0])
    values = ", ".join(f"{n} = {v}" for n, v in known.items())
    help = f"here {values}" if values else None
    raise LineError("A803", message, condition.span, help=help)


def _tensor(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    name, dtype, role = directive.names
    options = _options(directive, ("at", "min", "max"))
    at, least, most = (_optional(options, o, scope, assembly) for o in ("at", "min", "max"))
    shape = [(integer(v, scope, assembly), v.span) for v in directive.values]
    tensor = assembly.layout.tensor(
        name, dtype, shape, role, None if at is None else at[0], (least, most)
    )
    assembly.globals.define(name, tensor.address, _place(line, name))


def _buffer(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    name, mem = directive.names
    options = _options(directive, ("align", "at"))
    at = _optional(options, "at", scope, assembly)
    align = _optional(options, "align", scope, assembly)
    size = directive.values[0]
    nbytes = (integer(size, scope, assembly), size.span)
    capacity = assembly.target.machine.capacity
    fixed = None if at is None else at[0]
    buffer = assembly.layout.buffer(name, mem, nbytes, align, fixed, capacity)
    assembly.globals.define(name, buffer.address, _place(line, name))


def _reg(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    name, expression = directive.names[0], directive.values[0]
    value = evaluate(expression, scope, assembly)
    if not isinstance(value, Reg):
        raise LineError("A403", "a register is needed", expression.span, expected="r0 .. r31")
    if assembly.section is None and scope is assembly.globals:
        help = "write '.section cube' or '.section vector' first"
        raise LineError("A601", "a register name outside a section", name.span, help=help)
    scope.define(name, value, _place(line, name))


def _section(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    name = directive.names[0]
    if name.name not in SECTIONS:
        near, expected = (name.name, SECTIONS), ", ".join(SECTIONS)
        message = f"no section '{name.name}'"
        raise LineError("A601", message, name.span, near=near, expected=expected)
    if name.name not in assembly.sections:
        section = Section(name.name, Scope(assembly.globals), line)
        assembly.sections[name.name] = section
    assembly.section = assembly.sections[name.name]
    assembly.section.fixed = None


def _files(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    assembly.files = directive.strings


def _loc(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    """``.loc file, line, column, ...``: the place of the next instructions and its macro calls."""
    if assembly.section is None:
        raise LineError("A601", "'.loc' outside a section", directive.span)
    numbers = [integer(v, scope, assembly) for v in directive.values]
    groups = [numbers[i : i + 3] for i in range(0, len(numbers), 3)]
    for file, row, column in (g if len(g) == 3 else (-1, 0, 0) for g in groups):
        if not 0 <= file < len(assembly.files) or not (0 < row < 2**31 and 0 < column < 2**31):
            expected = "file, line, column, in threes; '.files' lists the files"
            raise LineError("A504", "'.loc' makes no sense", directive.span, expected=expected)
    (file, row, column), *outer = groups
    trace = tuple(Place(assembly.files[f], r, c) for f, r, c in outer)
    assembly.section.fixed = Location(assembly.files[file], row, column, trace)


HANDLERS: dict[str, Callable[[Assembly, Line, Directive, Scope], None]] = {
    "kernel": _kernel,
    "machines": _machines,
    "machine": _machine,
    "blocks": _blocks,
    "param": _param,
    "bound": _param,
    "const": _const,
    "require": _require,
    "tensor": _tensor,
    "buffer": _buffer,
    "reg": _reg,
    "section": _section,
    "files": _files,
    "loc": _loc,
}


def declare(assembly: Assembly, line: Line, directive: Directive, scope: Scope) -> None:
    """Execute one declaring directive."""
    HANDLERS[directive.kind](assembly, line, directive, scope)

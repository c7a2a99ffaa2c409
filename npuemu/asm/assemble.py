"""Text to program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from npuemu.asm.assembly import Assembly
from npuemu.asm.blocks import located
from npuemu.asm.emit import ENDS, Section, resolve
from npuemu.asm.errors import AsmError, Location
from npuemu.asm.expand import Expander, Frame
from npuemu.asm.lexer import LineError
from npuemu.asm.messages import error, listing
from npuemu.asm.program import SECTIONS, Program
from npuemu.asm.sources import read_text
from npuemu.asm.syntax import Span
from npuemu.asm.target import Machine
from npuemu.isa.table import Isa, load


def assemble(
    source: str | os.PathLike[str],
    *,
    machine: str | Machine | None = None,
    blocks: int | None = None,
    params: Mapping[str, int] | None = None,
    include_path: Iterable[str | os.PathLike[str]] = (),
    file: str | None = None,
    isa: Isa | None = None,
) -> Program:
    """Assemble a kernel's text (a ``str``) or file (a path); raises `AsmError`.

    machine: a name or a machine object; default: the first that the text lists.
    blocks: core groups of the launch, 1 .. 65536 (default 1). params: values of the text's
    parameters, signed 64-bit. file: the name that messages show for a ``str``.
    """
    if isinstance(source, str):
        text, shown = source, file or "<text>"
    else:
        text, shown = read_text(Path(source)), file or os.fspath(source)
    folders = tuple(Path(folder) for folder in include_path)
    try:
        assembly = Assembly(isa or load(), machine, blocks, params or {}, folders)
        Expander(assembly).run(assembly.sources.main(text, shown), Frame())
        return _finish(assembly, shown)
    except RecursionError:
        raise error("A702", f"{shown} is nested too deeply") from None


def _finish(assembly: Assembly, shown: str) -> Program:
    """Checks over the whole text, and the program."""
    unknown = [name for name in assembly.overrides if name not in assembly.params]
    if unknown:
        known = tuple(assembly.params)
        expected = listing(known) or "no parameters"
        message = f"the kernel has no parameter '{unknown[0]}'"
        raise error("A801", message, near=(unknown[0], known), expected=expected)
    if assembly.name is None:
        raise error("A504", f"{shown} has no '.kernel NAME'")
    machine = assembly.target.machine.name
    if not assembly.sections:
        raise error("A603", f"{shown} has no code", help="write '.section cube' and code")
    sections = {n: assembly.sections[n] for n in SECTIONS if n in assembly.sections}
    for section in sections.values():
        _complete(section)
    return Program(
        name=assembly.name,
        machine=machine,
        machines=assembly.target.listed or (machine,),
        blocks=assembly.target.blocks,
        params=dict(assembly.params),
        tensors=tuple(assembly.layout.tensors.values()),
        buffers=tuple(assembly.layout.buffers.values()),
        code={name: tuple(s.words) for name, s in sections.items()},
        locations={name: tuple(s.locations) for name, s in sections.items()},
        labels={name: dict(s.labels) for name, s in sections.items()},
        constants=_constants(assembly),
        prints={name: tuple(s.prints) for name, s in sections.items()},
        source=shown,
    )


def _constants(assembly: Assembly) -> dict[str, int]:
    """Global constants that are whole numbers and nothing else's name: a kernel's tiling."""
    others = {*assembly.params, *assembly.layout.tensors, *assembly.layout.buffers}
    values = assembly.globals.values.items()
    return {n: v for n, v in values if isinstance(v, int) and n not in others}


def _complete(section: Section) -> None:
    """Fill in the labels of a section and check its end."""
    if section.last is None or section.last.name not in ENDS:
        raise _falls_off(section)
    for name, index in section.labels.items():
        if index >= len(section.words):
            line = section.label_lines[name]
            shown = name.partition("@")[0]
            column = line.source.find(shown) + 1
            problem = LineError(
                "A602",
                f"label '{shown}' has no instruction after it",
                Span(column, column + len(shown)),
            )
            raise located(problem, line)
    for pending in section.pending:
        try:
            section.words[pending.index] = resolve(pending, section)
        except LineError as problem:
            raise located(problem, pending.line, pending.location) from None


def _falls_off(section: Section) -> AsmError:
    line = section.last_line or section.line
    column = len(line.source) - len(line.source.lstrip()) + 1
    location = Location(line.file, line.number, column)
    if section.locations:
        location = section.locations[-1]
        column = location.column
    return error(
        "A602",
        f"the {section.core} section does not end",
        location=location,
        source=line.source if location.line == line.number else None,
        width=len(line.source.split(";")[0].rstrip()) - column + 1,
        help="end it with 'halt' (or 'jmp')",
    )

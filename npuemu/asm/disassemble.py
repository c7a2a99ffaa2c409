"""Program to text that assembles to the same program."""

from __future__ import annotations

from collections.abc import Iterator

from npuemu.asm.errors import Location
from npuemu.asm.program import Program
from npuemu.isa.codec import Reg, decode
from npuemu.isa.table import Isa, Operand, Record, load

HEX_FROM = 1 << 16


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _number(value: int) -> str:
    return hex(value) if value >= HEX_FROM else str(value)


def _operand(operand: Operand, value: int | Reg, labels: dict[int, str]) -> str:
    if isinstance(value, Reg):
        return f"r{value.index}"
    if operand.enum is not None:
        symbol = operand.enum.symbol(value)
        assert symbol is not None
        return symbol
    return labels[value] if operand.kind == "label" else _number(value)


def _is_default(operand: Operand, value: int | Reg) -> bool:
    if operand.default is None:
        return False
    return value == (Reg(operand.default) if operand.kind == "reg" else operand.default)


def instruction(record: Record, values: dict[str, int | Reg], labels: dict[int, str]) -> str:
    """One instruction; ``labels`` names the instruction indices that it may jump to."""
    mnemonic, words, positional = record.name, [], True
    for operand in record.operands:
        value = values[operand.name]
        text = _operand(operand, value, labels)
        if operand.enum is not None and operand.enum.suffix:
            mnemonic += f".{text}"
        elif operand.default is None and positional:
            words.append(text)
        else:
            positional = False
            if not _is_default(operand, value):
                words.append(f"{operand.name}={text}")
    return f"{mnemonic} {', '.join(words)}".rstrip()


def _loc(location: Location, files: dict[str, int]) -> str:
    numbers = [files[location.file], location.line, location.column]
    for place in location.trace:
        numbers += [files[place.file], place.line, place.column]
    return f".loc {', '.join(map(str, numbers))}"


def _files(program: Program) -> dict[str, int]:
    """Source files by number, in order of use."""
    files: dict[str, int] = {}
    for locations in program.locations.values():
        for location in dict.fromkeys(locations):
            for file in (location.file, *(place.file for place in location.trace)):
                files.setdefault(file, len(files))
    return files


def _header(program: Program) -> Iterator[str]:
    yield f".kernel {program.name}"
    yield f".machines {', '.join(program.machines)}"
    yield f".machine {program.machine}"
    yield f".blocks {program.blocks}"
    for name, value in program.params.items():
        yield f".bound {name} = {value}"
    for t in program.tensors:
        shape = ", ".join(map(str, t.shape))
        limits = "" if t.bounds is None else f", min={t.bounds[0]}, max={t.bounds[1]}"
        yield f".tensor {t.name} {t.dtype} [{shape}] {t.role}, at={t.address}{limits}"
    for b in program.buffers:
        yield f".buffer {b.name} {b.mem} {b.nbytes}, at={b.address}"


def _section(program: Program, section: str, isa: Isa, files: dict[str, int]) -> Iterator[str]:
    yield ""
    yield f".section {section}"
    at: dict[int, list[str]] = {}
    for name, index in program.labels[section].items():
        at.setdefault(index, []).append(name)
    targets = {index: names[0] for index, names in at.items()}
    here: Location | None = None
    for index, word in enumerate(program.code[section]):
        for name in at.get(index, ()):
            yield f"{name}:"
        location = program.locations[section][index]
        if files and location != here:
            yield f"    {_loc(location, files)}"
            here = location
        yield f"    {instruction(*decode(isa, word), targets)}"


def disassemble(program: Program, *, locations: bool = True, isa: Isa | None = None) -> str:
    """Text of a program. With ``locations`` it assembles to the identical binary; without, the
    source map is left out, which reads better."""
    table = isa or load()
    files = _files(program) if locations else {}
    lines = list(_header(program))
    if files:
        lines.append(f".files {', '.join(map(_quoted, files))}")
    for section in program.code:
        lines.extend(_section(program, section, table, files))
    return "\n".join(lines) + "\n"

"""`npuemu list`, `machines` and `isa`: what there is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from npuemu.cli import completion
from npuemu.errors import UserError

if TYPE_CHECKING:
    from npuemu.isa.table import Isa, Operand, Record


def list_kernels() -> int:
    """List the bundled kernels."""
    from npuemu import api
    from npuemu.report.tables import Column, table
    from npuemu.report.terminal import style_for

    rows = [[info.name, " ".join(info.machines), info.summary] for info in api.list_kernels()]
    columns = [Column("kernel"), Column("machines"), Column("what it computes", wrap=True)]
    sys.stdout.write(table(columns, rows, style_for(sys.stdout)))
    return 0


def machines() -> int:
    """List the built-in machines."""
    from npuemu import api
    from npuemu.report.summary import size
    from npuemu.report.tables import Column, table
    from npuemu.report.terminal import style_for

    found = api.list_machines()
    style = style_for(sys.stdout)
    columns = [
        Column("machine"), Column("groups", True), Column("clock", True), Column("features"),
        Column("title", wrap=True),
    ]  # fmt: skip
    rows = [
        [m.name, str(m.groups), f"{m.clock_mhz:g} MHz", " ".join(sorted(m.features)), m.title]
        for m in found
    ]
    sys.stdout.write(table(columns, rows, style) + "\n")
    names = list(dict.fromkeys(name for m in found for name in m.capacity))
    rows = [
        [m.name, *(size(m.capacity[n]) if n in m.capacity else "-" for n in names)] for m in found
    ]
    columns = [Column("memories"), *(Column(name, True) for name in names)]
    sys.stdout.write(table(columns, rows, style) + "\n")
    for m in found:
        print(f"{m.name}: {m.source}")
    return 0


def isa(
    mnemonic: Annotated[
        str | None,
        typer.Argument(
            metavar="MNEMONIC",
            help="Show one instruction in full.",
            autocompletion=completion.mnemonic,
        ),
    ] = None,
) -> int:
    """List the instructions, or show one in full."""
    from npuemu.isa.table import load

    instructions = load()
    if mnemonic is None:
        _print_overview(instructions)
    else:
        _print_record(_find(instructions, mnemonic))
    return 0


def _find(instructions: Isa, mnemonic: str) -> Record:
    """The record of a mnemonic, dotted suffixes ignored; else an error naming the nearest."""
    name = mnemonic.lower().split(".")[0]
    if name in instructions.by_name:
        return instructions.by_name[name]
    import difflib

    near = difflib.get_close_matches(name, instructions.by_name, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else "; `npuemu isa` lists them all"
    raise UserError(f"there is no instruction '{mnemonic}'{hint}")


def _print_overview(instructions: Isa) -> None:
    from npuemu.report.tables import Column, table
    from npuemu.report.terminal import style_for

    columns = [Column("instruction"), Column("core"), Column("pipe"), Column("needs"),
               Column("summary", wrap=True)]  # fmt: skip
    rows = [
        [r.name, r.core, r.pipe, " ".join(sorted(r.requires)), r.summary]
        for r in instructions.records
    ]
    sys.stdout.write(table(columns, rows, style_for(sys.stdout)))


def syntax(record: Record) -> str:
    """The text form: `vadd.TYPE dst, src0, src1, rep=1, ...`."""
    suffixes = "".join(f".{operand.name.upper()}" for operand in record.suffixes)
    plain = [operand for operand in record.operands if operand not in record.suffixes]
    texts = [o.name if o.default is None else f"{o.name}={o.default}" for o in plain]
    return f"{record.name}{suffixes} {', '.join(texts)}".rstrip()


def _values(operand: Operand) -> str:
    """What an operand may be: symbols, an address in a memory, or a range; and its alignment."""
    if operand.enum is not None:
        return " ".join(operand.symbols())
    if operand.mem is not None:
        text = f"{operand.mem} address"
    elif operand.hi >= 2**62:
        text = "any 64 bits"
    else:
        text = f"{operand.lo}..{operand.hi}"
    return f"{text}, multiple of {operand.align}" if operand.align > 1 else text


def _print_record(record: Record) -> None:
    from npuemu.report.tables import Column, table
    from npuemu.report.terminal import style_for

    print(f"{record.name}: {record.summary}\n")
    print(f"    {syntax(record)}\n")
    needs = f"   needs {', '.join(sorted(record.requires))}" if record.requires else ""
    print(f"core {record.core}   pipe {record.pipe}   opcode 0x{record.opcode:02x}{needs}\n")
    rows = []
    for o in record.operands:
        rows.append([o.name, o.kind, f"{o.msb}:{o.lsb}", _values(o), o.doc])
    columns = [Column("operand"), Column("kind"), Column("bits"), Column("values", wrap=True),
               Column("meaning", wrap=True)]  # fmt: skip
    if rows:
        sys.stdout.write(table(columns, rows, style_for(sys.stdout)) + "\n")
    for title, lines in (("reads", record.reads), ("writes", record.writes)):
        for line in lines:
            print(f"{title:6} {line}")
    print(record.meaning.strip() if record.meaning else "")

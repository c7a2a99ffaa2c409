"""Whether a program read from a binary could have come from the assembler."""

from __future__ import annotations

import re
from collections.abc import Iterable

from npuemu.asm.assembly import INT64
from npuemu.asm.declare import PARAMETER
from npuemu.asm.emit import ENDS
from npuemu.asm.errors import AsmError
from npuemu.asm.layout import (
    MAX_DIMENSIONS,
    MAX_ITEMS,
    MEMORY_ALIGN,
    bounds_problem,
    tensor_problem,
)
from npuemu.asm.messages import error
from npuemu.asm.program import (
    DTYPE_BITS,
    MAX_INSTRUCTIONS,
    ROLES,
    Program,
    Tensor,
    tensor_bytes,
)
from npuemu.asm.scope import RESERVED
from npuemu.asm.target import MAX_BLOCKS, Machine, load_machine
from npuemu.isa.codec import IsaError, Reg, decode
from npuemu.isa.table import Isa, Record, load

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}(@[0-9]{1,9})?")
REGISTER = re.compile(r"r[0-9]+")
FILE_LENGTH = 4096


def _bad(message: str) -> AsmError:
    return error("A903", message)


def _name(text: str, what: str) -> None:
    if not IDENTIFIER.fullmatch(text) or REGISTER.fullmatch(text) or text in RESERVED:
        raise _bad(f"{what} {text[:80]!r} is no name")


def _unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        _name(name, what)
        if name in seen:
            raise _bad(f"{what} '{name}' is there twice")
        seen.add(name)


def _header(program: Program) -> None:
    _name(program.name, "the kernel's name")
    _unique(program.machines, "machine")
    if not program.machines:
        raise _bad("no machine is named")
    if not 1 <= program.blocks <= MAX_BLOCKS:
        raise _bad(f"{program.blocks} blocks")
    for name, value in program.params.items():
        if not PARAMETER.fullmatch(name) or value not in INT64:
            raise _bad(f"parameter {name[:80]!r} = {value}")
    names = [
        *program.params,
        *(t.name for t in program.tensors),
        *(b.name for b in program.buffers),
    ]
    _unique(names, "declaration")


def _tensors(tensors: tuple[Tensor, ...]) -> None:
    if len(tensors) > MAX_ITEMS:
        raise _bad("too many tensors")
    for t in tensors:
        if t.dtype not in DTYPE_BITS or t.role not in ROLES:
            raise _bad(f"tensor '{t.name}': unknown type or role")
        if not 1 <= len(t.shape) <= MAX_DIMENSIONS or not all(1 <= d < 2**40 for d in t.shape):
            raise _bad(f"tensor '{t.name}': shape out of range")
        if t.dtype == "e2m1" and t.shape[-1] % 2 or t.nbytes != tensor_bytes(t.dtype, t.shape):
            raise _bad(f"tensor '{t.name}': size does not match the shape")
        problem = bounds_problem(t)
        if problem is not None:
            raise _bad(problem)
    in_order = sorted(tensors, key=lambda t: t.address)
    for i, t in enumerate(in_order):
        problem = tensor_problem(t, in_order[i - 1 : i] if i else ())
        if problem is not None:
            raise _bad(problem)


def _buffers(program: Program, capacity: dict[str, int]) -> None:
    if len(program.buffers) > MAX_ITEMS:
        raise _bad("too many buffers")
    for b in program.buffers:
        if b.mem not in MEMORY_ALIGN or not capacity.get(b.mem):
            raise _bad(f"buffer '{b.name}': no memory {b.mem[:40]!r}")
        if b.nbytes < 1 or b.address < 0 or b.address + b.nbytes > capacity[b.mem]:
            raise _bad(f"buffer '{b.name}' does not lie in {b.mem}")


def _instruction(
    isa: Isa, word: int, core: str, machine: Machine
) -> tuple[Record, dict[str, int | Reg]]:
    try:
        record, values = decode(isa, word)
    except IsaError as problem:
        raise _bad(f"a word is no instruction: {problem.message}") from None
    if not record.runs_on(core):
        raise _bad(f"'{record.name}' in the {core} section")
    if record.requires - machine.features:
        raise _bad(f"{machine.name} has no '{record.name}'")
    reason = machine.objection(record, values, core)
    if reason is not None:
        raise _bad(reason)
    return record, values


def _code(program: Program, core: str, isa: Isa, machine: Machine) -> None:
    words, labels = program.code[core], program.labels[core]
    if not 1 <= len(words) <= MAX_INSTRUCTIONS:
        raise _bad(f"{len(words)} instructions in the {core} section")
    for name, index in labels.items():
        if not LABEL.fullmatch(name) or REGISTER.fullmatch(name) or not 0 <= index < len(words):
            raise _bad(f"label {name[:80]!r} at {index}")
    targets = set(labels.values())
    for word in dict.fromkeys(words):
        record, values = _instruction(isa, word, core, machine)
        for operand in record.operands:
            if operand.kind == "label" and values[operand.name] not in targets:
                raise _bad(f"'{record.name}' to {values[operand.name]}, where no label is")
    if decode(isa, words[-1])[0].name not in ENDS:
        raise _bad(f"the {core} section does not end")


def _machine(program: Program, wanted: str | Machine | None) -> Machine:
    """The machine that the program is bound to."""
    if isinstance(wanted, str):
        wanted = load_machine(wanted)
    if wanted is None:
        return load_machine(program.machine)
    if wanted.name != program.machine:
        message = f"the binary is for machine {program.machine}, not {wanted.name}"
        raise error("A805", message)
    return wanted


def validate(program: Program, machine: str | Machine | None) -> None:
    """Check a program from a file; raises `AsmError`."""
    _header(program)
    bound = _machine(program, machine)
    _tensors(program.tensors)
    _buffers(program, bound.capacity)
    for file in {loc.file for rows in program.locations.values() for loc in rows}:
        if not file.isprintable() or len(file) > FILE_LENGTH:
            raise _bad("a source file's name is malformed")
    if not program.code:
        raise _bad("there is no code")
    isa = load()
    for core in program.code:
        _code(program, core, isa, bound)

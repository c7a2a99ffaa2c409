"""Damage: to texts, to instruction words, to binary files; and programs of random instructions."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from npuemu.asm.program import Program
from npuemu.isa.codec import IsaError, Reg, Value, decode, encode, immediate_range
from npuemu.isa.table import CORE_PIPES, PIPES, Isa, Operand, Record, load
from npuemu.machine import Machine

NUMBERS = (
    0, 1, -1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 255, 256, 512, 1023, 4095, 4096,
    65535, 65536, 196608, 524288, 2**31 - 1, 2**31, 2**32, 2**48, 2**63 - 1, 2**63, 2**64,
    -(2**31), -(2**63),
)  # fmt: skip
CHARACTERS = "\0\t\n ,.;:@#\"'()[]{}<>=+-*/%&|^~!?\\0aZ_rx\u00e9\u2028\U0001f600"
HEAD = """
.kernel random
.machines {machine}
.tensor X s32 [1024] in
.tensor Y s32 [1024] out
.tensor T s32 [1024] scratch
"""
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def _nudge(rng: random.Random, token: str) -> str:
    value = int(token)
    near = (value + 1, value - 1, value * 2, value // 2, -value)
    return str(rng.choice(near if rng.random() < 0.5 else NUMBERS))


def _kind(token: str) -> str:
    """Tokens of one kind stand in the same places: registers, numbers, names, marks."""
    if token[0].isdigit():
        return "number" if token.isdecimal() and token.isascii() else "literal"
    if re.fullmatch(r"r\d+", token):
        return "register"
    return "upper" if token.isupper() else "lower" if token[0].isalpha() else "mark"


def _change_tokens(rng: random.Random, text: str) -> str:
    """Swap, drop, repeat or replace tokens; most often by one of their own kind."""
    tokens = _TOKEN.findall(text)
    places = [i for i, t in enumerate(tokens) if not t.isspace()]
    i = rng.choice(places)
    alike = [k for k in places if _kind(tokens[k]) == _kind(tokens[i])]
    j = rng.choice(alike if rng.random() < 0.8 else places)
    match rng.randrange(8):
        case 0 | 1:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        case 2 | 3:
            tokens[i] = tokens[j]
        case 4:
            tokens[i] = rng.choice(("", tokens[i] + " " + tokens[i]))
        case _:
            numbers = [k for k in places if _kind(tokens[k]) == "number"]
            k = rng.choice(numbers or places)
            tokens[k] = _nudge(rng, tokens[k]) if numbers else "1"
    return "".join(tokens)


def _change_lines(rng: random.Random, text: str) -> str:
    """Drop, repeat, swap or move lines."""
    lines = text.splitlines()
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case 2:
            lines[i], lines[j] = lines[j], lines[i]
        case _:
            del lines[i : i + rng.randrange(1, 8)]
    return "\n".join(lines) + "\n"


def _change_characters(rng: random.Random, text: str) -> str:
    """Put a character in, or cut a piece out."""
    i = rng.randrange(len(text))
    if rng.random() < 0.5:
        return text[:i] + rng.choice(CHARACTERS) + text[i:]
    return text[:i] + text[i + rng.randrange(1, 20) :]


def text(rng: random.Random, original: str) -> str:
    """One to four small changes; never an empty text."""
    changes: tuple[Callable[[random.Random, str], str], ...] = (
        _change_tokens,
        _change_tokens,
        _change_tokens,
        _change_tokens,
        _change_tokens,
        _change_lines,
        _change_characters,
    )
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        original = rng.choice(changes)(rng, original)
        original = original if original.strip() else ";"
    return original


def _value(rng: random.Random, operand: Operand, length: int) -> Value:
    """A value that the field can hold; ``length``: instructions of the section, for labels."""
    if operand.kind in ("rd", "reg") or (operand.kind == "x" and rng.random() < 0.2):
        return Reg(rng.randrange(32))
    if operand.enum is not None:
        return operand.enum.values[rng.choice(operand.symbols())]
    if operand.kind == "label":
        return rng.randrange(length)
    lo, hi = immediate_range(operand)
    if operand.default is not None and rng.random() < 0.3:
        return operand.default
    small = rng.randint(max(lo, 0), max(0, min(hi, lo + 12)) * operand.align)
    value = rng.choice((rng.randint(lo, hi), rng.choice(NUMBERS), small, small))
    return max(lo, min(hi, value)) // operand.align * operand.align


def _word(rng: random.Random, isa: Isa, word: int, length: int) -> int:
    """The word with one operand replaced; its old form when the new one does not encode."""
    record, values = decode(isa, word)
    if not record.operands:
        return word
    operand = rng.choice(record.operands)
    try:
        return encode(record, values | {operand.name: _value(rng, operand, length)})
    except IsaError:
        return word


def words(rng: random.Random, program: Program) -> Program:
    """The program with operand fields of up to four words replaced by other legal values."""
    isa = load()
    code = {}
    for section, old in program.code.items():
        new = list(old)
        for _ in range(rng.randrange(1, 5)):
            i, j = rng.randrange(len(new)), rng.randrange(len(new))
            if rng.random() < 0.75:
                new[i] = _word(rng, isa, new[i], len(new))
            else:
                new[i], new[j] = new[j], new[i]
        code[section] = tuple(new)
    return replace(program, code=code)


def signed(body: bytes) -> bytes:
    """A binary with its digest made valid again."""
    return body[:24] + hashlib.sha256(body[:24] + body[56:]).digest() + body[56:]


def binary(rng: random.Random, original: bytes) -> bytes:
    """Flipped bits, replaced bytes, a cut or a repeated piece; mostly with a valid digest."""
    damaged = bytearray(original)
    for _ in range(rng.randrange(1, 4)):
        i = rng.randrange(len(damaged)) if damaged else 0
        match rng.randrange(9):
            case 0 | 1 | 2 | 3 | 4 | 5 if damaged:
                damaged[i] ^= 1 << rng.randrange(8)
            case 6 if damaged:
                damaged[i] = rng.choice((0, 0x7F, 0x80, 0xFF))
            case 7:
                del damaged[i : i + rng.randrange(1, 40)]
            case _:
                damaged[i:i] = damaged[i : i + rng.randrange(1, 40)]
    return signed(bytes(damaged)) if rng.random() < 0.8 else bytes(damaged)


@cache
def _records(core: str) -> tuple[Record, ...]:
    """Instructions of a core kind; those that move data three times as often."""
    found = [r for r in load().records if r.runs_on(core) and r.name != "halt"]
    return tuple(r for r in found for _ in range(3 if r.is_data else 1))


GM_REGISTERS, LOCAL_REGISTERS, SMALL_REGISTERS = range(6), range(6, 22), range(22, 32)


def _likely(rng: random.Random, operand: Operand, count: int) -> Value:
    """A value for a random program: registers by what they hold at the start, small numbers."""
    if operand.mem is not None:
        return Reg(rng.choice(GM_REGISTERS if operand.mem == "GM" else LOCAL_REGISTERS))
    if operand.kind in ("rd", "reg") or (operand.kind == "x" and rng.random() < 0.1):
        return Reg(rng.choice(SMALL_REGISTERS))
    return _value(rng, operand, count)


def _runs(core: str, machine: Machine, record: Record, values: dict[str, Value]) -> bool:
    """Whether a core of the machine takes this form."""
    numbers = {k: v for k, v in values.items() if isinstance(v, int)}
    if machine.refuse(record, values) is not None:
        return False
    if record.name in ("set_flag", "wait_flag") and values["src"] == values["dst"]:
        return False
    named = [o for o in record.operands if o.enum is not None and o.enum.name in ("pipe", "bpipe")]
    return all(numbers[o.name] == 7 or PIPES[numbers[o.name]] in CORE_PIPES[core] for o in named)


def _instruction(rng: random.Random, core: str, machine: Machine, count: int, index: int) -> str:
    """A random instruction as text; branches go to labels L0 .. L<count>, most forwards."""
    while True:
        record = rng.choice(_records(core))
        values = {o.name: _likely(rng, o, count) for o in record.operands}
        if _runs(core, machine, record, values):
            break
    name, operands = record.name, []
    for operand in record.operands:
        value = values[operand.name]
        if operand.kind == "label":
            target = rng.randrange(index + 1, count + 1) if rng.random() < 0.97 else index
            operands.append(f"{operand.name}=L{target}")
        elif operand.enum is not None and isinstance(value, int):
            symbol = operand.enum.symbol(value)
            if operand.enum.suffix:
                name += f".{symbol}"
            else:
                operands.append(f"{operand.name}={symbol}")
        elif operand.default is None or rng.random() < 0.3:
            operands.append(f"{operand.name}={value}")
    return f"L{index}: {name} {', '.join(operands)}"


def program(rng: random.Random, machine: Machine) -> str:
    """A text of random instructions; registers start at tensors, addresses, small numbers."""
    lines = [HEAD.format(machine=machine.name)]
    for core in rng.choice((("cube",), ("vector",), ("cube", "vector"))):
        lines.append(f".section {core}")
        lines += [
            f"li r{r}, {rng.choice(('X', 'Y', 'T'))} + {rng.choice((0, 0, 32, 512))}"
            for r in GM_REGISTERS
        ]
        lines += [
            f"li r{r}, {rng.randrange(16) * rng.choice((64, 1024, 1024))}" for r in LOCAL_REGISTERS
        ]
        lines += [f"li r{r}, {rng.randrange(1, 9)}" for r in SMALL_REGISTERS]
        count = rng.randrange(1, 24)
        lines += [_instruction(rng, core, machine, count, i) for i in range(count)]
        lines.append(f"L{count}: halt")
    return "\n".join(lines) + "\n"

"""Text, binary and back; binaries that someone has changed."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npuemu import asm
from npuemu.asm.binary import HEADER
from npuemu.asm.errors import Location, Place
from npuemu.isa.codec import Reg, encode, immediate_range
from npuemu.isa.table import Operand, Record, load
from tests.asm.helpers import build, kernel, listing
from tests.asm.machines import EVERYTHING

ISA = load()
HALT = encode(ISA.by_name["halt"], {})
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

SAMPLE = kernel(
    """.param M = 24
.tensor A bf16 [M, 32] in
.tensor B e2m1 [M, 64] out
.buffer ta UB 1024
.buffer tb L0C 2048
.macro go(n)
@x: li r1, A + n
  mov_gm_ub r2, r1, len=32, n_burst=n
  bne r1, 0, @x
.endmacro
top:
 go 1
 go 2
 vadd.f32 r1, r2, r3, rep=r4
 jmp top
.section cube
 mmad.s8 r1, r2, r3, 16, 16, 32, zero
 halt
.section vector"""
)


def number(operand: Operand) -> st.SearchStrategy[int]:
    """Immediates that the field holds, its ends included."""
    lo, hi = immediate_range(operand)
    low, high = -(-lo // operand.align), hi // operand.align
    ends = st.sampled_from([low, high])
    return st.one_of(ends, st.integers(low, high)).map(lambda n: n * operand.align)


def value(operand: Operand, length: int) -> st.SearchStrategy[int | Reg]:
    """Any value of an operand; labels lie inside a section of ``length`` instructions."""
    register = st.integers(0, 31).map(Reg)
    if operand.kind in ("rd", "reg"):
        return register
    if operand.enum is not None:
        return st.sampled_from([operand.enum.values[s] for s in operand.symbols()])
    if operand.kind == "label":
        return st.integers(0, length - 1)
    return st.one_of(register, number(operand)) if operand.kind == "x" else number(operand)


@st.composite
def sections(draw: Any, core: str) -> tuple[tuple[int, ...], dict[str, int], tuple[Location, ...]]:
    """Words, labels and locations of a section."""
    records = [r for r in ISA.records if r.runs_on(core)]
    chosen = draw(st.lists(st.sampled_from(records), max_size=12))
    length, words, labels = len(chosen) + 1, [], {}
    for record in chosen:
        values = {o.name: draw(value(o, length)) for o in record.operands}
        words.append(encode(record, values))
        for operand in record.operands:
            if operand.kind == "label":
                labels[f"to{values[operand.name]}@{len(words)}"] = values[operand.name]
    places = st.builds(
        Place, st.sampled_from(["a b.npu", 'q"\\.inc']), st.integers(1, 9), st.integers(1, 9)
    )
    trace = st.lists(places, max_size=2).map(tuple)
    spots = st.builds(lambda p, t: Location(*p, t), places, trace)
    locations = draw(st.lists(spots, min_size=length, max_size=length))
    ordered = dict(sorted(labels.items(), key=lambda item: item[1]))
    return (*words, HALT), ordered, tuple(locations)


@st.composite
def programs(draw: Any) -> asm.Program:
    """A program over all records, with tensors, buffers, parameters and a source map."""
    cores = draw(st.sampled_from([("cube",), ("vector",), ("cube", "vector")]))
    parts = {core: draw(sections(core)) for core in cores}
    base = build(SAMPLE, params={"M": draw(st.integers(1, 100))}, blocks=draw(st.integers(1, 24)))
    return replace(
        base,
        params=base.params | {"LOW": draw(st.integers(-(2**63), 2**63 - 1))},
        code={core: part[0] for core, part in parts.items()},
        labels={core: part[1] for core, part in parts.items()},
        locations={core: part[2] for core, part in parts.items()},
    )


@SLOW
@given(programs())
def test_generated_programs_round_trip(program: asm.Program) -> None:
    data = asm.binary.dump(program)
    assert asm.binary.load(data, machine=EVERYTHING) == program
    again = build(asm.disassemble(program))
    assert again == program
    assert asm.binary.dump(again) == data
    plain = build(asm.disassemble(program, locations=False))
    assert plain.code == program.code


@pytest.mark.parametrize("record", ISA.records, ids=lambda r: r.name)
def test_every_record_round_trips_as_text(record: Record) -> None:
    core = "cube" if record.core == "both" else record.core
    for seed in range(4):
        rng = random.Random(seed)
        values: dict[str, int | Reg] = {}
        for operand in record.operands:
            if operand.default is not None and seed == 0:
                continue
            if operand.kind in ("rd", "reg") or (operand.kind == "x" and seed == 1):
                values[operand.name] = Reg(rng.randrange(32))
            elif operand.enum is not None:
                values[operand.name] = operand.enum.values[rng.choice(operand.symbols())]
            elif operand.kind == "label":
                values[operand.name] = 0
            else:
                lo, hi = (bound // operand.align for bound in immediate_range(operand))
                values[operand.name] = rng.randint(lo + (seed == 2), hi) * operand.align
        word = encode(record, values)
        program = replace(
            build(kernel("top: halt", core)),
            code={core: (word, HALT)},
            labels={core: {"top": 0}},
            locations={core: (Location("<text>", 1, 1),) * 2},
        )
        assert build(asm.disassemble(program)) == program


def test_the_sample_round_trips() -> None:
    program = build(SAMPLE)
    data = asm.binary.dump(program)
    again = build(asm.disassemble(asm.binary.load(data, machine=EVERYTHING)))
    assert asm.binary.dump(again) == data
    assert listing(again) == listing(program)


def signed(data: bytes) -> bytes:
    """The file with the checksum that fits its contents."""
    digest = hashlib.sha256(data[:24] + data[HEADER.size :]).digest()
    return data[:24] + digest + data[HEADER.size :]


def survives(data: bytes) -> None:
    """A load ends in a program that dumps to the same bytes, or in one `AsmError`."""
    try:
        program = asm.binary.load(data, machine=EVERYTHING)
    except asm.AsmError as problem:
        assert problem.code in ("A901", "A902", "A903", "A805"), str(problem)
        assert "\n" not in problem.summary
        return
    assert asm.binary.dump(program) == data
    assert build(asm.disassemble(program)) == program


DATA = asm.binary.dump(build(SAMPLE))


def test_truncated_binaries_are_refused() -> None:
    for size in range(len(DATA)):
        with pytest.raises(asm.AsmError, match="A90"):
            asm.binary.load(DATA[:size], machine=EVERYTHING)
    with pytest.raises(asm.AsmError, match="A902"):
        asm.binary.load(DATA + b"\0", machine=EVERYTHING)


def test_bit_flips_are_refused() -> None:
    for bit in range(0, len(DATA) * 8, 3):
        data = bytearray(DATA)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(asm.AsmError, match="A90"):
            asm.binary.load(bytes(data), machine=EVERYTHING)


def test_changed_and_signed_binaries_load_or_are_refused() -> None:
    rng = random.Random(7)
    for _ in range(1500):
        data = bytearray(DATA)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(8, len(data))] = rng.choice(
                (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
            )
        survives(signed(bytes(data)))
    for size in range(HEADER.size, len(DATA), 7):
        survives(signed(DATA[:size]))


LIES = [
    {"blocks": 0},
    {"machines": ()},
    {"name": "a b"},
    {"params": {"m": 1}},
    {"params": {"A": 1}},
    {"buffers": (asm.Buffer("x", "GM", 0, 1),)},
    {"buffers": (asm.Buffer("x", "UB", 192 << 10, 1),)},
    {"tensors": (asm.Tensor("t", "f32", (1 << 33,), "in", 4096, 1 << 35),)},
    {"tensors": (asm.Tensor("t", "f32", (4,), "in", 4096, 17),)},
    {"tensors": (asm.Tensor("t", "f32", (4,), "in", 4096, 16, (0, 1)),)},
    {"tensors": (asm.Tensor("t", "s8", (4,), "in", 4096, 4, (1, 0)),)},
    {
        "tensors": (
            asm.Tensor("t", "f32", (4,), "in", 4096, 16),
            asm.Tensor("u", "f32", (4,), "in", 4096, 16),
        )
    },
    {"labels": {"cube": {}, "vector": {"top": 99}}},
    {"labels": {"cube": {}, "vector": {}}},
    {"code": {"cube": (HALT,), "vector": build(SAMPLE).code["cube"]}},
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: next(iter(lie)))
def test_a_binary_that_lies_is_refused(lie: dict[str, Any]) -> None:
    program = replace(build(SAMPLE), **lie)
    if "code" in lie:
        spots = {
            core: program.locations["vector"][: len(words)] for core, words in lie["code"].items()
        }
        program = replace(program, locations=spots)
    with pytest.raises(asm.AsmError) as caught:
        asm.binary.load(asm.binary.dump(program), machine=EVERYTHING)
    assert caught.value.code == "A903"


def test_changed_texts_assemble_or_are_refused() -> None:
    rng = random.Random(11)
    pieces = [
        ".rep i, 0, 9",
        ".endrep",
        "(",
        "@",
        "9",
        ".if",
        "M",
        '"',
        "-",
        "\0",
        "é",
        "go",
        ",",
        "=",
        ":",
    ]
    for _ in range(600):
        text = SAMPLE
        for _ in range(rng.randint(1, 4)):
            at, cut = rng.randrange(len(text)), rng.choice((0, 1, 1, 9))
            text = text[:at] + rng.choice([*pieces, "", text[at : at + 20]]) + text[at + cut :]
        try:
            program = build(text)
        except asm.AsmError as problem:
            assert str(problem).startswith("error[A")
        else:
            assert build(asm.disassemble(program)) == program

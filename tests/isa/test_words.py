"""Words: every bit accounted for, every value that fits comes back, no other is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuemu.isa.codec import IsaError, Reg, decode, encode, immediate_range
from npuemu.isa.table import OPCODE_BITS, WORD_BITS, Operand, Record, TableError, check
from tests.isa.operands import ISA, NAMES, RECORDS, instructions, plain

OPCODE_MASK = (1 << OPCODE_BITS) - 1


def field_mask(operand: Operand) -> int:
    """The operand's bits of the word."""
    return ((1 << operand.width) - 1) << operand.lsb


def owner(record: Record, bit: int) -> Operand | None:
    """The operand that owns a bit."""
    return next((o for o in record.operands if o.lsb <= bit <= o.msb), None)


def check_operand_bit(record: Record, word: int, bit: int, operand: Operand) -> None:
    """A flipped operand bit changes that operand alone, or is refused by its name."""
    _, before = decode(ISA, word)
    try:
        found, after = decode(ISA, word ^ 1 << bit)
    except IsaError as error:
        assert error.operand == operand.name
        return
    assert found is record
    assert [n for n in before if before[n] != after[n]] == [operand.name]
    assert encode(record, after) == word ^ 1 << bit


def check_opcode_bit(record: Record, word: int, bit: int) -> None:
    """A flipped opcode bit is another record, or no instruction."""
    try:
        found, _ = decode(ISA, word ^ 1 << bit)
    except IsaError:
        return
    assert found is not record


@pytest.mark.parametrize("immediate", [True, False], ids=["immediates", "registers"])
@pytest.mark.parametrize("name", NAMES)
def test_every_bit_is_opcode_operand_or_reserved(name: str, immediate: bool) -> None:
    record = ISA.by_name[name]
    word = encode(record, plain(record, immediate))
    for bit in range(WORD_BITS):
        operand = owner(record, bit)
        if operand is not None:
            check_operand_bit(record, word, bit, operand)
        elif bit < OPCODE_BITS:
            check_opcode_bit(record, word, bit)
        else:
            with pytest.raises(IsaError, match="reserved bits are not zero"):
                decode(ISA, word ^ 1 << bit)


@pytest.mark.parametrize("name", NAMES)
def test_fields_and_reserved_bits_tile_the_word(name: str) -> None:
    record = ISA.by_name[name]
    masks = [OPCODE_MASK, record.reserved, *map(field_mask, record.operands)]
    assert sum(masks) == (1 << WORD_BITS) - 1, "a bit is missing or claimed twice"
    assert sum(mask.bit_count() for mask in masks) == WORD_BITS


def test_no_two_records_overlap() -> None:
    assert len({r.opcode for r in RECORDS}) == len({r.name for r in RECORDS}) == len(RECORDS)
    for record in RECORDS:
        found, values = decode(ISA, encode(record, plain(record)))
        assert found is record and values == plain(record)


@pytest.mark.parametrize("word", [0, 0xFF, 1 << 127, OPCODE_MASK << 120, (1 << 128) - 1, 1 << 128])
def test_words_that_are_no_instruction_are_refused(word: int) -> None:
    with pytest.raises(IsaError):
        decode(ISA, word)


def test_an_unused_opcode_is_refused_by_number() -> None:
    unused = next(n for n in range(256) if n not in ISA.by_opcode)
    with pytest.raises(IsaError, match=f"{unused:#04x}"):
        decode(ISA, unused)


@settings(deadline=None)
@given(st.integers(0, (1 << 128) - 1))
def test_any_word_decodes_to_itself_or_is_refused(word: int) -> None:
    try:
        record, found = decode(ISA, word)
    except IsaError:
        return
    assert encode(record, found) == word


@settings(max_examples=1000, deadline=None)
@given(instructions())
def test_encode_decode_round_trip(instruction: tuple[Record, dict[str, Any]]) -> None:
    record, chosen = instruction
    word = encode(record, chosen)
    assert 0 <= word < 1 << WORD_BITS
    assert decode(ISA, word) == (record, chosen)


def numeric(record: Record) -> list[Operand]:
    """Operands that take immediates."""
    return [o for o in record.operands if o.kind in ("x", "imm", "label") and o.enum is None]


@pytest.mark.parametrize("name", [n for n in NAMES if numeric(ISA.by_name[n])])
def test_range_ends_fit_and_the_next_value_does_not(name: str) -> None:
    record = ISA.by_name[name]
    for operand in numeric(record):
        low, high = immediate_range(operand)
        high -= high % operand.align
        assert low % operand.align == 0
        for fits in (low, high):
            word = encode(record, plain(record) | {operand.name: fits})
            assert decode(ISA, word)[1][operand.name] == fits
        beyond = [low - operand.align, high + operand.align, -(1 << 70), 1 << 70]
        for value in beyond + ([low + 1] if operand.align > 1 else []):
            with pytest.raises(IsaError) as caught:
                encode(record, plain(record) | {operand.name: value})
            assert caught.value.operand == operand.name


def raw_beyond(operand: Operand) -> list[int]:
    """Field contents outside the operand's range: just past its top, and one off its alignment."""
    low, high = immediate_range(operand)
    bits = operand.width - (operand.kind == "x")
    top = 0 if operand.kind != "x" else 1 << bits
    past = [high + 1] if not operand.signed and high + 1 < 1 << bits else []
    return [top | raw for raw in past + ([low + 1] if operand.align > 1 else [])]


def test_decoder_enforces_ranges_and_alignment() -> None:
    cases = [(r, o, raw) for r in RECORDS for o in numeric(r) for raw in raw_beyond(o)]
    assert len(cases) > 20
    for record, operand, raw in cases:
        word = encode(record, plain(record)) & ~field_mask(operand) | raw << operand.lsb
        with pytest.raises(IsaError) as caught:
            decode(ISA, word)
        assert caught.value.operand == operand.name


@pytest.mark.parametrize("name", [r.name for r in RECORDS if any(o.enum for o in r.operands)])
def test_enum_fields_take_their_symbols_only(name: str) -> None:
    record = ISA.by_name[name]
    for operand in record.operands:
        if operand.enum is None:
            continue
        legal = {operand.enum.values[s] for s in operand.symbols()}
        for raw in range(1 << operand.width):
            word = encode(record, plain(record)) & ~field_mask(operand) | raw << operand.lsb
            if raw in legal:
                assert decode(ISA, word)[1][operand.name] == raw
            else:
                with pytest.raises(IsaError):
                    decode(ISA, word)
                with pytest.raises(IsaError):
                    encode(record, plain(record) | {operand.name: raw})


def test_wrong_kinds_and_names_are_refused() -> None:
    add = ISA.by_name["add"]
    for bad in ({"dst": 3}, {"a": 0}, {"nosuch": 1}, {"b": None, "a": None}):
        with pytest.raises(IsaError):
            encode(add, {"dst": Reg(1), "a": Reg(2), "b": 3} | bad)  # type: ignore[dict-item]
    with pytest.raises(IsaError):
        encode(ISA.by_name["jmp"], {"target": Reg(1)})


def test_enum_numbers_are_unique_and_fit() -> None:
    for enum in ISA.enums.values():
        used = list(enum.values.values())
        assert len(set(used)) == len(used) and max(used) < 1 << enum.width, enum.name
        assert not enum.bits or set(enum.bits) == set(enum.values), enum.name


def test_the_table_check_refuses_overlaps() -> None:
    add, sub = ISA.by_name["add"], ISA.by_name["sub"]
    moved = replace(add.operands[1], lsb=add.operands[0].lsb + 1)
    outside = replace(add.operands[2], lsb=WORD_BITS - 2)
    low = replace(add.operands[0], lsb=OPCODE_BITS - 1)
    for bad in (
        (add, replace(sub, opcode=add.opcode)),
        (add, replace(sub, name="add")),
        (replace(add, opcode=0),),
        (replace(add, opcode=256),),
        (replace(add, operands=(add.operands[0], moved)),),
        (replace(add, operands=(outside,)),),
        (replace(add, operands=(low,)),),
    ):
        with pytest.raises(TableError):
            check(bad)

"""The scalar unit: every instruction on edge values against Python integers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.engine.harness import fails, run, store_all, words

MASK = (1 << 64) - 1
LOWEST = -(1 << 63)
EDGES = [0, 1, -1, 2, -2, 63, 64, 65, 0x7FFF_FFFF, LOWEST, LOWEST + 1, (1 << 63) - 1, 12345678901]
IMMEDIATES = [0, 1, -1, 63, 64, -(1 << 31), (1 << 31) - 1]
BATCH = 24


def truncated(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def shift_count(b: int) -> int:
    return min(b & MASK, 64)


ALU: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": truncated,
    "rem": lambda a, b: a - b * truncated(a, b),
    "shl": lambda a, b: a << shift_count(b) if shift_count(b) < 64 else 0,
    "shr": lambda a, b: (a & MASK) >> shift_count(b),
    "sra": lambda a, b: a >> min(b & MASK, 63),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "min": min,
    "max": max,
}
BRANCHES: dict[str, Callable[[int, int], bool]] = {
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: a < b,
    "bge": lambda a, b: a >= b,
    "bgt": lambda a, b: a > b,
    "ble": lambda a, b: a <= b,
    "bltu": lambda a, b: a & MASK < b & MASK,
    "bgeu": lambda a, b: a & MASK >= b & MASK,
}


def pairs(zero: bool = True) -> list[tuple[int, int, bool]]:
    """(a, b, b is an immediate)."""
    found = [(a, b, False) for a, b in itertools.product(EDGES, EDGES)]
    found += [(a, b, True) for a, b in itertools.product(EDGES, IMMEDIATES)]
    return [p for p in found if zero or p[1] != 0]


def results(lines: list[str]) -> list[int]:
    """Run pieces of code that leave a value in r3 each."""
    body = ["    li r30, OUT"]
    for i, line in enumerate(lines):
        body += [line, f"    st.b64 r3, GM, r30, {8 * i}"]
    head = f".tensor OUT s32 [{2 * len(lines)}] out"
    found = words(run("\n".join(body), head=head))
    return [low | high << 32 for low, high in zip(found[::2], found[1::2], strict=True)]


@pytest.mark.parametrize("name", ALU)
def test_arithmetic(name: str) -> None:
    cases = pairs(zero=name not in ("div", "rem"))
    lines = [
        f" li r1, {a}\n li r2, {b}\n {name} r3, r1, {b if immediate else 'r2'}"
        for a, b, immediate in cases
    ]
    expected = [ALU[name](a, b) & MASK for a, b, _ in cases]
    assert results(lines) == expected


@pytest.mark.parametrize("name", BRANCHES)
def test_branches(name: str) -> None:
    cases = pairs()
    lines = [
        f" li r1, {a}\n li r2, {b}\n li r3, 1\n {name} r1, {b if immediate else 'r2'}, go{i}\n"
        f" li r3, 0\ngo{i}:"
        for i, (a, b, immediate) in enumerate(cases)
    ]
    assert results(lines) == [int(BRANCHES[name](a, b)) for a, b, _ in cases]


def test_load_immediate_move_complement() -> None:
    lines = [f" li r3, {v}" for v in EDGES] + [f" li r1, {v}\n mov r3, r1" for v in EDGES]
    lines += [f" li r1, {v}\n not r3, r1" for v in EDGES]
    expected = [v & MASK for v in EDGES] * 2 + [~v & MASK for v in EDGES]
    assert results(lines) == expected


def test_the_one_division_that_overflows_wraps() -> None:
    lines = [f" li r1, {LOWEST}\n div r3, r1, -1", f" li r1, {LOWEST}\n rem r3, r1, -1"]
    assert results(lines) == [1 << 63, 0]


@pytest.mark.parametrize("name", ["div", "rem"])
@pytest.mark.parametrize("divisor", ["0", "r2"])
def test_division_by_zero_is_one_diagnostic(name: str, divisor: str) -> None:
    fails("E106", f"    li r2, 0\n    {name} r3, r1, {divisor}  ;!", words="division by zero")


def test_registers_start_as_all_ones_and_are_32() -> None:
    head = ".tensor OUT s32 [64] out"
    body = (
        "    mov r0, r31\n"
        + store_all(list(range(31)))
        + "\n    li r0, OUT\n    st.b64 r5, GM, r0, 248"
    )
    assert words(run(body, head=head)) == [0xFFFF_FFFF] * 64


def test_an_instruction_may_read_and_write_one_register() -> None:
    assert results([" li r3, 5\n mul r3, r3, r3\n sub r3, r3, r3\n add r3, r3, 9"]) == [9]


def test_loops_and_jumps() -> None:
    body = " li r3, 0\n li r1, 0\n jmp t\nb: add r3, r3, r1\n add r1, r1, 1\nt: blt r1, 101, b"
    assert results([body]) == [5050]


def test_blocks_and_cores_know_themselves() -> None:
    """Word 3 * block + core of OUT: block index, block count, sub-block index."""
    head = ".tensor OUT s32 [36] out"
    common = "    block_idx r1\n    block_num r2\n    subblock_idx r3\n    mul r4, r1, 36\n"
    common += "    add r4, r4, OUT\n"
    store = "".join(f"    st.u32 r{n}, GM, r4, {4 * n - 4}\n" for n in (1, 2, 3))
    vector = common + "    mul r5, r3, 12\n    add r4, r4, r5\n    add r4, r4, 12\n" + store
    done = run(common + store, vector, head, blocks=3)
    found = words(done)
    rows = [found[i : i + 3] for i in range(0, 27, 3)]
    expected = [[b, 3, s] for b in range(3) for s in (0, 0, 1)]
    assert rows == [row for i, row in enumerate(expected)][:9]

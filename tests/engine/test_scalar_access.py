"""Scalar loads and stores: every type, every memory, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.harness import A2, A5, fails, pipe, run, words

BYTES = np.random.default_rng(5).integers(0, 256, 64, dtype=np.uint8)
BYTES[:8] = [0x80, 0xFF, 0x7F, 0x80, 0, 0, 0, 0x80]
IN = ".tensor IN u8 [64] in\n.tensor OUT s32 [64] out\n.tensor S s32 [16] scratch"
TYPES = {"u8": (1, False), "s8": (1, True), "u16": (2, False), "s16": (2, True), "u32": (4, False),
         "s32": (4, True), "b64": (8, False)}  # fmt: skip
SPACES = [("GM", "cube"), ("L1", "cube"), ("UB", "vector")]


def expected(kind: str, offset: int) -> int:
    size, signed = TYPES[kind]
    value = int.from_bytes(BYTES[offset : offset + size].tobytes(), "little", signed=signed)
    return value & 0xFFFF_FFFF_FFFF_FFFF


def fill(space: str) -> str:
    """Bring IN into the memory at address 256; GM stays where it is."""
    if space == "GM":
        return "    li r1, IN\n"
    move = {"L1": "mov_gm_l1", "UB": "mov_gm_ub"}[space]
    load = f"    li r1, 256\n    li r2, IN\n    {move} r1, r2, len=64\n"
    return load + "    set_flag MTE2, S, 0\n    wait_flag MTE2, S, 0\n"


@pytest.mark.parametrize(("space", "core"), SPACES)
@pytest.mark.parametrize("kind", TYPES)
def test_loads(kind: str, space: str, core: str) -> None:
    size, _ = TYPES[kind]
    offsets = list(range(0, 64, size))[:16]
    body = fill(space) + "    li r9, OUT\n    add r5, r1, 32\n"
    for i, offset in enumerate(offsets):
        body += f"    ld.{kind} r3, {space}, r5, {offset - 32}\n    st.b64 r3, GM, r9, {8 * i}\n"
    found = words(run(**{core: body}, head=IN, inputs={"IN": BYTES}))
    values = [a | b << 32 for a, b in zip(found[::2], found[1::2], strict=True)]
    assert values[: len(offsets)] == [expected(kind, offset) for offset in offsets]


@pytest.mark.parametrize(("space", "core"), SPACES)
@pytest.mark.parametrize("kind", ["u8", "u16", "u32", "b64"])
def test_stores_write_their_width_only(kind: str, space: str, core: str) -> None:
    size, _ = TYPES[kind]
    base = "S" if space == "GM" else "64"
    body = f"    li r1, {base}\n    li r2, 0x1122334455667788\n    li r9, OUT\n"
    body += f"    st.{kind} r2, {space}, r1, 16\n"
    for i in range(4):
        body += f"    ld.b64 r3, {space}, r1, {8 * i + 8}\n    st.b64 r3, GM, r9, {8 * i}\n"
    found = words(run(**{core: body}, head=IN))
    memory = b"".join(word.to_bytes(4, "little") for word in found[:8])
    stored = (0x1122334455667788).to_bytes(8, "little")[:size]
    assert memory == b"\xff" * 8 + stored + b"\xff" * (24 - size)


@pytest.mark.parametrize(
    ("line", "code", "words_"),
    [
        ("ld.u16 r3, GM, r1, 1", "E102", "not a multiple"),
        ("ld.b64 r3, GM, r1, 4", "E102", "not a multiple"),
        ("st.u32 r3, UB, r4, 2", "E102", "not a multiple"),
        ("ld.u8 r3, UB, r2, 0", "E103", "196608 bytes"),
        ("ld.b64 r3, UB, r2, -8", "", ""),
        ("ld.u8 r3, UB, r4, -257", "E103", "outside"),
        ("st.u8 r3, UB, r2", "E103", "196608 bytes"),
        ("ld.u8 r3, L1, r4", "E103", "this core has no L1"),
        ("ld.u8 r3, GM, r1, 64", "E104", "not inside one tensor"),
        ("ld.u8 r3, GM, r1, -1", "E104", "not inside one tensor"),
        ("ld.u8 r3, GM, r4", "E104", "no tensor starts before"),
        ("ld.u8 r3, GM, r5", "E103", "outside"),
        ("st.u8 r3, GM, r1", "E105", "input tensor"),
        ("st.u8 r3, GM, r6", "", ""),
    ],
)
def test_what_an_access_refuses(line: str, code: str, words_: str) -> None:
    body = "    li r1, IN\n    li r2, 196608\n    li r4, 256\n    li r5, -1\n    li r6, OUT\n"
    body += f"    subblock_idx r7\n    bne r7, 0, done\n    {line}  ;!\ndone:\n"
    if code:
        fails(code, vector=body, head=IN, words=words_)
    else:
        run(vector=body, head=IN)


@pytest.mark.parametrize("machine", [A2, A5])
def test_the_scalar_unit_reaches_no_memory_of_another_core(machine: str) -> None:
    """On the newer machine FIX and MTE1 do."""
    text = "    li r1, 0\n    ld.u8 r3, {}, r1  ;!"
    fails("E103", text.format("UB"), words="this core has no UB", machine=machine)
    fails("E103", vector=text.format("L1"), words="this core has no L1", machine=machine)


def test_loads_cost_what_the_machine_says() -> None:
    body = "    li r1, IN\n    ld.u8 r2, GM, r1\n    st.u8 r2, UB, r3\n    ld.u8 r2, UB, r3\n"
    done = run(vector="    li r3, 0\n" + body, head=IN)
    assert pipe(done, "S", "0.aiv0")["busy"] == done.cycles == 2 + 200 + 1 + 20 + 1
    assert done.report["traffic"]["tensors"]["IN"] == {"read": 2, "write": 0}


def test_scalar_stores_and_loads_are_ordered_in_time_between_cores() -> None:
    """The vector core looks late enough and sees what the cube core has stored."""
    head = ".tensor S s32 [1] scratch\n.tensor OUT s32 [2] out"
    cube = "    li r1, S\n    li r2, 77\n    st.u32 r2, GM, r1\n"
    vector = (
        "    li r1, S\n    li r4, OUT\n    subblock_idx r6\n    mul r6, r6, 4\n    add r4, r4, r6\n"
    )
    vector += "    ld.u32 r2, GM, r1\n    st.u32 r2, GM, r4\n"
    assert words(run(cube, vector, head)) == [77, 77]

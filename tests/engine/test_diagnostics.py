"""What ends a run: one diagnostic with its code and the line, never a hang."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.harness import A5, fails, kernel, line_of, others, registers, run

HEAD = ".tensor IN f32 [1024] in\n.tensor OUT f32 [1024] out\n.tensor S u8 [4096] scratch"
BASE = "    li r1, 0\n    li r2, 4096\n    li r3, IN\n    li r4, OUT\n    li r5, {}\n"


@pytest.mark.parametrize(
    ("core", "value", "line", "code", "words"),
    [
        ("cube", 524288, "mov_gm_l1 r5, r3, len=32", "E103", "writes L1 bytes 524288"),
        ("cube", 524256, "mov_gm_l1 r5, r3, len=64", "E103", "L1 has 524288 bytes"),
        ("cube", 16, "mov_gm_l1 r5, r3, len=32", "E102", "dst = 16 is not a multiple of 32"),
        ("cube", -32, "mov_gm_l1 r5, r3, len=32", "E103", "dst = -32"),
        ("cube", 33, "mov_gm_l1 r1, r3, len=r5", "E102", "len = 33"),
        ("cube", 5000, "mov_gm_l1 r1, r3, r5, 32", "E101", "n_burst = 5000 is outside 0 .. 4095"),
        ("cube", 0, "mov_gm_l1 r1, r5, len=32", "E104", "not inside one tensor"),
        ("cube", 0, "mov_gm_l1 r1, r3, len=4128", "E104", "reads GM bytes"),
        ("cube", 0, "mov_gm_l1 r1, r3, 2, 32, 8192", "E104", "not inside one tensor"),
        ("cube", 65536, "load_l1_l0a.b16 r5, r1, 1, 1, 1", "E103", "writes L0A"),
        ("cube", 256, "load_l1_l0a.b16 r5, r1, 1, 1, 1", "E102", "multiple of 512"),
        ("cube", 523777, "load_l1_l0b.b16 r1, r5, 1, 1, 1", "E102", "src = 523777"),
        ("cube", 523808, "load_l1_l0b.b16 r1, r5, 1, 1, 1", "E103", "reads L1"),
        ("cube", 0, "load_l1_l0a.b4 r1, r1, 2, 2, 2, transpose=1", "E101", "do not go together"),
        ("cube", 0, "load_l1_l0a.b8 r1, r1, 1, 2, 2, transpose=1", "E101", "do not go together"),
        ("cube", 65024, "mmad.f16 r1, r5, r1, 16, 16, 32, zero", "E103", "reads L0A"),
        ("cube", 65024, "mmad.f16 r1, r1, r5, 16, 32, 16, zero", "E103", "reads L0B"),
        ("cube", 130048, "mmad.f16 r5, r1, r1, 16, 32, 16, zero", "E103", "writes L0C"),
        ("cube", 1024 - 64, "mmad.f16 r1, r1, r1, 16, 32, 16, bias, r5", "E103", "reads BT"),
        ("cube", 32, "mmad.f16 r1, r1, r1, 16, 16, 16, bias, r5", "E101", "do not go together"),
        ("cube", (1 << 63) - 64, "mmad.f16 r1, r1, r1, 16, 16, 16, bias, r5", "E103", "reads BT"),
        ("cube", 0, "fix_l0c_gm.f32_bf16 r3, r1, 16, 16, 1, 32", "E105", "input tensor"),
        ("cube", 0, "fix_l0c_gm.f32_bf16 r4, r1, 16, 16, 1, 4096", "E104", "writes GM"),
        ("cube", 0, "fix_l0c_gm.s32_s8 r4, r1, 16, 16, 1, 16", "E101", "do not go together"),
        (
            "cube",
            7168 - 8,
            "fix_l0c_gm.s32_s8 r4, r1, 1, 2, 1, 16, quant=vector, scale=r5",
            "E103",
            "FB",
        ),
        (
            "cube",
            (1 << 63) - 8,
            "fix_l0c_gm.s32_s8 r4, r1, 1, 2, 1, 16, quant=vector, scale=r5",
            "E103",
            "FB",
        ),
        ("vector", 0, "mov_ub_gm r3, r1, len=32", "E105", "input tensor"),
        ("vector", 196608, "vabs.f32 r1, r5", "E103", "reads UB bytes 196608"),
        ("vector", 196608 - 256, "vabs.f32 r5, r1, rep=2", "E103", "writes UB"),
        ("vector", 4, "vabs.f32 r1, r5", "E102", "multiple of 32"),
        ("vector", 256, "vabs.f32 r1, r2, rep=r5", "E101", "rep = 256 is outside 0 .. 255"),
        ("vector", -1, "vabs.f32 r1, r2, rep=r5", "E101", "rep = -1"),
        ("vector", 32, "vgather.b32 r1, r2, r1, 128", "E117", "offset 4294967295"),
        ("vector", 1 << 50, "vabs.f32 r1, r5", "E103", "outside"),
    ],
)
def test_data_instructions_outside_their_rights(
    core: str, value: int, line: str, code: str, words: str
) -> None:
    body = BASE.format(value) + f"    {line}  ;!"
    fails(code, **{core: body}, head=HEAD, words=words)


def test_nothing_is_moved_by_a_refused_instruction() -> None:
    body = BASE.format(0) + "    mov_ub_gm r4, r1, len=128\n    mov_ub_gm r4, r1, len=8192"
    done = run(vector=body, head=HEAD, clean=False)
    assert [d["code"] for d in others(done)] == ["E104"]
    assert done.report["traffic"]["tensors"]["OUT"]["write"] % 128 == 0


def test_bit_mask_on_8_bit_lanes() -> None:
    body = "    li r1, 0\n    set_vector_mask 0, 1\n    vadd.s8 r1, r1, r1  ;!"
    fails("E116", vector=body, words="mask of all ones")


@pytest.mark.parametrize(
    "mask", ["set_vector_mask 0, 3", "set_mask_count\n    set_vector_mask 0, 5"]
)
@pytest.mark.parametrize("pair", ["bf16_e2m1.rint", "e2m1_bf16.none"])
def test_half_a_byte(pair: str, mask: str) -> None:
    body = f"    li r1, 0\n    {mask}\n    vconv.{pair} r1, r1, rep=1  ;!"
    fails("E116", vector=body, words="4-bit lanes need", machine=A5)
    whole = mask.replace(" 5", " 6").replace("0, 3", "-1, -1")
    run(vector=f"    li r1, 0\n    {whole}\n    vconv.{pair} r1, r1, rep=0", machine=A5)


def test_wrapped_accumulators_are_a_warning() -> None:
    """L0A and L0B start as -1 everywhere, so a sum is k: it fits alone, not on top of 2^31 - 1."""
    body = registers({1: 0, 2: 0}) + "\n    mmad.s8 r1, r2, r2, 16, 16, 4095, zero"
    run(body)
    head = ".tensor IN s32 [256] in"
    load = (
        registers({1: 0, 5: "IN"}) + "\n    mov_gm_l1 r1, r5, len=64\n    set_flag MTE2, MTE1, 0\n"
    )
    load += "    wait_flag MTE2, MTE1, 0\n    mov_l1_bt r1, r1, 64\n    set_flag MTE1, M, 0\n"
    load += "    wait_flag MTE1, M, 0\n    mmad.s8 r1, r1, r1, 16, 16, 32, bias, r1"
    done = run(load, head=head, inputs={"IN": np.full(256, 0x7FFF_FFFF, np.int32)}, clean=False)
    (found,) = others(done)
    assert (found["code"], found["severity"]) == ("W120", "warning")
    assert "256 INT32" in found["message"]


# --- the end of a run


def test_deadlock_names_the_circle() -> None:
    body = "    wait_flag V, MTE2, 1  ;!\n    set_flag MTE2, V, 0\n"
    body += "    wait_flag MTE2, V, 0\n    set_flag V, MTE2, 1"
    text = kernel(vector=body)
    message = fails("E110", vector=body.replace("  ;!", ""))
    first, second = line_of(text, ";!"), line_of(text, "wait_flag MTE2, V, 0")
    assert "block 0 aiv0 V waits for flag MTE2 -> V event 0 at " in message
    assert "MTE2 waits for flag V -> MTE2 event 1 at " in message
    assert f":{first}:" in message and f":{second}:" in message
    assert "closes the circle at block 0 aiv0 V" in message


def test_deadlock_across_cores() -> None:
    cube = "    cross_core_wait_flag FIX, 1\n    cross_core_set_flag cv, FIX, 2"
    vector = "    cross_core_wait_flag V, 2\n    cross_core_set_flag cv, V, 1"
    message = fails("E110", cube, vector)
    assert "block 0 aic FIX waits for cross-core flag 1 at" in message
    assert "aiv0 V waits for cross-core flag 2 at" in message and "circle" in message


def test_deadlock_of_the_scalar_unit() -> None:
    message = fails("E110", "    wait_flag M, S, 1  ;!")
    assert "S waits for flag M -> S event 1" in message
    message = fails("E110", "    wait_flag FIX, M, 1\n    pipe_barrier ALL\n    set_flag FIX, M, 1")
    assert "S waits at a barrier for M" in message and "circle" in message


def test_a_wait_that_nobody_meets() -> None:
    message = fails("E110", "    wait_flag FIX, M, 1  ;!")
    assert "nothing is left that could provide it" in message


def test_livelock_and_its_line() -> None:
    fails("E111", "    li r1, 0\nspin: jmp spin  ;!", words="10,000,000")


def test_polling_memory_is_a_livelock_in_the_end() -> None:
    body = "    li r1, 0\nspin: ld.u8 r2, L1, r1\n    bne r2, 0, spin"
    assert "without progress" in fails("E111", body)


@pytest.mark.parametrize(
    ("cube", "limit"),
    [
        ("    li r1, 0\nspin: jmp spin  ;!", 1000),
        ("    li r1, 0\n    mmad.f16 r1, r1, r1, 16, 16, 2016, zero  ;!", 100),
        ("    li r1, 0\n" + "    mmad.f16 r1, r1, r1, 16, 16, 2016, zero\n" * 9, 700),
        ("    li r1, 0\n" + "    pipe_barrier ALL\n" * 99, 50),
    ],
)
def test_max_cycles(cube: str, limit: int) -> None:
    message = fails("E112", cube, max_cycles=limit, words=f"limit of {limit:,} cycles")
    assert "--max-cycles" in message


def test_max_cycles_that_suffice() -> None:
    cube = "    li r1, 0\n    mmad.f16 r1, r1, r1, 16, 16, 2016, zero\n"
    cycles = run(cube).cycles
    run(cube, max_cycles=cycles)
    fails("E112", cube, max_cycles=cycles - 1)


def test_first_error_in_time_wins() -> None:
    """The vector core's fault comes first although the cube core is decoded first."""
    late = "    li r2, 0\nspin: add r2, r2, 1\n    blt r2, 500, spin\n    li r1, 524288\n"
    cube = late + "    li r3, IN\n    mov_gm_l1 r1, r3, len=32"
    vector = "    li r1, 196608\n    vabs.f32 r1, r1  ;!"
    fails("E103", cube, vector, head=HEAD, words="aiv0")


def test_paths_of_the_newer_machine_are_checked() -> None:
    body = registers({1: 0, 2: 253952}) + "\n    mov_l1_ub r2, r1, len=32, core={}  ;!"
    for core, name in (("aiv0", "UB"), ("aiv1", "UB1")):
        fails("E103", body.format(core), machine=A5, words=f"writes {name} bytes 253952")
    fails(
        "E101",
        "    li r1, 0\n    fix_l0c_ub.f32_bf16 r1, r1, 3, 16, 1, 32, core=split_m  ;!",
        machine=A5,
    )


@pytest.mark.parametrize("limit", [1 << 60, (1 << 63) - 1])
def test_a_limit_of_cycles_beyond_the_clock_is_no_limit(limit: int) -> None:
    assert run("    li r1, 0", max_cycles=limit).cycles == run("    li r1, 0").cycles

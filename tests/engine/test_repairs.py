"""What the help of a finding says: text that can be typed, and that repairs."""

from __future__ import annotations

import npuemu

HEAD = """.kernel repaired
.machines ascend910b1
.tensor X f32 [256] in
.tensor T f32 [64] scratch
.tensor Y f32 [256] out
.buffer x UB 256
.buffer y UB 256
"""
VECTOR = """.section vector
    subblock_idx r1
    bne r1, 0, end
    li r2, x
    li r3, y
    li r4, X
    li r5, Y
    li r6, 0
"""
OUT = "    set_flag V, MTE3, 0\n    wait_flag V, MTE3, 0\n    mov_ub_gm r5, r3, len=256\n"
END = "end:\n    halt\n"
LOAD = "    mov_gm_ub r2, r4, len=256\n"
ADD = "    vadd.f32 r3, r2, r2\n"
SET, WAIT = "    set_flag MTE2, V, {}\n", "    wait_flag MTE2, V, {}\n"
LOOP = """next:
{}    mov_gm_ub r2, r4, len=256
    set_flag MTE2, V, 0
    wait_flag MTE2, V, 0
    vadd.f32 r3, r2, r2
{}    add r4, r4, 256
    add r6, r6, 1
    blt r6, 4, next
{}"""


def found(text: str) -> list[tuple[str, str, str]]:
    """Code, ``file:line:column`` and help of every diagnostic."""
    items = npuemu.run(npuemu.assemble(text, machine="ascend910b1"), seed=1).diagnostics
    return [(d["code"], d["where"], d.get("help") or "") for d in items]


def line(text: str, piece: str) -> int:
    return text[: text.index(piece)].count("\n") + 1


def test_a_flag_has_a_free_event() -> None:
    text = HEAD + VECTOR + SET.format(0) + WAIT.format(0) + LOAD + ADD + OUT + END
    first = found(text)[0]
    after, before = line(text, "mov_gm_ub"), line(text, "vadd")
    assert first[0] == "E201"
    assert first[2] == (
        f"set_flag MTE2, V, 1 after line {after} and wait_flag MTE2, V, 1 before line {before} "
        "order them"
    )


def test_a_set_that_is_there_needs_only_its_wait() -> None:
    text = HEAD + VECTOR + LOAD + SET.format("r6") + ADD + OUT + END
    helps = {code: words for code, _, words in found(text)}
    assert helps["E201"] == (
        f"wait_flag MTE2, V, r6 before line {line(text, 'vadd')} orders them: "
        f"line {line(text, 'set_flag MTE2')} raises that flag"
    )


def test_one_flag_behind_the_last_of_several() -> None:
    body = ADD + "    li r7, y + 256\n    vabs.f32 r7, r2\n    mov_ub_gm r5, r3, len=512\n"
    text = (
        HEAD.replace("y UB 256", "y UB 512")
        + VECTOR
        + LOAD
        + SET.format(0)
        + WAIT.format(0)
        + body
        + END
    )
    every = [words for code, _, words in found(text) if "MTE3" in words]
    assert len(every) == 2
    helps = set(every)
    assert helps == {
        f"set_flag V, MTE3, 0 after line {line(text, 'vabs')} and wait_flag V, MTE3, 0 before "
        f"line {line(text, 'mov_ub_gm')} order them"
    }


def test_rounds_of_a_loop_need_a_first_and_a_last() -> None:
    text = HEAD + VECTOR + LOOP.format("", "    pipe_barrier V\n", "") + OUT + END
    helps = {code: words for code, _, words in found(text)}
    assert helps.keys() >= {"E202", "E203", "E206"}
    load, use = line(text, "mov_gm_ub"), line(text, "vadd")
    assert helps["E202"] == (
        f"set_flag V, MTE2, 0 after line {use} and wait_flag V, MTE2, 0 before line {load} order "
        "them; between rounds: raise it once before the first round too, and wait once after the "
        "last"
    )
    assert helps["E203"] == (
        f"a flag to MTE2 from the pipe that uses the bytes orders them, or pipe_barrier MTE2 "
        f"before line {load}"
    )
    back = "    set_flag V, MTE2, 0\n"
    wait = "    wait_flag V, MTE2, 0\n"
    repaired = LOOP.format(wait, back + "    pipe_barrier V\n", wait)
    assert found(HEAD + VECTOR + back + repaired + OUT + END) == []


CROSS = """.section cube
    li r3, 0
spin:                                  ; the vector core is first
    add r3, r3, 1
    blt r3, 4000, spin
    li r1, T
    li r2, 0
    fix_l0c_gm.none_b32 r1, r2, m=4, n=16, src_stride=1, dst_stride=64
{}    halt
"""
TAKES = """    li r4, T
{}    mov_gm_ub r2, r4, len=256
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r5, r2, len=256
"""


def test_between_cores_the_reader_may_be_meant_to_come_second() -> None:
    text = HEAD + CROSS.format("") + VECTOR + TAKES.format("") + END
    helps = {code: words for code, _, words in found(text)}
    writes, reads = line(text, "fix_l0c"), line(text, "mov_gm_ub")
    assert helps["E202"].startswith(
        f"if line {reads} should read what line {writes} writes: cross_core_set_flag cv, FIX, 0 "
        f"after line {writes} and cross_core_wait_flag MTE2, 0 before line {reads} "
        "(both vector cores wait); if it should read what was there before: "
    )
    fixed = CROSS.format("    cross_core_set_flag cv, FIX, 0\n")
    taken = TAKES.format("    cross_core_wait_flag MTE2, 0\n")
    other = "    halt\nend:\n    cross_core_wait_flag MTE2, 0\n    halt\n"
    codes = [code for code, *_ in found(HEAD + fixed + VECTOR + taken + other)]
    assert codes == ["E204"], "L0C was never written; the two cores are ordered"


def test_a_wait_that_no_core_answers_says_so() -> None:
    taken = TAKES.format("    cross_core_wait_flag MTE2, 5\n")
    text = HEAD + CROSS.format("    cross_core_set_flag cv, FIX, 4\n") + VECTOR + taken + END
    (deadlock,) = [d for d in npuemu.run(npuemu.assemble(text)).diagnostics if d["code"] == "E110"]
    assert "cross-core flag 5 (no set of the kernel reaches it)" in deadlock["message"]


def test_a_second_raise_lists_the_waits_there_are() -> None:
    raises = "    set_flag V, MTE2, 0\n"
    text = HEAD + VECTOR + raises + raises + "    wait_flag V, MTE2, 0\n" + END
    helps = {code: words for code, _, words in found(text)}
    assert helps["E113"].startswith("a wait_flag V, MTE2 must come between two raises; ")
    assert helps["E113"].endswith(f":{line(text, 'wait_flag')}")

"""Lines of ``.print``: their values, their order, their limit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import npuemu
from npuemu.debug import Printed
from npuemu.isa.table import PIPES
from npuemu.observe.recording import DATA
from tests.debug.kernels import BOTH, LOOP, ROWS, behind, line, run

X = np.arange(ROWS * 64, dtype=np.float32).reshape(ROWS, 64)


def texts(done: npuemu.Run) -> list[str]:
    """The lines without their heads."""
    return [p.text for p in done.prints]


def shown(field: str, data: np.ndarray, before: str = "", dtype: str = "u8") -> str:
    """What a field shows of 64 bytes at UB address 0, r2 = 0."""
    raw = np.zeros(64, np.uint8)
    raw[: data.nbytes] = np.frombuffer(data.tobytes(), np.uint8)
    text = f"""
.kernel one
.machines ascend910b1
.tensor X u8 [64] in
.tensor Y u8 [64] out
.buffer pad UB 64
.buffer buf UB 64, at=0
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r2, 0
    li r3, X
    li r4, Y
    {before}
    mov_gm_ub r2, r3, len=64
    .print "{field}"
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r4, r2, len=64
end:
    halt
"""
    done = run(text, inputs={"X": raw})
    assert done.diagnostics == []
    return texts(done)[0]


@pytest.mark.parametrize(
    ("form", "data", "expected"),
    [
        ("f32", np.array([0.1, -2.5, np.inf, 1e-7], np.float32), "0.1 -2.5 inf 1e-07"),
        ("f16", np.array([0.5, 65504, -0.0], np.float16), "0.5 65504.0 -0.0"),
        ("bf16", np.array([1.5, 3e38], ml_dtypes.bfloat16), "1.5 3.0040553e+38"),
        ("s32", np.array([-1, 2**31 - 1], np.int32), "-1 2147483647"),
        ("u32", np.array([2**32 - 1], np.uint32), "4294967295"),
        ("s16", np.array([-300], np.int16), "-300"),
        ("s8", np.array([-128, 127], np.int8), "-128 127"),
        ("u8", np.array([200], np.uint8), "200"),
        ("e4m3", np.array([0x7E, 0x7F, 0x81], np.uint8), "448.0 nan -0.001953125"),
        ("e5m2", np.array([0x7B, 0x7C], np.uint8), "57344.0 inf"),
        ("e8m0", np.array([127, 128, 255], np.uint8), "1.0 2.0 nan"),
        ("e2m1", np.array([0x71, 0x8F, 0x02], np.uint8), "0.5 6.0 -6.0 -0.0 1.0"),
        ("x8", np.array([1, 255], np.uint8), "0x01 0xff"),
        ("x32", np.array([0x3F80_0000, 5], np.uint32), "0x3f800000 0x00000005"),
        ("x64", np.array([-1], np.int64), "0xffffffffffffffff"),
    ],
)
def test_formats_of_memory(form: str, data: np.ndarray, expected: str) -> None:
    count = len(expected.split())
    assert shown(f"{{buf:{form} x {count}}}", data) == expected
    assert shown(f"{{UB[r2]:{form} x {count}}}|{{X:{form} x {count}}}", data) == "|".join(
        [expected] * 2
    )


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("{r5}", "-2"),
        ("{r5:u}", str(2**64 - 2)),
        ("{r5:x}", "0xfffffffffffffffe"),
        ("{r5:b}", "0b" + "1" * 63 + "0"),
        ("{r5:s8} {r5:u8} {r5:u32}", "-2 254 4294967294"),
        ("{r5:f16}", "nan"),
        ("{7} {-7:x}", "7 0xfffffffffffffff9"),
        ("{f32bits(0.25):f32} {0x4000:bf16}", "0.25 2.0"),
        ("{buf[r5 + 66]:u8}", "<outside buf>"),
        ("{buf[r5 + 2]:u8} {buf[61]:x32}", "9 <outside buf>"),
        ("{buf[-1]:u8} {UB[r5]:u8} {X[64]:u8} {GM[r5]:u8}",
         "<outside buf> <outside UB> <outside X> <outside GM>"),
        ("{UB[196607]:u8} {UB[196608]:u8}", "255 <outside UB>"),
    ],
)  # fmt: skip
def test_registers_and_ranges(field: str, expected: str) -> None:
    assert shown(field, np.array([9], np.uint8), before="li r5, -2") == expected


def test_registers_are_those_of_the_dispatch() -> None:
    """The scalar unit has done all rounds before the first load arrives."""
    done = run(
        behind(LOOP, load="load {r4} {r5:x}", double="{r4}: {x[4]:f32} -> {y[4]:f32 x 2}",
               advance="S {r5:x}", store="{r4} {Y[256]:f32 x 2}"),
        inputs={"X": X},
    )  # fmt: skip
    loads = [p for p in done.prints if p.pipe == "MTE2"]
    assert [p.text for p in loads] == [f"load {i} {4096 + 256 * i:#x}" for i in range(ROWS)]
    doubles = [p for p in done.prints if p.pipe == "V"]
    assert [p.text for p in doubles] == [
        f"{i}: {64 * i + 1.0} -> {128 * i + 2.0} {128 * i + 4.0}" for i in range(ROWS)
    ]
    scalar = [p for p in done.prints if p.pipe == "S"]
    assert [p.text for p in scalar] == [f"S {4352 + 256 * i:#x}" for i in range(ROWS)]
    assert scalar[-1].cycle < doubles[0].cycle
    stores = [p.text for p in done.prints if p.pipe == "MTE3"]
    assert stores == ["0 nan nan", "1 128.0 130.0", "2 128.0 130.0", "3 128.0 130.0"]
    cycles = [p.cycle for p in done.prints]
    assert cycles == sorted(cycles) and {p.core for p in done.prints} == {"0.aiv0"}


def test_a_line_says_where_it_is() -> None:
    text = behind(LOOP, double="{r4}")
    (first, *_) = run(text).prints
    number = line(text, ".print")
    assert str(first) == f"[0.aiv0 V cycle {first.cycle}] <text>:{number}: 0"
    assert first.where == f"<text>:{number}:5" and first.called == ""
    assert str(Printed("1.aic", "M", 12345, "a/b.inc:7:5", "x", "c/k.npu:9:1")) == (
        "[1.aic M cycle 12,345] b.inc:7 from k.npu:9: x"
    )


def test_cycles_are_those_of_the_recording() -> None:
    done = run(behind(LOOP, load="l", double="d", store="s"), record=True)
    assert done.recording is not None
    events = done.recording.events
    data = events[events["kind"] == DATA]
    traced = [(core, PIPES[pipe], start) for core, pipe, start in data[["core", "pipe", "start"]]]
    assert {core for core, _, _ in traced} == {1} and len(traced) == 3 * ROWS
    shown = sorted((p.pipe, p.cycle) for p in done.prints)
    assert shown == sorted((pipe, start) for _, pipe, start in traced)


def test_branches_flags_and_macros() -> None:
    text = """
.kernel flow
.machines ascend910b1
.macro twice(value)
    add r5, value, value
    .print "twice {r5}"
.endmacro
.section vector
    subblock_idx r1
    bne r1, 0, end
    .print "core {r1}"
    li r2, 0
again:
    add r2, r2, 1
    blt r2, 3, again
    .print "left with {r2}"
    twice r2
    set_flag MTE2, V, 0
    .print "set {r5}"
    wait_flag MTE2, V, 0
    pipe_barrier V
    .print "barrier"
end:
    halt
"""
    done = run(text)
    assert texts(done) == ["core 0", "left with 3", "twice 6", "set 6", "barrier"]
    assert {p.pipe for p in done.prints} == {"S"} and done.ok
    twice = done.prints[2]
    assert twice.where.endswith(f":{line(text, 'twice {r5}')}:5")
    assert twice.called.endswith(f":{line(text, 'twice r2')}:5")


def test_all_cores_print() -> None:
    done = run(behind(BOTH, load="{r1} {x:f32}"), blocks=3, inputs={"X": np.ones((6, 64), "f4")})
    assert sorted((p.core, p.text) for p in done.prints) == [
        (f"{b}.aiv{s}", f"{(2 * b + s) * 256} 1.0") for b in range(3) for s in range(2)
    ]


def test_timing_knows_no_memory() -> None:
    text = behind(LOOP, double="{r4} {x:f32 x 4}").replace(
        "    li r4, 0\n", '    li r4, 0\n    ld.s32 r7, UB, r2\n    .print "{r7} {r4}"\n'
    )
    assert texts(run(text, mode="timing")) == ["? 0"] + [f"{i} ?" for i in range(ROWS)]


def test_lines_are_limited() -> None:
    text = behind(LOOP, advance="S {r4}", double="V {r4}")
    everything = run(text)
    assert everything.prints_left_out == 0 and len(everything.prints) == 2 * ROWS
    for limit in range(2 * ROWS + 1):
        some = run(text, print_limit=limit)
        assert some.prints == everything.prints[:limit]
        assert some.prints_left_out == 2 * ROWS - limit


def test_lines_come_as_the_run_goes() -> None:
    told: list[Printed] = []
    done = run(behind(LOOP, double="{r4}", advance="{r4}"), on_print=told.append)
    assert told == done.prints and len(told) == 2 * ROWS


def test_an_interrupted_run_tells_what_it_has() -> None:
    told: list[str] = []

    def stop(printed: Printed) -> None:
        told.append(printed.text)
        if printed.text == "V 1":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(behind(LOOP, double="V {r4}", store="M {r4}"), on_print=stop)
    assert told[:3] == ["V 0", "M 0", "V 1"]


def test_a_binary_prints_nothing(tmp_path: object) -> None:
    from npuemu import asm

    program = npuemu.assemble(behind(LOOP, double="{r4}"))
    loaded = asm.binary.load(asm.binary.dump(program))
    assert npuemu.run(loaded).prints == [] and len(npuemu.run(program).prints) == ROWS

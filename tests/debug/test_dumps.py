"""Dumps: which bytes, after which execution, on which core; and what is refused."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import npuemu
from npuemu import asm
from npuemu.debug.spec import parse
from tests.debug.kernels import BOTH, LOOP, ROWS, line, run

X = np.arange(ROWS * 64, dtype=np.float32).reshape(ROWS, 64)
LOAD, DOUBLE, STORE = (line(LOOP, marker) for marker in ("; load", "; double", "; store"))


def dump(*specs: str, text: str = LOOP, **options: object) -> npuemu.Run:
    """Run with dumps."""
    inputs = {"inputs": {"X": X}} if text is LOOP else {}
    return run(text, dumps=list(specs), **inputs, **options)


@pytest.mark.parametrize("times", range(1, ROWS + 1))
def test_memory_is_as_the_instruction_left_it(times: int) -> None:
    specs = [f"x:f32@{LOAD}:{times}", f"y:f32@{DOUBLE}:{times}", f"Y@{STORE}:{times}"]
    x, y, out = (dump(*specs).dumps[s] for s in specs)
    assert x.tolist() == X[times - 1].tolist() and y.tolist() == (2 * X[times - 1]).tolist()
    assert out.shape == (ROWS, 64) and out.dtype == np.float32
    assert (out[:times] == 2 * X[:times]).all() and np.isnan(out[times:]).all()


def test_the_forms_of_a_dump() -> None:
    specs = [f"{what}@{DOUBLE}:2" for what in (
        "UB", "UB[:512]", "UB[0x100:512]:f32", "y[4:8]:s32", "y[8:]", "X", "X[0:8]", "Y:u32",
        "GM[4096:4104]:f32", "x[0:16]:e2m1",
    )]  # fmt: skip
    found = dump(*specs).dumps
    sizes = [(found[s].dtype.name, found[s].shape) for s in specs]
    assert sizes == [
        ("uint8", (192 << 10,)), ("uint8", (512,)), ("float32", (64,)), ("int32", (1,)),
        ("uint8", (248,)), ("float32", (ROWS, 64)), ("uint8", (8,)), ("uint32", (ROWS * 64,)),
        ("float32", (2,)), ("uint8", (32,)),
    ]  # fmt: skip
    ub = found[specs[0]]
    assert ub[:256].tobytes() == X[1].tobytes() and ub[256:512].tobytes() == (2 * X[1]).tobytes()
    assert (ub[512:] == 255).all() and found[specs[1]].tobytes() == ub[:512].tobytes()
    assert found[specs[2]].tolist() == (2 * X[1]).tolist()
    assert found[specs[3]].view(np.float32).tolist() == [2 * X[1, 1]]
    assert found[specs[5]].tolist() == X.tolist() and found[specs[8]].tolist() == [0.0, 1.0]
    codes = [int(digit, 16) for byte in X[1, :4].tobytes() for digit in f"{byte:02x}"[::-1]]
    assert found[specs[9]].tolist() == codes


def test_the_core_is_the_first_of_block_0_or_the_one_named() -> None:
    number = line(BOTH, "; load")
    x = np.arange(6 * 64, dtype=np.float32).reshape(6, 64)
    specs = [
        f"x[0:256]:f32@{number}",
        *(f"x[0:256]:f32@{number}@{b}.aiv{s}" for b in range(3) for s in (0, 1)),
    ]
    done = run(BOTH, dumps=specs, blocks=3, inputs={"X": x})
    rows = [int(done.dumps[s][0]) // 64 for s in specs]
    assert rows[1:] == [0, 1, 2, 3, 4, 5] and rows[0] in (0, 1)
    assert done.dumps.notes[specs[6]].startswith("f32 [64] (2.aiv1, cycle ")


def test_bf16_is_bf16() -> None:
    found = dump(f"y[0:8]:bf16@{DOUBLE}").dumps[f"y[0:8]:bf16@{DOUBLE}"]
    assert found.dtype == ml_dtypes.bfloat16 and found.shape == (4,)


MACROS = """
.kernel macros
.machines ascend910b1
.tensor X u8 [64] in
.tensor Y u8 [64] out
.buffer buf UB 64
.macro fetch(at)
    li r3, X + at
    mov_gm_ub r2, r3, len=32           ; body
.endmacro
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r2, 0
    li r4, Y
    fetch 0                            ; first
    pipe_barrier MTE2
    fetch 32                           ; second
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r4, r2, len=32
end:
    halt
"""


def test_lines_of_macros_and_their_calls(tmp_path: Path) -> None:
    x = np.arange(64, dtype=np.uint8)
    body, first, second = (line(MACROS, f"; {m}") for m in ("body", "first", "second"))
    specs = [f"buf[0:32]@{n}" for n in (f"{body}", f"{body}:2", f"{first}", f"{second}")]
    done = run(MACROS, dumps=specs, inputs={"X": x})
    assert [int(done.dumps[s][0]) for s in specs] == [0, 32, 0, 32]
    include = tmp_path / "fetch.inc"
    head, rest = MACROS.split(".macro")
    inside, tail = rest.split(".endmacro\n")
    include.write_text(".macro" + inside + ".endmacro\n")
    kernel = tmp_path / "k.npu"
    kernel.write_text(f'{head}.include "fetch.inc"\n{tail}')
    number = line(include.read_text(), "; body")
    specs = [
        f"buf@{f}:{number}:2" for f in ("fetch.inc", f"{tmp_path.name}/fetch.inc", str(include))
    ]
    found = npuemu.run(kernel, dumps=specs, inputs={"X": x})
    assert [int(found.dumps[s][0]) for s in specs] == [32] * 3
    binary = asm.binary.load(asm.binary.dump(npuemu.load(kernel)))
    second = line(kernel.read_text(), "; second")
    assert (
        int(npuemu.run(binary, dumps=[f"buf@{second}"], inputs={"X": x}).dumps[f"buf@{second}"][0])
        == 32
    )
    with pytest.raises(npuemu.UserError, match="'fetch.inx'; did you mean 'fetch.inc'"):
        npuemu.run(kernel, dumps=["buf@fetch.inx:3"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("UB", "expected BUFFER@LINE, for example acc@57"),
        ("@5", "expected BUFFER@LINE"),
        ("UB@", "expected BUFFER@LINE"),
        ("UB@x", "expected BUFFER@LINE"),
        ("UB@5@", "expected BUFFER@LINE"),
        ("UB@5@3", "expected BUFFER@LINE"),
        ("UB[5]@5", "expected BUFFER@LINE"),
        (f"UB@{DOUBLE}:0", "executions are counted from 1 on"),
        ("UB@9999", f"line 9999 of <text> has no data instruction; the nearest with one: {STORE}"),
        (f"UB@{DOUBLE + 1}", f"the nearest with one: {DOUBLE} and {STORE}"),
        (f"UBB@{DOUBLE}", "no memory, buffer or tensor 'UBB'; did you mean 'UB'?"),
        (f"q@{DOUBLE}", "'q'; there are X, Y, x, y, GM, L1, L0A, L0B, L0C, BT, FB, UB"),
        (f"L1@{DOUBLE}", f"vector cores execute line {DOUBLE}, and they have no L1"),
        (f"UB[5:5]@{DOUBLE}", "bytes 5 .. 4: UB has bytes 0 .. 196607"),
        (f"x[0:257]@{DOUBLE}", "bytes 0 .. 256: x has bytes 0 .. 255"),
        (f"x[0:6]:f32@{DOUBLE}", "6 bytes are no whole number of f32"),
        (f"x:f33@{DOUBLE}", "no type 'f33'; did you mean 'f32'?"),
        (f"x@{DOUBLE}@1.aiv0", "there is no core 1.aiv0: blocks are 0 .. 0"),
        (f"x@{DOUBLE}@0.aic", f"line {DOUBLE} is in the vector section, which 0.aic does not run"),
        (f"x@other.inc:{DOUBLE}", "no instruction is from a file 'other.inc' (there are <text>)"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_run(spec: str, message: str) -> None:
    with pytest.raises(npuemu.UserError) as caught:
        dump(spec, on_print=lambda _: pytest.fail("it ran"))
    assert str(caught.value).startswith("dump ") and message in str(caught.value)


def test_arguments_of_the_wrong_kind() -> None:
    for dumps, message in (("UB@5", "a list of texts"), ([5], "a dump is a str, not int")):
        with pytest.raises(npuemu.UserError, match=message):
            run(LOOP, dumps=dumps)
    with pytest.raises(npuemu.UserError, match="mode timing computes none"):
        dump(f"UB@{DOUBLE}", mode="timing")
    with pytest.raises(npuemu.UserError, match="print_limit takes an integer"):
        run(LOOP, print_limit=-1)


def test_a_dump_that_is_not_reached_says_why() -> None:
    spec, never = f"x@{DOUBLE}:{ROWS + 1}", f"x@{DOUBLE}@0.aiv1"
    done = dump(spec, never, f"x@{DOUBLE}")
    assert set(done.dumps) == {f"x@{DOUBLE}"} and done.ok
    with pytest.raises(npuemu.UserError) as caught:
        done.dumps[spec]
    assert str(caught.value) == f"dump {spec}: line {DOUBLE} is executed {ROWS} times on 0.aiv0"
    assert done.dumps.missed[never] == (
        f"dump {never}: 0.aiv1 never executes line {DOUBLE}; "
        "0.aiv0 does: write @0.aiv0 behind the line"
    )
    with pytest.raises(npuemu.UserError, match="'z@1' was not asked for"):
        done.dumps["z@1"]
    stuck = dump(spec, text=LOOP.replace("    set_flag MTE3, MTE2, 0\n", ""))
    assert not stuck.ok and stuck.dumps.missed[spec].endswith(
        "once on 0.aiv0, and the run ended early"
    )


def test_texts_are_read_as_written() -> None:
    full = parse("UB[0x10:32]:f32@a/b-1.inc:12:3@2.aiv1")
    assert (full.name, full.low, full.high, full.dtype) == ("UB", 16, 32, "f32")
    assert (full.file, full.line, full.times, full.core) == ("a/b-1.inc", 12, 3, 8)
    short = parse("acc@57:2")
    assert (short.file, short.line, short.times, short.core) == (None, 57, 2, None)
    assert parse("acc@12.inc:57").file == "12.inc" and parse("acc@57@0.aic").core == 0

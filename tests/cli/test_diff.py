"""`npuemu diff`: kernels against kernels, reports against reports, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from npuemu.report.json_schema import encode
from tests.cli.conftest import Result
from tests.report.sample import detailed, finding, sample

Npu = Callable[..., Result]
SMALL = ("-D", "M=16", "-D", "N=32", "-D", "K=64")
ADD = """
.kernel add
.machines ascend910b1
.param N = 64
.param {other} = 1
.tensor X f32 [N] in
.tensor Z f32 [N] out
.buffer x UB N * 4
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r2, x
    li r3, X
    li r4, Z
{more}    mov_gm_ub r2, r3, len=N * 4
    set_flag MTE2, V, 0
    wait_flag MTE2, V, 0
    vadd.f32 r2, r2, r2, rep=N / 64
    set_flag V, MTE3, 0
    wait_flag V, MTE3, 0
    mov_ub_gm r4, r2, len=N * 4
end:
    halt
"""


def add(folder: Path, name: str, *, other: str = "A", more: str = "") -> str:
    """A small kernel as a file."""
    path = folder / name
    path.write_text(ADD.format(other=other, more=more))
    return str(path)


def report(path: Path, **changes: object) -> str:
    """A report as a file."""
    path.write_bytes(encode(detailed(**changes)))
    return str(path)


def test_two_kernels(npu: Npu) -> None:
    status, out, _ = npu("diff", "gemm_w8a16_msd", "gemm_w8a16_dequant", *SMALL)
    assert status == 0
    head, changes, *_ = out.split("\n\n")
    assert head.splitlines() == [
        "A  gemm_w8a16_msd on ascend910b1   M=16 N=32 K=64   1 block   mode full",
        "B  gemm_w8a16_dequant on ascend910b1   M=16 N=32 K=64   1 block   mode full",
    ]
    assert "cycles fewer (x0." in changes and "% of the change" in changes
    assert "\noutputs       C differ\n" in out
    for part in ("pipes (", "peak occupancy ", "traffic ", "work "):
        assert f"\n\n{part}" in out


def test_the_comparison_is_that_of_the_runs(npu: Npu) -> None:
    found = json.loads(npu("diff", "gemm_bf16", "gemm_w8a16_lift", *SMALL, "--json", "-")[1])
    for side, kernel in (("a", "gemm_bf16"), ("b", "gemm_w8a16_lift")):
        run = json.loads(npu("run", kernel, *SMALL, "--report", "-")[1])
        assert found[side]["cycles"] == run["cycles"] and found[side]["kernel"] == kernel
        read = next(f for f in found["figures"] if f["what"] == "read" and f["owner"] == "W")
        assert read[side] == run["traffic"]["tensors"]["W"]["read"]
        busy = [f for f in found["figures"] if (f["owner"], f["what"]) == ("cube M", "busy")]
        assert busy[0][side] == run["cores"][0]["pipes"]["M"]["busy"]


def test_one_kernel_on_two_machines(npu: Npu) -> None:
    status, out, _ = npu(
        "diff", "gemm_bf16@ascend910b1", "gemm_bf16@ascend950pr", *SMALL, "--mode", "timing",
        "--blocks", "2", "--seed", "3",
    )  # fmt: skip
    assert status == 0
    assert "B  gemm_bf16 on ascend950pr   M=16 N=32 K=64   2 blocks   mode timing\n" in out
    headline = out.split("\n\n")[1].splitlines()[0]
    assert " us more (x" in headline or " us less (x" in headline
    assert "outputs       not computed in both" in out


def test_reports_against_reports_and_against_a_run(npu: Npu, tmp_path: Path) -> None:
    kernel, file = add(tmp_path, "add.npu"), str(tmp_path / "add.json")
    assert npu("run", kernel, "--report", file)[0] == 0
    for other in (file, kernel):
        status, out, _ = npu("diff", file, other)
        assert status == 0 and "identical: every figure and every output.\n" in out
    status, out, _ = npu("diff", file, kernel, "-D", "N=128", "--seed", "1")
    assert status == 0 and "B  add on ascend910b1   N=128 A=1   " in out and "Z differ" in out


def test_an_edited_kernel_matches_by_place(npu: Npu, tmp_path: Path) -> None:
    one = add(tmp_path, "add.npu")
    (tmp_path / "new").mkdir()
    two = add(tmp_path / "new", "add.npu", more="    subblock_idx r5\n" * 2)
    found = json.loads(npu("diff", one, two, "--json", "-")[1])
    assert found["outputs"] == {"Z": "equal"} and not found["identical"]
    lines = [place for place in found["lines"] if place["pipe"] != "vector S"]
    assert not any(place["change"] for place in lines)
    place = next(place for place in lines if place["name"] == "mov_ub_gm")
    assert place["where_a"] == f"{one}:21:5" and place["where_b"] == f"{two}:23:5"
    added = [p["where_b"] for p in found["lines"] if not p["where_a"]]
    assert sorted(added) == [f"{two}:15:5", f"{two}:16:5"]


def test_a_parameter_goes_to_the_kernel_that_has_it(npu: Npu, tmp_path: Path) -> None:
    one, two = add(tmp_path, "one.npu", other="A"), add(tmp_path, "two.npu", other="B")
    status, out, _ = npu("diff", one, two, "-D", "A=5", "-D", "N=128", "-D", "B=7")
    assert status == 0
    assert "A  add on ascend910b1   N=128 A=5 " in out
    assert "B  add on ascend910b1   N=128 B=7 " in out
    binary = str(tmp_path / "add.bin")
    assert npu("asm", one, "-o", binary)[0] == 0
    status, out, _ = npu("diff", binary, two, "-D", "N=128")
    assert status == 0 and "N=64 A=1" in out and "N=128 B=1" in out
    status, _, err = npu("diff", one, two, "-D", "C=1")
    assert status == 2 and err.startswith("error[A801]: the kernel has no parameter 'C'\n")
    status, _, err = npu("diff", one, report(tmp_path / "r.json"), "-D", "B=1")
    assert status == 2 and "no parameter 'B'" in err


def test_json_goes_to_a_file_beside_the_text(npu: Npu, tmp_path: Path) -> None:
    a, b = report(tmp_path / "a.json"), report(tmp_path / "b.json", cycles=1200)
    target = tmp_path / "d.json"
    status, out, _ = npu("diff", a, b, "--json", str(target))
    assert status == 0 and "B takes 200 cycles more (x1.20)" in out
    assert json.loads(target.read_text())["schema"] == "npuemu-diff-1"


@pytest.mark.parametrize("broken", ["a", "b"])
def test_errors_in_a_run_give_one(npu: Npu, tmp_path: Path, broken: str) -> None:
    files = [
        report(tmp_path / f"{side}.json", diagnostics=[finding()] * (side == broken))
        for side in "ab"
    ]
    status, out, _ = npu("diff", *files)
    assert status == 1 and "E117" in out
    warned = report(tmp_path / "w.json", diagnostics=[finding("warning")])
    assert npu("diff", warned, warned)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("r.json",), "error: Missing argument 'B'"),
        (("r.json", "no.json"), "cannot read report no.json: No such file or directory"),
        (("r.json", "."), "cannot read"),
        (("r.json", "old.json"), "old.json: not a report of schema npuemu-report-2: it is of sch"),
        (("r.json", "text.json"), "text.json: not a report: "),
        (("r.json", "list.json"), "list.json: not a report: "),
        (("r.json", "sum.json"), "sum.json: not a report: cycles of 0.aic M sum to 999, the run"),
        (("r.json", "nothing"), "there is no kernel 'nothing'"),
        (("r.json", "gemm_bf16@"), "a run is KERNEL or KERNEL@MACHINE, not 'gemm_bf16@'"),
        (("r.json", "@ascend910b1"), "a run is KERNEL or KERNEL@MACHINE"),
        (("r.json", "gemm_bf16@nowhere"), "nowhere"),
        (("r.json", "r.json", "-D", "M=1"), "A and B are reports"),
        (("r.json", "r.json", "--blocks", "1"), "A and B are reports"),
        (("r.json", "r.json", "--mode", "full"), "A and B are reports"),
        (("r.json", "r.json", "--seed", "0"), "A and B are reports"),
        (("r.json", "gemm_bf16", "--blocks", "0"), "at least 1"),
        (("r.json", "gemm_bf16", "--mode", "fast"), "--mode takes full, timing or numbers"),
        (("r.json", "r.json", "--json", "no/such/d.json"), "there is no directory no/such"),
        (("r.json", "r.json", "--json", "r.json"), "r.json would overwrite what is compared"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_message(
    npu: Npu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    report(Path("r.json"))
    Path("old.json").write_text(json.dumps({**sample(), "schema": "npuemu-report-1"}))
    Path("text.json").write_text("{")
    Path("list.json").write_text("[]")
    wrong = sample()
    wrong["cores"][0]["pipes"]["M"]["idle"] -= 1
    Path("sum.json").write_text(json.dumps(wrong))
    before = Path("r.json").read_bytes()
    status, out, err = npu("diff", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error") and message in err
    assert err.count("\n") == 1 or "error[A" in err
    assert Path("r.json").read_bytes() == before

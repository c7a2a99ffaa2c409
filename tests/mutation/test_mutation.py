"""No missing synchronisation of a bundled kernel goes unseen, and the kernels have no findings."""

from __future__ import annotations

import re

import pytest

import npuemu
from npuemu.data import PACKAGE
from npuemu.verify.golden import load_golden
from tests.mutation import page
from tests.mutation.campaign import CASES, Campaign
from tests.mutation.judge import Judge, Verdict
from tests.mutation.mutants import Workshop
from tests.mutation.places import Shape
from tests.mutation.program import edited

DOCS = PACKAGE.parent / "docs" / "mutation.md"
KERNELS = [(k.name, machine) for k in npuemu.list_kernels() for machine in k.machines]
IDS = ["-".join(names) for names in CASES]


def section(kernel: str, machine: str) -> str:
    """The page's part about a kernel."""
    heading = f"## {kernel} on {machine}\n"
    text = DOCS.read_text(encoding="utf-8")
    assert heading in text
    return heading + text.split(heading)[1].split("\n## ")[0]


def test_every_kernel_is_among_the_cases() -> None:
    assert sorted(CASES) == sorted(KERNELS)


@pytest.mark.parametrize("names", CASES, ids=IDS)
def test_removed_synchronisation_is_reported_as_the_page_says(names: tuple[str, str]) -> None:
    outcomes = Campaign(*names, page.REMOVED).run()
    assert [str(o) for o in outcomes if o.judgement.verdict is Verdict.UNREPORTED] == []
    reported = [o for o in outcomes if o.judgement.verdict is Verdict.REPORTED]
    assert len(reported) >= 90
    written = section(*names)
    for row in page.rows(outcomes).values():
        assert f"| {' | '.join(map(str, row))} |\n" in written


@pytest.mark.slow
@pytest.mark.parametrize("names", CASES, ids=IDS)
def test_the_page_is_what_all_mutants_give(names: tuple[str, str]) -> None:
    found = page.part(Campaign(*names))
    assert found.rstrip() == section(*names).rstrip(), "run `python -m tests.mutation.page`"


def test_the_page_has_nothing_unreported() -> None:
    totals = re.findall(r"^\| all \|.*\| (\d+) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert totals == ["0"] * len(CASES)


@pytest.mark.parametrize("blocks", [1, 2, pytest.param(3, marks=pytest.mark.slow), 24])
@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_kernels_have_no_findings(name: str, machine: str, blocks: int) -> None:
    for case in load_golden(name).cases:
        if case.edit is None:
            found = npuemu.run(name, machine, blocks=blocks, mode="timing", **case.params)
            assert found.diagnostics == [], case.params


def shape() -> Shape:
    """A small kernel."""
    return Shape("gemm_bf16", "ascend910b1", 1, (("M", 130), ("N", 16), ("K", 96)))


def test_an_edit_keeps_lines_and_jumps() -> None:
    program = shape().load()
    same = Workshop(program)
    half = {(s.section, s.index): () for s in same.named("set_flag")[:1]}
    other = edited(program, half)  # type: ignore[arg-type]
    assert edited(program, {}) == program
    assert len(other.code["cube"]) == len(program.code["cube"]) - 1
    gone = next(index for _, index in half)
    for old in same.sites:
        if old.index == gone:
            continue
        new = Workshop(other).sites[old.index - (old.index > gone)]
        assert (new.path, new.turn if new.path != same.sites[gone].path else old.turn) == (
            old.path,
            old.turn,
        )
        for operand in old.record.operands:
            if operand.kind == "label":
                target = int(old.values[operand.name])  # type: ignore[arg-type]
                assert new.values[operand.name] == target - (target > gone)


def test_the_judge_tells_the_kernel_from_a_spoilt_one() -> None:
    program = shape().load()
    judge, shop = Judge(program), Workshop(program)
    unchanged = shop.changed("none", {}, "", "the kernel itself")
    assert judge.judge(unchanged).verdict is Verdict.SAME_ORDER
    every = shop.without("all", shop.named("set_flag", "wait_flag"))
    assert {"E201", "E202"} <= set(judge.judge(every).codes)

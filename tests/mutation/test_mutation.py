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
FEWEST = {"quantize": 40}
"""Reports at least, by the first word of the name: vector programs have one kind of core."""
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
    assert len(reported) >= FEWEST.get(names[0].split("_")[0], 90)
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
    assert edited(program, {}) == program
    before = Workshop(program).sites
    gone = next(s.index for s in before if s.record.name == "set_flag")
    after = Workshop(edited(program, {("cube", gone): ()})).sites
    kept = [s for s in before if s.index != gone]
    assert [(s.record, s.path) for s in after] == [(s.record, s.path) for s in kept]
    jumps = 0
    for old, new in zip(kept, after, strict=True):
        for operand in old.record.operands:
            if operand.kind == "label":
                target = int(old.values[operand.name])  # type: ignore[arg-type]
                assert new.values[operand.name] == target - (target > gone)
                jumps += 1
    assert jumps > 5


def test_the_judge_tells_the_kernel_from_a_spoilt_one() -> None:
    program = shape().load()
    judge, shop = Judge(program), Workshop(program)
    unchanged = shop.changed("none", {}, "", "the kernel itself")
    assert judge.judge(unchanged).verdict is Verdict.SAME_ORDER
    every = shop.without("all", shop.named("set_flag", "wait_flag"))
    assert {"E201", "E204"} <= set(judge.judge(every).codes)

"""`docs/reproduce-msd.md` says what the full study gives: a sample of its rows, made again."""

from __future__ import annotations

import re

import pytest

from npuemu.reproduce import bits, gemm, msd, page, values
from npuemu.reproduce.rows import Part, Result, Row, Section
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reproduce-msd.md").read_text(encoding="utf-8")


def _lines(rows: list[Row]) -> list[str]:
    """Rows as the page has them."""
    part = Part(Section("Part", "", ()), rows)
    text = page.page(Result("msd", "A paper", False, (part,)), "unknown")
    return text.splitlines()[-len(rows) :]


def test_effective_bits() -> None:
    section = bits.Bits(msd.FULL.values, msd.FULL.awkward)
    lines = _lines(list(section.drawn_values(values.DISTRIBUTIONS[0]).rows))
    assert len(lines) == 6 and set(lines) <= set(PAGE.splitlines())


@pytest.mark.parametrize("kernel", ["gemm_w8a16_msd", "gemm_w8a16_lift"])
def test_gemm_errors(kernel: str) -> None:
    section = gemm.GemmErrors(msd.FULL.rows, msd.FULL.columns, msd.FULL.lengths)
    listed = next(g for g in gemm.GEMMS if g.kernel == kernel)
    lines = _lines(list(section.rows(listed, "normal").rows))
    assert len(lines) == 1 and set(lines) <= set(PAGE.splitlines())


def test_the_page_names_its_commit_and_every_section() -> None:
    assert re.search(r"at commit `[0-9a-f]{12}`", PAGE)
    for section in msd.sections(msd.FULL):
        assert f"## {section.title}\n" in PAGE
    assert "FAILS |" not in PAGE.split("\n## ", 1)[1]

"""Every diagnostic has a page, and every kernel on a page gives what its marks say.

``; <- E202`` marks the line of a finding, on the line of ``.kernel`` a finding without a place;
``; options: ...`` is what ``npuemu run`` is given. A kernel without marks must run clean.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from npuemu import pages
from npuemu.asm.errors import CODES as MESSAGES
from npuemu.cli.main import main
from npuemu.observe.diagnostics import CODES as FINDINGS
from npuemu.report import diagnostics_page
from npuemu.report.explain import GROUPS, grouped
from tests.docs.pages import ROOT, Reader

WITHOUT_KERNEL = {"A104", "A901", "A902", "A903"}
"""What no text of a kernel can show: files that cannot be read, and binaries."""

_MARK = re.compile(r"; <- ((?:[EWA]\d{3})(?:, [EWA]\d{3})*)(?::|$)")
_OPTIONS = re.compile(r"; options: (.*)")


@dataclass(frozen=True)
class Shown:
    """A kernel of a page."""

    code: str
    number: int
    text: str

    @property
    def marks(self) -> set[tuple[str, int]]:
        """(code, line) of every mark."""
        found = set()
        for number, line in enumerate(self.text.splitlines(), 1):
            mark = _MARK.search(line)
            found |= {(code, number) for code in mark[1].split(", ")} if mark else set()
        return found

    @property
    def options(self) -> list[str]:
        """Options of the run."""
        found = _OPTIONS.match(self.text)
        return shlex.split(found[1]) if found else []

    @property
    def whole(self) -> int:
        """The line that stands for the whole kernel."""
        return next(n for n, s in enumerate(self.text.splitlines(), 1) if s.startswith(".kernel "))


def kernels(code: str) -> list[Shown]:
    """The kernels of a page, in order."""
    texts = re.findall(r"^```npu\n(.*?)^```$", pages.page(code).text, re.MULTILINE | re.DOTALL)
    return [Shown(code, number, text) for number, text in enumerate(texts, 1)]


CASES = [shown for code in pages.codes() for shown in kernels(code)]


def findings(
    shown: Shown, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, set[tuple[str, int]]]:
    """Exit status of a run, and (code, line) of every finding."""
    path = folder / "shown.npu"
    path.write_text(shown.text, encoding="utf-8")
    status = main(["run", str(path), *shown.options, "--report", "-"])
    out, err = capsys.readouterr()
    if status == 2:
        code = re.match(r"error\[(A\d+)\]: ", err)
        assert code is not None, err
        place = re.search(r"--> .*?shown\.npu:(\d+):", err)
        return status, {(code[1], int(place[1]) if place else shown.whole)}
    found = set()
    for finding in json.loads(out)["diagnostics"]:
        where = finding["where"]
        line = int(where.removeprefix(f"{path}:").split(":")[0]) if where else shown.whole
        found.add((finding["code"], line))
    return status, found


@pytest.mark.parametrize("shown", CASES, ids=lambda s: f"{s.code}-{s.number}")
def test_a_kernel_gives_what_is_marked(
    shown: Shown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = shown.marks
    status, found = findings(shown, tmp_path, capsys)
    assert found == expected
    letters = {code[0] for code, _ in expected}
    assert status == (2 if "A" in letters else 1 if "E" in letters else 0)


@pytest.mark.parametrize("code", [c for c in pages.codes() if c not in WITHOUT_KERNEL])
def test_a_page_shows_the_fault_and_the_repair(code: str) -> None:
    shown = kernels(code)
    assert len(shown) >= 2 and len(shown) % 2 == 0
    for broken, repaired in zip(shown[::2], shown[1::2], strict=True):
        assert code in {marked for marked, _ in broken.marks}
        assert repaired.marks == set() and repaired.text != broken.text
    headings = re.findall(r"^## (.*)$", pages.page(code).text, re.MULTILINE)
    kinds = [heading.split(":")[0] for heading in headings]
    assert kinds == ["On the hardware"] * (code[0] != "A") + ["Broken", "Repaired"] * (
        len(shown) // 2
    )


def test_every_comment_that_looks_like_a_mark_is_one() -> None:
    for shown in CASES:
        lines = [line for line in shown.text.splitlines() if "<-" in line]
        assert [line for line in lines if not _MARK.search(line)] == [], shown.code
        assert shown.text.count("options:") == bool(_OPTIONS.match(shown.text)), shown.code


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert set(pages.codes()) == {*FINDINGS, *MESSAGES}
    assert {code for code in pages.codes() if not kernels(code)} == WITHOUT_KERNEL


def test_every_code_is_in_one_group() -> None:
    listed = [page.code for _, found in grouped() for page in found]
    assert sorted(listed) == sorted(pages.codes())
    assert len(list(grouped())) == len(GROUPS)


def test_titles_are_unique() -> None:
    titles = [pages.page(code).title for code in pages.codes()]
    assert len(set(titles)) == len(titles)


def test_a_page_without_a_title_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "E999.md").write_text("# E998: another\n")
    monkeypatch.setattr("npuemu.data.folder", lambda name: tmp_path)
    with pytest.raises(ValueError, match="the first line must be '# E999: title'"):
        pages.page.__wrapped__("E999")


def test_the_committed_index_is_fresh_and_its_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "docs" / "diagnostics.md"
    assert path.read_text(encoding="utf-8") == diagnostics_page.page(), "run `make docs`"
    monkeypatch.chdir(tmp_path)
    assert Reader(tmp_path, capsys).read(path) == 1

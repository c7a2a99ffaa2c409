"""`npuemu explain`: the pages on a pipe and on a terminal, and what points to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from npuemu import pages
from npuemu.report.explain import explained, nearest
from npuemu.report.tables import Style
from tests.cli.conftest import Result

Npu = Callable[..., Result]
ROOT = Path(__file__).resolve().parents[2]


def test_all_codes_with_their_titles(npu: Npu) -> None:
    status, out, err = npu("explain")
    assert (status, err) == (0, "")
    listed = re.findall(r"^([EWA]\d{3})  (.*)$", out, re.MULTILINE)
    assert listed == [(code, pages.page(code).title) for code in pages.codes()]
    assert out.startswith("Faults that end a run\nE101  ") and "\n\nNames\nA201  " in out


@pytest.mark.parametrize("code", pages.codes())
def test_a_pipe_gets_the_page_as_it_is(npu: Npu, code: str) -> None:
    status, out, err = npu("explain", code)
    page = (ROOT / "diagnostics" / f"{code}.md").read_text(encoding="utf-8")
    assert (status, err) == (0, "")
    assert out == re.sub(r"\[(E\d+)\]\(E\d+\.md\)", r"\1", page)


def test_several_codes_in_any_case(npu: Npu) -> None:
    status, out, _ = npu("explain", "w121", "E110")
    assert status == 0
    assert re.findall(r"^# (\w+): ", out, re.MULTILINE) == ["W121", "E110"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("E115", "E114, E116, E113"),
        ("e0117", "E117, E116, E118"),
        ("121", "W121, W120, W122"),
        ("deadlock", "E110"),
        ("LIVELOCK", "E111"),
        ("nothing at all", "E101, A101, E102"),
        ("(", "E101, A101, E102"),
        ("", "E101, A101, E102"),
    ],
)
def test_an_unknown_code_names_the_nearest(npu: Npu, name: str, near: str) -> None:
    assert npu("explain", "E101", name) == (
        2, "", f"error: there is no diagnostic '{name}'; the nearest: {near}\n",
    )  # fmt: skip


def test_every_code_is_nearest_to_itself() -> None:
    assert [code for code in pages.codes() if nearest(code.lower())[0] != code] == []


@pytest.mark.parametrize("code", pages.codes())
def test_a_terminal_gets_every_word_and_line(code: str) -> None:
    plain = explained(code, Style(False, True, 80))
    page = pages.page(code)
    assert plain.startswith(f"{code}: {page.title}\n") and "```" not in plain
    lines = [line.rstrip() for line in plain.splitlines()]
    for kernel in re.findall(r"^```npu\n(.*?)^```$", page.text, re.MULTILINE | re.DOTALL):
        assert [s for s in kernel.splitlines() if f"    {s}" not in lines] == []
    prose = re.sub(r"^```npu\n.*?^```$", "", page.text, flags=re.MULTILINE | re.DOTALL)
    words = re.findall(r"[A-Za-z]{3,}", prose)
    assert [word for word in words if word not in plain] == []


def test_a_terminal_gets_colour_where_it_has_some() -> None:
    text = explained("E202", Style(True, True, 100))
    assert "\x1b[1;31mE202: write-after-read race\x1b[0m" in text
    marked = next(line for line in text.splitlines() if "; <- E202" in line)
    assert marked.startswith("\x1b[1;31m")
    assert "\x1b" not in explained("E202", Style(False, True, 100))


def test_a_terminal_without_the_characters_gets_markdown() -> None:
    assert explained("E202", Style(True, False, 100)).isascii()
    assert explained("E202", Style(True, False, 100)) == explained("E202", Style())


def test_messages_of_the_assembler_point_to_their_page(npu: Npu, tmp_path: Path) -> None:
    kernel = tmp_path / "k.npu"
    kernel.write_text(".kernel k\n.machines ascend910b1\n.section cube\n lii r1, 1\n halt\n")
    for command in ("check", "run", "dis"):
        status, out, err = npu(command, str(kernel))
        assert (status, out) == (2, "")
        assert err.startswith("error[A301]: ")
        assert err.endswith("\nfor more: npuemu explain A301\n")


def test_a_hint_names_every_code_once() -> None:
    assert pages.hint(["W121", "E110", "W121"]) == "for more: npuemu explain W121 E110"

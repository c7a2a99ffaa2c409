"""Kernels through Pygments: nothing lost, nothing unknown, the kinds of the editors' grammar."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pygments.token import Error, Text

from npuemu.report import pygments_lexer
from npuemu.report.pygments_lexer import NpuLexer, token_type
from tests.report.test_textmate import GRAMMAR, KERNELS
from tests.report.textmate_matcher import Matcher

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", [p for p in KERNELS if p.stat().st_size < 3000], ids=str)
def test_every_character_is_what_it_is_for_editors(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    kinds = []
    for kind, value in NpuLexer(stripnl=False, ensurenl=False).get_tokens(text):
        assert kind is not Error
        kinds += [(kind, character) for character in value]
    assert "".join(character for _, character in kinds) == text
    expected = []
    for _, scopes in Matcher(GRAMMAR).lines(text):
        expected += [token_type(s[-1].removesuffix(".npu")) if s else Text for s in scopes]
        expected.append(None)
    for (kind, character), wanted in zip(kinds, expected, strict=False):
        assert character.isspace() or kind is wanted, (character, kind, wanted)


def test_pygments_is_told_of_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["entry-points"]["pygments.lexers"]["npu"].partition(":")
    assert module == pygments_lexer.__name__ and getattr(pygments_lexer, name) is NpuLexer

"""Kernels coloured by Pygments: the TextMate grammar's rules as states of a `RegexLexer`.

Pygments finds it as `npu`, also in Sphinx, in MkDocs and in `pygmentize`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pygments.lexer import RegexLexer
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    _TokenType,
)

from npuemu.report.textmate import Rule, grammar

Piece = tuple[int, _TokenType, str]

SCOPES: tuple[tuple[str, _TokenType], ...] = (
    ("comment", Comment.Single),
    ("constant.character.escape", String.Escape),
    ("constant.language", Name.Constant),
    ("constant.numeric.float", Number.Float),
    ("constant.numeric.hexadecimal", Number.Hex),
    ("constant.numeric.binary", Number.Bin),
    ("constant.numeric", Number.Integer),
    ("constant.other.placeholder", String.Interpol),
    ("constant.other", Name.Constant),
    ("entity.name.function", Name.Function),
    ("entity.name.label", Name.Label),
    ("entity.name", Name.Class),
    ("keyword.control.mnemonic.sync", Keyword.Reserved),
    ("keyword.control", Keyword),
    ("keyword.other.directive", Keyword.Namespace),
    ("keyword.mnemonic", Keyword.Pseudo),
    ("keyword.operator", Operator),
    ("punctuation.definition.comment", Comment.Single),
    ("punctuation", Punctuation),
    ("storage", Keyword.Type),
    ("string", String.Double),
    ("support.function.builtin", Name.Builtin),
    ("support.function.mnemonic", Name.Builtin.Pseudo),
    ("variable.language.register", Name.Variable.Instance),
    ("variable.language", Name.Builtin),
    ("variable.other.constant", Name.Constant),
    ("variable.parameter", Name.Attribute),
    ("variable", Name),
)
"""What a scope is for Pygments; the first prefix that fits counts."""


def token_type(scope: str) -> _TokenType:
    """The token type of a scope; KeyError if the table has none."""
    for prefix, kind in SCOPES:
        if scope == prefix or scope.startswith(prefix + "."):
            return kind
    raise KeyError(scope)


def _groups(
    outer: _TokenType, captures: Rule
) -> Callable[[RegexLexer, re.Match[str], Any], Iterator[Piece]]:
    """Emits a match piece by piece: captured groups in their types, the rest in `outer`."""
    kinds = {int(index): token_type(value["name"]) for index, value in captures.items()}

    def pieces(lexer: RegexLexer, match: re.Match[str], context: Any = None) -> Iterator[Piece]:
        position = match.start()
        for index, kind in sorted(kinds.items()):
            start, end = match.span(index)
            if start < position:
                continue
            if start > position:
                yield position, outer, match.string[position:start]
            if end > start:
                yield start, kind, match.string[start:end]
            position = end
        if position < match.end():
            yield position, outer, match.string[position : match.end()]

    return pieces


class _States:
    """States of a lexer made from the rules of a grammar."""

    def __init__(self, source: Rule) -> None:
        self.repository = source["repository"]
        self.states: dict[str, list[Any]] = {}
        self.states["root"] = self.rules(source["patterns"], Text)

    def rules(self, patterns: list[Rule], outer: _TokenType) -> list[Any]:
        """Entries of a state, and what no pattern takes."""
        found = [entry for pattern in patterns for entry in self.entries(pattern)]
        return [*found, (r"[^\S\n]+|\w+|.|\n", outer)]

    def entries(self, rule: Rule) -> Iterator[Any]:
        """What one rule becomes; a rule with an end has a state of its own."""
        if "include" in rule:
            yield from self.entries(self.repository[rule["include"].removeprefix("#")])
        elif "match" in rule:
            outer = token_type(rule["name"]) if "name" in rule else Text
            yield rule["match"], _groups(outer, rule.get("captures", {}))
        elif "begin" in rule:
            outer = token_type(rule["name"]) if "name" in rule else Text
            yield rule["begin"], _groups(outer, rule.get("beginCaptures", {})), self.state(rule)
        else:
            for pattern in rule["patterns"]:
                yield from self.entries(pattern)

    def state(self, rule: Rule) -> str:
        """The name of the state between a rule's begin and its end."""
        name = rule["begin"]
        if name not in self.states:
            outer = token_type(rule["name"]) if "name" in rule else Text
            self.states[name] = []
            self.states[name] = [
                (rule["end"], outer, "#pop"), *self.rules(rule["patterns"], outer)
            ]  # fmt: skip
        return str(name)


class NpuLexer(RegexLexer):  # type: ignore[misc]
    """Kernel texts of npuemu."""

    name = "NPU kernel"
    aliases = ["npu"]
    filenames = ["*.npu"]
    url = ""
    version_added = ""
    flags = re.MULTILINE
    tokens = _States(grammar()).states

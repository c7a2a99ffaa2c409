"""A small TextMate matcher: what an editor does with a grammar, line by line.

At every position the leftmost match counts, of equal ones the earliest rule; the end of an open
rule comes before the rules inside it. Only what the grammar uses is here: `match`, `begin` and
`end` with captures, `patterns`, `include` of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Rule = dict[str, Any]
KNOWN = {"match", "name", "captures", "begin", "beginCaptures", "end", "patterns", "include"}


@dataclass(frozen=True)
class Open:
    """An open rule: its end, its rules, the scopes inside."""

    end: re.Pattern[str] | None
    rules: tuple[Rule, ...]
    scopes: tuple[str, ...]


class Matcher:
    """Tokenises with one grammar."""

    def __init__(self, grammar: Rule) -> None:
        self.grammar = grammar
        self.compiled: dict[str, re.Pattern[str]] = {}

    def pattern(self, text: str) -> re.Pattern[str]:
        """Compiled once."""
        if text not in self.compiled:
            self.compiled[text] = re.compile(text)
        return self.compiled[text]

    def flat(self, patterns: list[Rule]) -> Iterator[Rule]:
        """Rules with includes and lists of rules resolved."""
        for rule in patterns:
            if set(rule) - KNOWN:
                raise ValueError(f"a rule with {set(rule) - KNOWN}")
            if "include" in rule:
                yield from self.flat([self.grammar["repository"][rule["include"][1:]]])
            elif "match" in rule or "begin" in rule:
                yield rule
            else:
                yield from self.flat(rule["patterns"])

    @cached_property
    def top(self) -> Open:
        """What every line begins with."""
        return Open(None, tuple(self.flat(self.grammar["patterns"])), ())

    def line(self, text: str, stack: list[Open]) -> list[tuple[str, ...]]:
        """Scopes of every character; the stack carries open rules over to the next line."""
        scopes: list[tuple[str, ...]] = [stack[-1].scopes] * len(text)
        position = 0
        while True:
            found = self.next(text, position, stack[-1])
            start = found[0].start() if found else len(text)
            scopes[position:start] = [stack[-1].scopes] * (start - position)
            if found is None:
                return scopes
            match, rule = found
            outer = stack[-1].scopes
            if rule is None:
                scopes[start : match.end()] = [outer] * (match.end() - start)
                stack.pop()
            else:
                inner = outer + ((rule["name"],) if "name" in rule else ())
                captures = rule.get("captures" if "match" in rule else "beginCaptures", {})
                self.captured(scopes, match, inner, captures)
                if "begin" in rule:
                    rules = tuple(self.flat(rule.get("patterns", [])))
                    stack.append(Open(self.pattern(rule["end"]), rules, inner))
                elif match.end() == match.start():
                    raise ValueError(f"an empty match of {rule['match']}")
            position = match.end()

    def next(self, text: str, position: int, top: Open) -> tuple[re.Match[str], Rule | None] | None:
        """The leftmost match, with its rule, or with None for the end of the open rule."""
        best: tuple[re.Match[str], Rule | None] | None = None
        if top.end is not None and (match := top.end.search(text, position)):
            best = match, None
        for rule in top.rules:
            match = self.pattern(rule.get("match") or rule["begin"]).search(text, position)
            if match and (best is None or match.start() < best[0].start()):
                best = match, rule
        return best

    @staticmethod
    def captured(
        scopes: list[tuple[str, ...]], match: re.Match[str], inner: tuple[str, ...], captures: Rule
    ) -> None:
        """Scopes of a match and of its groups."""
        scopes[match.start() : match.end()] = [inner] * (match.end() - match.start())
        for index, capture in captures.items():
            start, end = match.span(int(index))
            for place in range(start, end) if start >= 0 else ():
                scopes[place] = (*scopes[place], capture["name"])

    def lines(self, text: str) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
        """Every line with the scopes of its characters; a rule left open at a line's end shows."""
        stack = [self.top]
        for line in text.split("\n"):
            yield line, self.line(line, stack)
            if len(stack) != 1:
                raise ValueError(f"a rule is still open after {line!r}")

"""Write, or check, what editors colour kernels with: `editors/vscode`, a TextMate grammar.

A line is labels, then one statement to its end. What a word is depends on the statement: `M` is a
pipe in `set_flag M, FIX, 0` and a parameter in `li r1, M`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from npuemu.report.page import write_or_check
from npuemu.report.vocabulary import BRANCHES, Group, Vocabulary, vocabulary

Rule = dict[str, Any]

NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:@[0-9]+)?"
GAP = r"[ \t\f]"
ALONE = r"(?<![A-Za-z0-9_@.])"
"""In front of a name: no name or suffix goes on here."""
OVER = r"(?![A-Za-z0-9_@])"
"""Behind a name: it ends here."""
END = r"(?=;)|$"
"""Where a statement ends."""
SINGLE = 1
"""Pipes of one letter are like parameters of that name: only beside another pipe are they pipes."""


def _scope(name: str) -> str:
    return f"{name}.npu"


def _any(words: Iterable[str]) -> str:
    """One of some words; longer ones first, because alternatives are tried in turn."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


def _captures(*names: str | None) -> Rule:
    return {str(i): {"name": _scope(name)} for i, name in enumerate(names, 1) if name is not None}


def _word(name: str, words: Iterable[str]) -> Rule:
    return {"match": f"{ALONE}(?:{_any(words)}){OVER}", "name": _scope(name)}


def _include(*names: str) -> list[Rule]:
    return [{"include": f"#{name}"} for name in names]


def _statement(begin: str, captures: Rule, patterns: Sequence[Rule]) -> Rule:
    """A rule for the rest of the line."""
    return {"begin": begin, "beginCaptures": captures, "end": END, "patterns": list(patterns)}


def _directive(name: str, kind: str, *parts: tuple[str, str]) -> Rule:
    """A directive and the words that follow it, each optional while the line is being typed."""
    begin, close, scopes = rf"(?<![A-Za-z0-9_])(\.(?:{name})){OVER}", "", [kind]
    for pattern, scope in parts:
        begin += f"(?:{GAP}+({pattern}){OVER}"
        close += ")?"
        scopes.append(scope)
    return _statement(begin + close, _captures(*scopes), ())


def _declarations(words: Vocabulary) -> list[Rule]:
    """Rules of the directives outside of blocks; what has no rule of its own takes the last one."""
    kind = "keyword.other.directive"
    upper, lower = "variable.other.constant", "variable.other"
    parts: dict[str, tuple[tuple[str, str], ...]] = {
        "kernel": ((NAME, "entity.name.type.kernel"),),
        "machines|machine": (),
        "param|bound": ((NAME, upper),),
        "const": ((NAME, upper),),
        "tensor": ((NAME, f"{lower}.tensor"), (_any(words.types), "storage.type")),
        "buffer": ((NAME, f"{lower}.buffer"), (_any(words.memories), "constant.language.memory")),
        "reg": ((NAME, f"{lower}.register"),),
        "section": ((_any(words.sections), "entity.name.section"),),
    }
    inner = {
        "machines|machine": [
            {"match": f"{ALONE}{NAME}", "name": _scope("constant.other.machine")},
            *_include("punctuation"),
        ],
        "tensor": [
            {
                "match": rf"(?<=\]){GAP}*({_any(words.roles)}){OVER}",
                "captures": _captures("storage.modifier.role"),
            },
            *_include("named", "expression"),
        ],
    }
    rules = []
    for names, following in parts.items():
        rule = _directive(names, kind, *following)
        rule["patterns"] = inner.get(names) or _include("named", "expression")
        rules.append(rule)
    taken = {name for names in parts for name in names.split("|")}
    rest = _directive(_any(name for name in words.declarations if name not in taken), kind)
    return [*rules, rest | {"patterns": _include("named", "expression")}]


def _blocks(words: Vocabulary) -> list[Rule]:
    """Rules of `.macro`, `.rep`, `.if` and their parts."""
    kind = "keyword.control.directive"
    macro = _directive("macro", kind, (NAME, "entity.name.function.macro"))
    formal = {
        "match": f"(?<=[(,]){GAP}*({NAME})",
        "captures": _captures("variable.parameter"),
    }
    macro["patterns"] = [formal, *_include("expression")]
    rep = _directive("rep", kind, (NAME, "variable.parameter"))
    others = [n for n in (*words.openers, *words.closers, *BRANCHES) if n not in ("macro", "rep")]
    rest = _directive(_any(others), kind)
    return [macro, *(rule | {"patterns": _include("expression")} for rule in (rep, rest))]


def _mnemonic_scope(pipe: str) -> str:
    """Synchronisation and control stand out from data movement and computation."""
    kinds = {"sync": "keyword.control.mnemonic", "scalar": "keyword.mnemonic"}
    return f"{kinds.get(pipe, 'support.function.mnemonic')}.{pipe}"


def _instruction(group: Group) -> Rule:
    """Mnemonics that take the same names as operands."""
    patterns = _include("suffix")
    for choice in group.choices:
        patterns.append(
            {
                "match": f"{ALONE}({choice.operand}){GAP}*(=){GAP}*({_any(choice.values)}){OVER}",
                "captures": _captures(
                    "variable.parameter", "keyword.operator.assignment", "constant.language"
                ),
            }
        )
        if choice.place == 0:
            patterns.append(_word("constant.language", choice.values))
        elif choice.place is not None:
            # Behind a comma only: the first operand may be a register of that name.
            later = f"(?<=,){GAP}*({_any(choice.values)}){OVER}"
            patterns.append({"match": later, "captures": _captures("constant.language")})
    return _statement(
        f"{ALONE}({_any(group.mnemonics)}){OVER}",
        _captures(_mnemonic_scope(group.pipe)),
        [*patterns, *_include("named", "expression")],
    )


def _pipe_pairs(words: Vocabulary) -> list[Rule]:
    """Pipes in the arguments of macros."""
    short = _any(pipe for pipe in words.pipes if len(pipe) == SINGLE)
    long = _any(pipe for pipe in words.pipes if len(pipe) > SINGLE)
    both = _captures("constant.language.pipe", "punctuation.separator", "constant.language.pipe")
    comma = f"{GAP}*(,){GAP}*"
    return [
        {"match": f"{ALONE}({first}){comma}({second}){OVER}", "captures": both}
        for first, second in ((short, long), (long, short))
    ] + [{"match": f"{ALONE}(?:{long}){OVER}", "name": _scope("constant.language.pipe")}]


def _numbers() -> list[Rule]:
    real = r"[0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
    kinds = (
        ("float", real),
        ("hexadecimal", "0[xX][0-9a-fA-F_]+"),
        ("binary", "0[bB][01_]+"),
        ("decimal", "[0-9][0-9_]*"),
    )
    return [
        {"match": f"{ALONE}{pattern}(?![A-Za-z0-9_])", "name": _scope(f"constant.numeric.{kind}")}
        for kind, pattern in kinds
    ]


def _string() -> Rule:
    return {
        "begin": '"',
        "end": '"|$',
        "name": _scope("string.quoted.double"),
        "patterns": [
            {"match": r"\\.", "name": _scope("constant.character.escape")},
            {"match": rf"\{{{NAME}\}}", "name": _scope("constant.other.placeholder")},
        ],
    }


def _expression(words: Vocabulary) -> list[Rule]:
    """What may stand anywhere in an operand."""
    last = words.registers - 1
    return [
        *_include("string", "number", "pipe"),
        {"match": rf"{ALONE}r(?:{_any(str(i) for i in range(last + 1))}){OVER}",
         "name": _scope("variable.language.register")},
        _word("variable.language", words.reserved),
        _word("constant.language.memory", words.memories),
        _word("storage.type", words.types),
        {"match": rf"{ALONE}({_any(words.functions)})(?={GAP}*\()",
         "captures": _captures("support.function.builtin")},
        {"match": r"@[A-Za-z_][A-Za-z0-9_]*", "name": _scope("entity.name.label.local")},
        {"match": f"{ALONE}[A-Z][A-Z0-9_]*{OVER}", "name": _scope("variable.other.constant")},
        {"match": f"{ALONE}{NAME}", "name": _scope("variable.other")},
        {"match": r"<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^<>~!?=]",
         "name": _scope("keyword.operator")},
        *_include("punctuation"),
    ]  # fmt: skip


def _repository(words: Vocabulary) -> Rule:
    comment = {
        "match": "(;).*$",
        "name": _scope("comment.line.semicolon"),
        "captures": _captures("punctuation.definition.comment"),
    }
    label = {
        "match": f"(?:(@[A-Za-z_][A-Za-z0-9_]*)|({NAME})){GAP}*(:)",
        "captures": _captures(
            "entity.name.label.local", "entity.name.label", "punctuation.separator.label"
        ),
    }
    named = {
        "match": f"{ALONE}({NAME}){GAP}*(=)(?!=)",
        "captures": _captures("variable.parameter", "keyword.operator.assignment"),
    }
    call = _statement(
        f"{ALONE}({NAME})",
        _captures("entity.name.function.macro"),
        _include("suffix", "named", "expression"),
    )
    return {
        "comment": comment,
        "label": label,
        "directive": {"patterns": [*_declarations(words), *_blocks(words)]},
        "instruction": {"patterns": [_instruction(group) for group in words.groups]},
        "call": call,
        "suffix": {
            "patterns": [
                {"match": rf"(?<=[A-Za-z0-9_])\.(?:{_any(words.suffixes)}){OVER}",
                 "name": _scope("storage.type.suffix")},
                {"match": r"(?<=[A-Za-z0-9_])\.[A-Za-z_][A-Za-z0-9_]*",
                 "name": _scope("variable.other.suffix")},
            ]
        },
        "named": named,
        "string": _string(),
        "number": {"patterns": _numbers()},
        "pipe": {"patterns": _pipe_pairs(words)},
        "expression": {"patterns": _expression(words)},
        "punctuation": {"match": r"[,:()\[\]]", "name": _scope("punctuation.separator")},
    }  # fmt: skip


def grammar() -> Rule:
    """The TextMate grammar of kernel texts, scope `source.npu`."""
    return {
        "information": "Generated from the instruction tables; `make docs` writes it.",
        "name": "NPU kernel",
        "scopeName": "source.npu",
        "fileTypes": ["npu"],
        "patterns": _include("comment", "label", "directive", "instruction", "call"),
        "repository": _repository(vocabulary()),
    }


def configuration() -> Rule:
    """What else an editor wants to know: comments, brackets, words, indentation, folds."""
    words = vocabulary()
    opening, closing = rf"^\s*\.(?:{_any(words.openers)})\b", rf"^\s*\.(?:{_any(words.closers)})\b"
    return {
        "comments": {"lineComment": ";"},
        "brackets": [["(", ")"], ["[", "]"]],
        "autoClosingPairs": [
            ["(", ")"], ["[", "]"], {"open": '"', "close": '"', "notIn": ["string", "comment"]},
        ],
        "surroundingPairs": [["(", ")"], ["[", "]"], ['"', '"']],
        "wordPattern": r"[.@]?[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_.]*",
        "folding": {"markers": {"start": opening, "end": closing}},
    }  # fmt: skip


TEXTS = {"npu.tmLanguage.json": grammar, "language-configuration.json": configuration}
"""The generated files by name, and what writes them."""


def page(name: str) -> str:
    """The text of one of the generated files."""
    return json.dumps(TEXTS[name](), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """`[--check] FILE`: write one of the files, or say whether the file is it."""
    return write_or_check(arguments, page(Path(arguments[-1]).name), "the instruction tables say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

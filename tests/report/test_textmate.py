"""The editors' grammar says of every character of the kernels what the assembler's lexer says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from npuemu.asm.functions import FUNCTIONS
from npuemu.asm.lexer import tokenise
from npuemu.asm.parser import grammar, parse_line
from npuemu.asm.program import DTYPE_BITS, ROLES, SECTIONS
from npuemu.asm.syntax import Directive, Instruction, Label
from npuemu.isa.table import MEMORIES, load
from npuemu.report import textmate
from tests.report.textmate_matcher import Matcher

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "editors" / "vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes" / "npu.tmLanguage.json").read_text(encoding="utf-8"))
FILES = {
    "npu.tmLanguage.json": FOLDER / "syntaxes" / "npu.tmLanguage.json",
    "language-configuration.json": FOLDER / "language-configuration.json",
}
KERNELS = sorted([*ROOT.glob("programs/*/kernel.npu"), *ROOT.glob("programs/include/*.inc")])
KINDS = {
    "REAL": "constant.numeric.float.", "INT": "constant.numeric.", "STRING": "string.quoted.",
    "OP": "keyword.operator.", "MINUS": "keyword.operator.", "NOT": "keyword.operator.",
    "SUFFIX": ("storage.type.suffix.", "variable.other.suffix."), "LOCAL": "entity.name.label.",
    ",": "punctuation.", "(": "punctuation.", ")": "punctuation.", "[": "punctuation.",
    "]": "punctuation.", "=": "keyword.operator.", "?": "keyword.operator.",
    ":": ("punctuation.", "keyword.operator."),
}  # fmt: skip
"""Scopes of tokens whose kind alone says what they are."""


def heads(line: str) -> dict[int, str]:
    """Column of what a statement begins with -> the scope it must have."""
    found = {}
    for statement in parse_line(line):
        column = statement.span.column
        if isinstance(statement, Label):
            found[column] = "entity.name.label."
        elif isinstance(statement, Instruction):
            known = statement.mnemonic in load().by_name
            found[column] = "mnemonic" if known else "entity.name.function.macro."
            for suffix in statement.suffixes:
                at_hand = suffix.name in textmate.vocabulary().suffixes
                scope = "storage.type.suffix." if at_hand else "variable.other.suffix."
                found[suffix.span.column] = found[suffix.span.column - 1] = scope
        elif isinstance(statement, Directive):
            found[line.index("." + statement.kind) + 1] = "directive"
    return found


def disagreements(matcher: Matcher, text: str) -> tuple[list[str], Counter[str]]:
    """Where grammar and lexer differ, and how many tokens of each kind were compared."""
    wrong: list[str] = []
    seen: Counter[str] = Counter()
    for number, (line, scopes) in enumerate(matcher.lines(text), 1):
        kinds, tokens = tokenise(line)
        starts = heads(line)
        expected: list[str | tuple[str, ...] | None] = [None] * len(line)
        for kind, token in zip(kinds, tokens, strict=True):
            scope = starts.get(token.column) or KINDS.get(kind)
            if scope is None:
                scope = ("variable.", "constant.", "entity.", "storage.", "support.")
            seen[scope if isinstance(scope, str) else kind] += 1
            expected[token.column - 1 : token.end - 1] = [scope] * len(token.text)
        comment = line.find(";", tokens[-1].end - 1 if tokens else 0)
        for place in range(comment, len(line)) if comment >= 0 else ():
            expected[place] = "comment.line."
        for place, (wanted, have) in enumerate(zip(expected, scopes, strict=True)):
            if not fits(line[place], wanted, have):
                wrong.append(f"{number}:{place + 1} {line.strip()}: {wanted}, not {have}")
    return wrong, seen


def fits(character: str, wanted: str | tuple[str, ...] | None, have: tuple[str, ...]) -> bool:
    """Whether a character's scopes are what the lexer says; blanks between tokens have none."""
    if wanted is None:
        return character in " \t\f" and not have
    if wanted == "mnemonic":
        return len(have) == 1 and ".mnemonic." in have[0]
    if wanted == "directive":
        return len(have) == 1 and ".directive." in have[0]
    return bool(have) and have[0].startswith(wanted)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    """Of the committed grammar."""
    return Matcher(GRAMMAR)


def test_bundled_kernels(matcher: Matcher) -> None:
    assert len(KERNELS) > 40
    seen: Counter[str] = Counter()
    wrong = []
    for path in KERNELS:
        found, counted = disagreements(matcher, path.read_text(encoding="utf-8"))
        wrong += [f"{path.name}:{text}" for text in found]
        seen += counted
    assert wrong == []
    least = {"mnemonic": 2000, "directive": 1000, "entity.name.label.": 100, "string.quoted.": 50}
    assert {kind: seen[kind] for kind, count in least.items() if seen[kind] < count} == {}


def scope_of(matcher: Matcher, line: str, word: str) -> str:
    """The innermost scope of a word's first character."""
    [(_, scopes)] = matcher.lines(line)
    return "".join(scopes[line.index(word)][-1:]).removesuffix(".npu")


def test_every_instruction_with_every_suffix(matcher: Matcher) -> None:
    pipes: dict[str, set[str]] = {}
    for record in load().records:
        scope = scope_of(matcher, f"    {record.name} r1, 2", record.name)
        pipes.setdefault(scope, set()).add("sync" if record.table == "sync" else record.pipe)
        for position, operand in enumerate(record.suffixes):
            for symbol in operand.symbols():
                line = f"{record.name}{'.x' * position}.{symbol} r1"
                assert scope_of(matcher, line, f".{symbol} ") == "storage.type.suffix"
    assert pipes == {
        "keyword.control.mnemonic.sync": {"sync"},
        "keyword.mnemonic.scalar": {"S"},
        **{f"support.function.mnemonic.{p.lower()}": {p} for p in
           ("M", "V", "MTE1", "MTE2", "MTE3", "FIX")},
    }  # fmt: skip


def test_every_word_of_the_language(matcher: Matcher) -> None:
    for directive in grammar().directives:
        assert ".directive" in scope_of(matcher, f"  {directive} x", directive)
        assert ".directive" not in scope_of(matcher, f"  {directive}x y", directive)
    for dtype in DTYPE_BITS:
        assert scope_of(matcher, f".tensor A {dtype} [4] in", dtype) == "storage.type"
    for role in ROLES:
        assert scope_of(matcher, f".tensor A s8 [4] {role}", role) == "storage.modifier.role"
    for section in SECTIONS:
        assert scope_of(matcher, f".section {section}", section) == "entity.name.section"
    for memory in MEMORIES:
        line = f".buffer a {memory} 64"
        assert scope_of(matcher, line, memory) == "constant.language.memory"
    for function in FUNCTIONS:
        scope = scope_of(matcher, f"li r1, {function}(2)", f"{function}(")
        assert scope == "support.function.builtin"
    for register in range(32):
        scope = scope_of(matcher, f"li r{register}, 1", f"r{register}")
        assert scope == "variable.language.register"


@pytest.mark.parametrize(
    ("line", "word", "scope"),
    [
        ("set_flag M, FIX, 0", "M,", "constant.language"),
        ("set_flag M, FIX, 0", "FIX", "constant.language"),
        ("    li r1, M", "M", "variable.other.constant"),
        ("    hand_over M, FIX", "M,", "constant.language.pipe"),
        ("    hand_over MTE2, V, 1", "V", "constant.language.pipe"),
        ("    tile M, N", "M", "variable.other.constant"),
        ("mmad.bf16 acc, a, b, init=acc", "acc,", "variable.other"),
        ("mmad.bf16 c, a, b, init=acc", "acc", "constant.language"),
        ("fix_l0c_gm.f32_bf16 d, s, quant=scalar", "scalar", "constant.language"),
        ("fix_l0c_gm.f32_bf16 d, s, quant=scalar", "quant", "variable.parameter"),
        ("ld.u32 r1, GM, r2", "GM", "constant.language"),
        ("cross_core_set_flag cv, FIX, 3", "cv", "constant.language"),
        ("li cv, 3", "cv", "variable.other"),
        ("r32: jmp r32", "r32:", "entity.name.label"),
        ("r32: jmp r32", "r32", "entity.name.label"),
        ("li r32, 0", "r32", "variable.other"),
        ("a: @b: add r1, r1, 1 ; a: b", "@b", "entity.name.label.local"),
        ("a: @b: add r1, r1, 1 ; a: b", "add", "keyword.mnemonic.scalar"),
        ("add:", "add", "entity.name.label"),
        ("min r1, r2, min(3, 4)", "min r1", "keyword.mnemonic.scalar"),
        ("min r1, r2, min(3, 4)", "min(", "support.function.builtin"),
        (".require a, \"x; {NAME} \\\" .if\" ; c", "{NAME}", "constant.other.placeholder"),
        (".require a, \"x; {NAME} \\\" .if\" ; c", "; c", "punctuation.definition.comment"),
        (".macro m(a, b=2)", "b=", "variable.parameter"),
        (".macro m(a, b=2)", "m(", "entity.name.function.macro"),
        ("vadd.t r1, r2, r3", ".t", "variable.other.suffix"),
        (".if MACHINE == ascend950pr", "MACHINE", "variable.language"),
        ("jmp again@3", "again", "variable.other"),
        ("li r1, 0x1F", "0x1F", "constant.numeric.hexadecimal"),
        ("li r1, 0b11", "0b11", "constant.numeric.binary"),
        ("li r1, f32bits(1.5e-3)", "1.5e-3", "constant.numeric.float"),
        ("li r1, 1_000", "1_000", "constant.numeric.decimal"),
    ],
)  # fmt: skip
def test_words_are_what_their_statement_makes_them(
    matcher: Matcher, line: str, word: str, scope: str
) -> None:
    assert scope_of(matcher, line, word) == scope


def test_a_half_typed_line_leaves_nothing_open(matcher: Matcher) -> None:
    text = '.tensor A\n.require x, "open\n    mmad.\n.macro f(\n    set_flag M,\nnext: halt'
    *_, (line, scopes) = matcher.lines(text)
    assert scopes[0] == ("entity.name.label.npu",)
    assert scopes[line.index("halt")] == ("keyword.mnemonic.scalar.npu",)


@pytest.mark.parametrize("name", textmate.TEXTS)
def test_the_committed_files_are_fresh(name: str, tmp_path: Path) -> None:
    assert FILES[name].read_text(encoding="utf-8") == textmate.page(name), "run `make docs`"
    copy = tmp_path / name
    assert textmate.main([str(copy)]) == 0 and textmate.main(["--check", str(copy)]) == 0
    copy.write_text(copy.read_text(encoding="utf-8").replace("vadd", "vadder") + "\n")
    assert textmate.main(["--check", str(copy)]) == 1


def test_the_extension_names_its_files() -> None:
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    [language], [colours] = package["contributes"]["languages"], package["contributes"]["grammars"]
    assert language["id"] == colours["language"] == "npu"
    assert colours["scopeName"] == GRAMMAR["scopeName"]
    for path in (language["configuration"], colours["path"]):
        assert (FOLDER / path).is_file()

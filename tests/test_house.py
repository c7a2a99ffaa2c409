"""Rules of the house that a reader of the syntax tree can hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("npuemu", "programs", "demo", "benchmarks", "tests")
MAX_LINES = 450
FORBIDDEN_OPTIONS = ("fastmath", "parallel")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*rooms: str) -> list[Path]:
    """Every Python file of the rooms."""
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path, node: ast.AST) -> str:
    """`file:line name` for a message."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', '')}"


def speaks_for_itself(node: ast.ClassDef) -> bool:
    """Whether a class's methods are explained elsewhere: builders by their grammar's rules."""
    bases = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
    return node.name.endswith("Builder") or "Protocol" in bases


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    """Public functions, and the public methods of public classes."""
    for node in body:
        if getattr(node, "name", "_").startswith("_"):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        elif isinstance(node, ast.ClassDef) and not speaks_for_itself(node):
            yield from public_functions(node.body)


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*ROOMS)}
    assert [f"{p.relative_to(ROOT)}: {n}" for p, n in lengths.items() if n > MAX_LINES] == []


def test_public_functions_have_docstrings() -> None:
    missing = []
    for path in sources("npuemu", "programs", "demo"):
        if path.stat().st_size and ast.get_docstring(tree(path)) is None:
            missing.append(f"{path.relative_to(ROOT)} (the file itself)")
        for node in public_functions(tree(path).body):
            if ast.get_docstring(node) is None:
                missing.append(named(path, node))
    assert missing == []


@pytest.mark.parametrize("option", FORBIDDEN_OPTIONS)
def test_arithmetic_is_never_reordered(option: str) -> None:
    """No keyword or key of that name is anything but False: results must not depend on it."""
    found = []
    for path in sources("npuemu", "programs", "demo", "benchmarks"):
        for node in ast.walk(tree(path)):
            pairs: list[tuple[object, ast.expr]] = []
            if isinstance(node, ast.keyword):
                pairs = [(node.arg, node.value)]
            elif isinstance(node, ast.Dict):
                keys = [k.value if isinstance(k, ast.Constant) else None for k in node.keys]
                pairs = list(zip(keys, node.values, strict=True))
            for name, value in pairs:
                off = isinstance(value, ast.Constant) and value.value is False
                if name == option and not off:
                    found.append(named(path, value))
    assert found == []


def test_rooms_that_answer_at_once_import_no_numba() -> None:
    """At module level; functions may import what they need when they need it."""
    found = []
    for path in sources(*(f"npuemu/{room}" for room in ("cli", "report", "asm", "isa", "machine"))):
        for node in tree(path).body:
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.split(".")[0] in ("numba", "llvmlite") for name in names):
                found.append(named(path, node))
    assert found == []

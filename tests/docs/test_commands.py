"""No command stands on a page without a test that runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npuemu.cli.main import main
from tests.docs.pages import ROOT, Reader, blocks
from tests.docs.test_pages import PAGES
from tests.docs.test_tutorial import PAGES as TUTORIAL

READ = {
    *(f"docs/{name}.md" for name in PAGES),
    *(f"docs/tutorial/{name}.md" for name in TUTORIAL),
    "README.md", "CONTRIBUTING.md", "docs/diagnostics.md", "diagnostics/index.in.md",
    "docs/site/index.md",
}  # fmt: skip
"""Pages whose console blocks are run as a whole, here or in the tests named above."""
ELSEWHERE = {
    "make": "the targets are what the whole check of a change runs, or what a person waits for",
    "pip install npuemu pytest": "tests/testing/test_wheel.py, from the wheel",
    "pytest": "tests/testing/test_wheel.py, in a copy of the project",
    "pytest --update-golden": "tests/testing/test_plugin.py",
    "npuemu run kernels/scale_add.npu -D N=65536": "below",
    "npuemu --install-completion": "tests/cli/test_completion.py",
    "_NPUEMU_COMPLETE=source_zsh npuemu": "tests/cli/test_completion.py",
    "cp -r docs/tutorial my-kernels": "below",
    "cd my-kernels": "below",
    'ln -s "$PWD/editors/vscode" ~/.vscode/extensions/npuemu.npu-0.1.0': "below",
}
"""Commands of ``sh`` blocks, and where they are run."""


def pages() -> list[Path]:
    """Every Markdown page of the repository."""
    found = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in found.stdout.split()]


def test_no_console_block_is_left_out() -> None:
    with_commands = {
        str(page.relative_to(ROOT))
        for page in pages()
        if any(block.language == "console" for block in blocks(page))
    }
    assert with_commands - READ == set()
    assert READ - with_commands == set()


def test_no_shell_line_is_left_out() -> None:
    lines = {
        re.split(r"\s+#", line)[0].strip()
        for page in pages()
        for block in blocks(page)
        if block.language in ("sh", "bash", "shell")
        for line in block.text.splitlines()
        if line.strip() and not line.startswith("#")
    }
    unknown = {line for line in lines if line not in ELSEWHERE and line.split()[0] not in ELSEWHERE}
    assert unknown == set()


def test_diagnostics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Reader(tmp_path, capsys).read(ROOT / "docs" / "diagnostics.md") >= 1


def test_the_example_project_shows_its_cycles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples" / "kernel_project" / "kernels", tmp_path / "kernels")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "kernels/scale_add.npu", "-D", "N=65536"]) == 0
    assert "hottest lines" in capsys.readouterr().out


def test_the_editor_finds_the_extension(tmp_path: Path) -> None:
    command = next(line for line in ELSEWHERE if line.startswith("ln "))
    (tmp_path / ".vscode" / "extensions").mkdir(parents=True)
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", f"cd '{ROOT}' && {command}"], env=environment, check=True)
    (link,) = (tmp_path / ".vscode" / "extensions").iterdir()
    assert (link / "package.json").is_file()


def test_the_tutorial_can_be_copied(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    command = "cp -r docs/tutorial my-kernels\ncd my-kernels\ntest -f 1-copy.npu"
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True)

"""The pytest plugin, in projects of its own: the fixture, its failures, stored golden tensors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# Loaded here, so that the inner pytest of a test does not load compiled code again.
import npuemu.runner
import npuemu.testing.golden
import npuemu.testing.kernels
from npuemu.jit.cache import cache_root
from npuemu.testing.session import TestPlace
from tests.testing.kernels import WIDTHS, copy_kernel, stuck_kernel

pytest_plugins = ["pytester"]
CACHE = str(cache_root())
RUN = 'npu.run("copy.npu", inputs={"X": x})'


class Project:
    """A folder with a kernel and tests, whose pytest knows the plugin."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.write("copy.npu", copy_kernel())

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test(self, *lines: str, name: str = "test_it.py", x: str = "np.ones((2, 32))") -> None:
        """Write a test file of one test, `test_x`, with an array `x`."""
        head = [
            "import numpy as np", "import pytest", "import npuemu",
            "from npuemu.testing import assert_bit_exact, assert_clean, assert_cycles", "",
            f"x = ({x}).astype(np.float32)", "def test_x(npu):",
        ]  # fmt: skip
        self.write(name, "\n".join(head + [f"    {line}" for line in lines]) + "\n")

    def run(self, *arguments: str, passed: int = 0, failed: int = 0) -> str:
        """Run pytest; its output. `passed` and `failed` are the counts wanted."""
        options = ("-p", "npuemu.testing.plugin", "-p", "no:cacheprovider", *arguments)
        result = self.pytester.runpytest_inprocess(*options)
        result.assert_outcomes(passed=passed, failed=failed)
        return result.stdout.str()

    def golden(self) -> dict[str, bytes]:
        """The files under golden/."""
        found = (p for p in (self.path / "golden").rglob("*") if p.is_file())
        return {p.relative_to(self.path).as_posix(): p.read_bytes() for p in found}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("NPUEMU_CACHE_DIR", CACHE)  # pytester moves the home directory
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # test files are written again at once
    return Project(pytester)


def test_kernels_are_found_beside_the_test_above_it_and_by_name(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\n")
    project.write("tests/deep/kernels/near.npu", copy_kernel())
    project.test(
        'npu.run("copy.npu")', 'npu.run("kernels/near.npu")',
        'assert npu.load("gemm_bf16").name == "gemm_bf16"',
        'np.save("x.npy", x)', 'done = npu.run("copy.npu", inputs={"X": "x.npy"})',
        "assert (done.inputs['X'] == x).all() and (done.outputs['Y'] == x).all()",
        name="tests/deep/test_it.py",
    )  # fmt: skip
    project.run(passed=1)


def test_a_kernel_is_assembled_once_a_session(project: Project) -> None:
    for name in ("one", "two"):
        project.test(
            "first = npu.load('copy.npu')", "assert npu.load('copy.npu', N=128) is not first",
            "assert npu.load('copy.npu') is first is vars(np).setdefault('kept', first)",
            name=f"test_{name}.py",
        )  # fmt: skip
    try:
        project.run(passed=2)
    finally:
        vars(np).pop("kept", None)


def test_drawn_inputs_are_those_of_the_command_line(project: Project) -> None:
    project.test(
        "mine = npu.run('copy.npu', seed=3)", "theirs = npuemu.run('copy.npu', seed=3)",
        "assert_bit_exact(mine, theirs.outputs)", "assert_bit_exact(theirs, 'Y', mine.inputs['X'])",
        "assert_bit_exact(mine, lambda inputs, params: {'Y': inputs['X']})",
    )  # fmt: skip
    project.run(passed=1)


def test_what_a_kernel_prints_is_shown_with_the_failure(project: Project) -> None:
    mark = "    set_flag MTE2, MTE3, 0\n"
    printed = f'    .print "first {{x:f32 x 2}}"\n{mark}'
    project.write("copy.npu", copy_kernel().replace(mark, printed))
    project.test(
        "done = npu.run('copy.npu', inputs={'X': x}, dumps=['x:f32@17'])",
        "assert done.dumps['x:f32@17'].sum() == x.sum()", "assert not done.prints",
    )  # fmt: skip
    shown = project.run(failed=1)
    assert "Captured stderr call" in shown and "copy.npu:18: first 1.0 1.0\n" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("npu.run('bad.npu')", ["error[A302]", "mov_ub_gm r3, r1, len=BYTES", "^^", "bad.npu:17"]),
        ("npu.run('coppy.npu')", ["no kernel 'coppy.npu'; did you mean 'copy.npu'?"]),
        ("npu.run('gemm_bf61')", ["did you mean 'gemm_bf16'?"]),
        ("npu.run('copy.npu', M=3)", ["error[A801]"]),
        ("npu.run('copy.npu', inputs={'X': x.T})", ["tensor 'X'", "(transposed?)"]),
        ("npu.run('copy.npu', inputs={'Z': x})", ["copy has no input tensor 'Z'"]),
        ("npu.run('copy.npu', machine='ascend910x')", ["no machine 'ascend910x'"]),
        ("npu.run('copy.npu', inputs={'X': 'no.npy'})", ["no such file"]),
        ("assert_bit_exact(npu.run('copy.npu'), 'Y', x)", ["is not bit-exact"]),
        ("assert_cycles(npu.run('copy.npu'), exactly=1)", ["wanted exactly 1"]),
        ("assert_clean(npu.run(npu.assemble(STUCK)))", ["error[E110]"]),
        ("npu.golden(npu.run('copy.npu'))", ["no golden tensors are stored"]),
    ],
)
def test_a_failure_is_the_message_and_the_line(
    project: Project, line: str, words: list[str]
) -> None:
    project.write("bad.npu", copy_kernel().replace("mov_gm_ub r1", "mov_gm_ub.f32 r1"))
    if words[0] == "error[A302]":
        words = [words[0], "mov_gm_ub.f32 r1, r2, len=BYTES", "^^^", "bad.npu:17"]
    project.test(f"STUCK = {stuck_kernel()!r}", line)
    came = project.run(failed=1)
    assert f">       {line}" in came
    for word in words:
        assert word in came
    for inner in ("npuemu/api.py", "npuemu/asm", "testing/kernels.py", "testing/assertions.py",
                  "testing/golden.py", "during handling", "direct cause"):  # fmt: skip
        assert inner not in came.lower(), came


def test_refusals_can_be_expected(project: Project) -> None:
    project.test(
        "with pytest.raises(npuemu.UserError, match='A801'):", "    npu.load('copy.npu', M=1)"
    )
    project.run(passed=1)


def test_life_of_a_golden_tensor(project: Project) -> None:
    project.test(f"npu.golden({RUN})")
    came = project.run(failed=1)
    assert "golden/test_it/test_x/outputs.npz is missing" in came
    assert "pytest test_it.py::test_x --update-golden" in came
    assert project.golden() == {}, "written without being asked"
    assert "new        golden/test_it/test_x/outputs.npz" in project.run(
        "--update-golden", passed=1
    )
    files = project.golden()
    assert sorted(files) == [f"golden/test_it/test_x/outputs.{kind}" for kind in ("json", "npz")]
    manifest = json.loads(files["golden/test_it/test_x/outputs.json"])
    assert (manifest["kernel"], manifest["params"]["N"]) == ("copy", 64)
    assert manifest["tensors"]["Y"]["dtype"] == "f32" and set(manifest["inputs"]) == {"X"}
    assert "golden tensors" not in project.run(passed=1)
    assert "unchanged  golden" in project.run("--update-golden", passed=1)
    assert project.golden() == files

    project.test(f"npu.golden({RUN})", x="np.arange(64).reshape(2, 32) // 62 + 1")
    came = project.run(failed=1)
    assert "Y[1, 30]: 8388608 ULP apart" in came
    assert "expected   1  0x3F800000" in came and "actual     2  0x40000000" in came
    assert "since then   input X has other values" in came
    assert "pytest test_it.py::test_x --update-golden" in came
    assert project.golden() == files, "written without being asked"
    assert ".npz: Y in 2 of 64 elements" in project.run("--update-golden", passed=1)
    project.run(passed=1)


@pytest.mark.parametrize("damage", ["array", "manifest", "cut", "json", "alone", "schema", "list"])
def test_damaged_golden_files_are_named(project: Project, damage: str) -> None:
    project.test(f"npu.golden({RUN})")
    project.run("--update-golden", passed=1)
    data, manifest = (project.path / f"golden/test_it/test_x/outputs.{k}" for k in ("npz", "json"))
    if damage == "array":
        np.savez(data, Y=np.full((2, 32), 2, np.float32))
    elif damage == "cut":
        data.write_bytes(data.read_bytes()[:-30])
    elif damage == "alone":
        data.unlink()
    else:
        text = manifest.read_text()
        edits = {"manifest": ('"sha256": "', '"sha256": "0'), "schema": ("-1", "-0"),
                 "list": ('"inputs": {', '"inputs": [], "npuemu": {')}  # fmt: skip
        manifest.write_text(text[:-9] if damage == "json" else text.replace(*edits[damage]))
    before = project.golden()
    came = project.run(failed=1)
    assert "were edited or damaged" in came and "restore both files" in came
    assert "pytest test_it.py::test_x --update-golden" in came
    assert project.golden() == before
    assert "replaced   golden/test_it/test_x/outputs.npz: " in project.run(
        "--update-golden", passed=1
    )
    project.run(passed=1)


def test_a_place_that_takes_no_golden_tensors_is_named(project: Project) -> None:
    project.write("golden", "a file")
    project.test("npu.golden(npu.run('copy.npu'))")
    came = project.run("--update-golden", failed=1)
    assert "golden tensors cannot be stored: " in came and "NotADirectory" not in came


def test_what_else_changed_is_named(project: Project) -> None:
    one_core = "subblock_idx r1\n    block_idx r2\n    add r1, r1, r2\n"  # of all blocks
    project.write("copy.npu", copy_kernel().replace("subblock_idx r1\n", one_core))
    project.test("npu.golden(npu.run('copy.npu'))")
    project.run("--update-golden", passed=1)
    project.test("npu.golden(npu.run('copy.npu', N=128, blocks=2))")
    came = project.run(failed=1)
    assert "output Y was f32 [2, 32], is f32 [2, 64]" in came
    assert "since then   blocks 1 -> 2" in came
    assert "since then   params N=64 BYTES=256 -> N=128 BYTES=512" in came
    came = project.run("--update-golden", passed=1)
    assert "changed    golden/test_it/test_x/outputs.npz: Y is now f32 [2, 64]; blocks 1" in came


def test_every_tensor_type_survives(project: Project) -> None:
    for dtype in WIDTHS:
        project.write(f"{dtype}.npu", copy_kernel(dtype))
    project.write(
        "test_types.py",
        "import numpy as np, pytest\n"
        f"@pytest.mark.parametrize('dtype', {list(WIDTHS)})\n"
        "def test_x(npu, dtype):\n"
        "    item = npu.load(f'{dtype}.npu').tensors[0]\n"
        "    raw = np.random.default_rng(1).bytes(256)\n"
        "    types = {'f32': 'f4', 'f16': 'f2', 'bf16': 'u2', 's32': 'i4', 's8': 'i1'}\n"
        "    x = np.frombuffer(raw, types.get(dtype, 'u1'))[:64].reshape(2, 32)\n"
        "    x = x & 15 if dtype == 'e2m1' else x\n"
        "    npu.golden(npu.run(f'{dtype}.npu', inputs={'X': x}))\n",
    )
    count = len(WIDTHS)
    project.run("--update-golden", passed=count)
    project.run(passed=count)
    assert project.run("--update-golden", passed=count).count("unchanged") == count


@pytest.mark.parametrize("kind", ["action='store_true'", "metavar='PATH'"])
def test_a_project_may_have_an_option_of_that_name(project: Project, kind: str) -> None:
    """The plugin is in every pytest of an environment: it must not end one that it is not for."""
    project.write(
        "conftest.py",
        f"def pytest_addoption(parser):\n    parser.addoption('--update-golden', {kind})",
    )
    project.test("assert npu")
    project.run(passed=1)
    project.run("--update-golden" + "=here" * ("PATH" in kind), passed=1)


def test_golden_names(project: Project) -> None:
    project.test(f"npu.golden({RUN}, 'a')", f"npu.golden({RUN}, 'b')")
    project.run("--update-golden", passed=1)
    assert "golden/test_it/test_x/b.npz" in project.golden()
    project.test(f"npu.golden({RUN})", f"npu.golden({RUN})")
    assert "used twice in this test" in project.run("--update-golden", failed=1)
    project.test(f"npu.golden({RUN}, '../a')")
    assert "letters, digits" in project.run("--update-golden", failed=1)


def test_other_timings_are_run_from_a_test(project: Project) -> None:
    project.test(
        f"done = {RUN[:-1]}, shuffle=2)", "assert done.report['timings']['count'] == 2",
        f"other = {RUN[:-1]}, jitter=2)", "assert other.report['jitter'] == 2",
        "cycles = [done.report['timings'][f'{which}_cycles'] for which in ('fewest', 'most')]",
        "assert other.cycles in cycles",
    )  # fmt: skip
    project.run(passed=1)


def test_a_run_without_results_is_not_stored(project: Project) -> None:
    for line in ("npu.run(npu.assemble(STUCK))", "npu.run('copy.npu', mode='timing')"):
        project.test(f"STUCK = {stuck_kernel()!r}", f"npu.golden({line})")
        project.run("--update-golden", failed=1)
    assert project.golden() == {}


def test_tests_with_like_names_have_folders_of_their_own(tmp_path: Path) -> None:
    ids = ["a/b", "a:b", "a-b", "a", "..", "\u00e9", "a" * 150, "a" * 151]
    names = ["test_x", "T::test_x", *(f"test_x[{i}]" for i in ids)]
    places = [TestPlace(tmp_path / "t.py", n, tmp_path, tmp_path) for n in names]
    folders = {place.folder for place in places}
    assert len(folders) == len(names)
    assert all(f.parent == tmp_path / "golden" / "t" and len(f.name) < 120 for f in folders)


def test_workers_of_xdist_share_the_summary(project: Project) -> None:
    project.write(
        "test_many.py",
        "import pytest\n@pytest.mark.parametrize('seed', range(4))\n"
        "def test_x(npu, seed):\n    npu.golden(npu.run('copy.npu', seed=seed))\n",
    )
    came = project.run("-p", "xdist", "-n", "2", "--update-golden", passed=4)
    assert came.count("new        golden/test_many/test_x-") == 4
    assert len(project.golden()) == 8
    project.run(passed=4)


def test_an_unused_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "pytest.main(['--co', '-q', '-p', 'npuemu.testing.plugin'])\n"
        "mine = sorted(m for m in sys.modules if m.split('.')[0] == 'npuemu')\n"
        "assert mine == ['npuemu', 'npuemu.testing', 'npuemu.testing.plugin'], mine\n"
        "assert not {'numpy', 'numba', 'rich', 'ml_dtypes'} & (set(sys.modules) - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**_environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _environment() -> dict[str, str]:
    """The environment of a process that imports this checkout, wherever it is started."""
    return {**os.environ, "PYTHONPATH": str(Path(npuemu.__file__).parents[1])}

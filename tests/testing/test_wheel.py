"""What a kernel author gets: the wheel in an environment of its own, and the example project in it.

Numba names the folders of its cache after the path of a source, so that an installed copy of the
same sources would be compiled again. Each such folder of the new environment is therefore a link
to the checkout's: the names differ, the compiled code is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numba.core.caching import _CacheLocator

from npuemu.data import PACKAGE
from npuemu.jit.cache import JITTED_ROOMS, cache_root, source_key

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "kernel_project"
GOLDEN = "tests/golden/test_scale_add/test_values_are_as_recorded/outputs"
UPDATE = "pytest tests/test_scale_add.py::test_values_are_as_recorded --update-golden"


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel."""

    wheel: Path
    python: Path
    package: Path

    def run(self, *arguments: str, cwd: Path) -> tuple[int, str]:
        """Status and output of its Python, which sees nothing of this checkout."""
        hidden = ("PYTHON", "PYTEST", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        done = subprocess.run(
            [str(self.python), *arguments], cwd=cwd, capture_output=True, text=True, check=False,
            env={**kept, "NPUEMU_CACHE_DIR": str(cache_root())},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel, built and installed without a network; dependencies are those of this Python."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    _python(*build)
    (wheel,) = folder.glob("*.whl")
    _python("venv", "--without-pip", str(folder / "env"))
    bin_folder = "Scripts" if os.name == "nt" else "bin"
    python = folder / "env" / bin_folder / "python"
    places = {"base": str(folder / "env"), "platbase": str(folder / "env")}
    site = Path(sysconfig.get_path("purelib", scheme="venv", vars=places))
    # A folder named in a .pth file is searched, but its own .pth files (an editable install) are
    # not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _python("pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    links = list(_share_compiled_code(site / "npuemu"))
    yield Installed(wheel, python, site / "npuemu")
    for link in links:
        link.unlink(missing_ok=True)


def _python(*module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *module], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _share_compiled_code(package: Path) -> Iterator[Path]:
    """Link the cache folders of an installed package to those of the checkout; the links.

    Numba compares a source's hash, older ones its time of change: both are made the same.
    """
    cache = cache_root() / source_key()
    cache.mkdir(parents=True, exist_ok=True)
    for source in (p for room in JITTED_ROOMS for p in (PACKAGE / room).rglob("*.py")):
        copy = package / source.relative_to(PACKAGE)
        stat = source.stat()
        os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        ours, theirs = (
            cache / _CacheLocator.get_suitable_cache_subpath(str(path)) for path in (source, copy)
        )
        if not theirs.exists():
            ours.mkdir(exist_ok=True)
            theirs.symlink_to(ours, target_is_directory=True)
            yield theirs


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example project, as it is in the repository."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return shutil.copytree(EXAMPLE, tmp_path / "kernel_project", ignore=ignored)


def test_the_wheel_carries_everything(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = set(archive.namelist())
        (entry,) = (n for n in names if n.endswith(".dist-info/entry_points.txt"))
        entries = archive.read(entry).decode()
    assert "[pytest11]\nnpuemu = npuemu.testing.plugin" in entries
    wanted = {f"npuemu/{p.relative_to(PACKAGE).as_posix()}" for p in _files(PACKAGE)}
    for data in ("isa", "programs", "machines", "diagnostics"):
        found = {f"npuemu/_data/{p.relative_to(ROOT).as_posix()}" for p in _files(ROOT / data)}
        assert len(found) >= 3
        wanted |= found
    assert {n for n in names if ".dist-info/" not in n} == wanted


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def test_the_example_project_passes(installed: Installed, project: Path) -> None:
    code = "import npuemu, npuemu.jit.cache as c; print(npuemu.__file__, c.source_key())"
    status, came = installed.run("-c", code, cwd=project)
    assert came.split() == [str(installed.package / "__init__.py"), source_key()], came
    before = {p: p.read_bytes() for p in _files(project)}
    status, came = installed.run("-m", "pytest", "-p", "no:cacheprovider", cwd=project)
    assert status == 0 and re.search(r"= 1\d passed", came), came
    assert {p: p.read_bytes() for p in _files(project)} == before


def test_a_changed_golden_value_is_named(installed: Installed, project: Path) -> None:
    data, manifest = project / f"{GOLDEN}.npz", project / f"{GOLDEN}.json"
    z = np.load(data)["Z"]
    was = int(z.view(np.uint32)[117])
    z.view(np.uint32)[117] ^= 4
    np.savez(data, Z=z)
    content = json.loads(manifest.read_text())
    content["tensors"]["Z"]["sha256"] = hashlib.sha256(z.tobytes()).hexdigest()
    manifest.write_text(json.dumps(content))
    status, came = installed.run("-m", "pytest", "tests/test_scale_add.py", cwd=project)
    assert status == 1 and "1 failed" in came, came
    for words in (
        f"recorded in  {GOLDEN}.npz",
        "tensor       Z  f32 [256]",
        "differ       1 of 256 elements: index 117",
        "first        Z[117]: 4 ULP apart",
        "written by   kernels/scale_add.npu:69:5: mov_ub_gm",
        "if the new values are right, record them:",
        UPDATE,
    ):
        assert words in came, came
    assert re.search(rf"expected   \S+ +0x{was ^ 4:08X}\nE +actual +\S+ +0x{was:08X}", came)


def test_a_damaged_golden_file_is_named(installed: Installed, project: Path) -> None:
    data = project / f"{GOLDEN}.npz"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    status, came = installed.run("-m", "pytest", "tests/test_scale_add.py", cwd=project)
    assert status == 1 and "1 failed" in came, came
    for words in (
        "were edited or damaged",
        "tensor 'Z'",
        f"  {GOLDEN}.npz",
        f"  {GOLDEN}.json",
        "restore both files from version control, or record them again:",
        UPDATE,
    ):
        assert words in came, came
    assert bytes(content) == data.read_bytes()

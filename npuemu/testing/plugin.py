"""The pytest plugin: the fixture `npu` and the option `--update-golden`.

pytest imports this module at every start where npuemu is installed, so it imports no other
module of the package until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from npuemu.testing import OPTION

if TYPE_CHECKING:
    from npuemu.testing.kernels import Npu
    from npuemu.testing.session import Session

_REPORTED = "npuemu_golden"
_lines = pytest.StashKey[list[str]]()


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, None, None]:
    """Add the option that stores golden tensors, unless the project has one of that name: its own.

    So late, because two options of one name would end every pytest of such a project.
    """
    yield
    if not _is_known(parser):
        group = parser.getgroup("npuemu", "kernels of an NPU (npuemu)")
        group.addoption(
            OPTION, action="store_true", default=False,
            help="store the outputs of runs given to npu.golden() beside their tests",
        )  # fmt: skip


def _is_known(parser: pytest.Parser) -> bool:
    """Whether somebody has added the option, perhaps one that takes a value."""
    try:
        return OPTION not in parser.parse_known_and_unknown_args([OPTION])[1]
    except pytest.UsageError:
        return True


@pytest.fixture(scope="session")
def npuemu_session(request: pytest.FixtureRequest) -> Session:
    """What all tests share: kernels that are assembled, machines that are loaded."""
    from npuemu.testing.session import Session

    return Session(update_golden=bool(request.config.getoption(OPTION)))


@pytest.fixture
def npu(request: pytest.FixtureRequest, npuemu_session: Session) -> Npu:
    """Assemble and run kernels: `npu.run("kernels/add.npu", inputs={"X": x}, N=64)`.

    Also `npu.load`, `npu.assemble` and `npu.golden(run)`; paths are looked for beside the test
    file, then in the folders above it.
    """
    from npuemu.testing.kernels import Npu
    from npuemu.testing.session import TestPlace

    config = request.config
    name = request.node.nodeid.partition("::")[2]
    place = TestPlace(request.node.path, name, config.rootpath, config.invocation_params.dir)
    request.node.stash[_lines] = npuemu_session.written
    return Npu(place, npuemu_session)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Send what a test stored with its report: a process of pytest-xdist prints nothing."""
    outcome = yield
    lines = item.stash.get(_lines, None)
    if lines:
        setattr(outcome.get_result(), _REPORTED, list(lines))
        lines.clear()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was stored."""
    lines = [
        line
        for reports in terminalreporter.stats.values()
        for report in reports
        for line in getattr(report, _REPORTED, ())
    ]
    if lines:
        terminalreporter.section("golden tensors")
        for line in sorted(lines):
            terminalreporter.line(line)

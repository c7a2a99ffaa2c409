"""One browser for all tests of a worker; pages of recordings made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from npuemu.observe.recording import Recording
from npuemu.report.page_html import page
from tests.browser.chromium import Browser, required
from tests.report.product import product
from tests.report.recorded import report_of
from tests.report.sample import finding


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser."""
    required()
    browser = Browser()
    yield browser
    browser.quit()


@dataclass(frozen=True)
class Written:
    """A page in a file, and what it was made from."""

    path: Path
    recording: Recording
    report: dict[str, object]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A page of two core groups."""
    recording = product(groups=2, tiles=3, steps=8)
    found = [{**finding("warning", "sample.npu:11:5"), "help": "</script><b>"}]
    report = report_of(recording, diagnostics=found)
    path = tmp_path_factory.mktemp("page") / "run.html"
    path.write_text(page(report, recording, peak={"bf16": 4096.0, "s8": 8192.0}))
    return Written(path, recording, report)


@pytest.fixture
def shown(chromium: Browser, written: Written) -> Browser:
    """The browser with that page, as it comes up."""
    chromium.scheme("light")
    chromium.open(written.path)
    return chromium

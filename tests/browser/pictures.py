"""Pictures of the page for the documentation, from a real run.

python -m tests.browser.pictures docs/images
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from npuemu import api
from npuemu.cli.sources import Sources
from npuemu.report.page_html import page
from tests.browser.chromium import Browser, missing

KERNEL = "gemm_w8a16_msd"
RUN = {"machine": "ascend950pr", "blocks": 2, "mode": "timing"}
PARAMS = {"M": 64, "N": 512, "K": 1024}
WIDTH = 1400


def write_page(path: Path) -> None:
    """The page of the run that the pictures show."""
    run = api.run(KERNEL, record=True, **RUN, **PARAMS)  # type: ignore[arg-type]
    recording = run.recording
    assert recording is not None
    texts = Sources(None).files(row.where for row in recording.code)
    known = {**recording.__dict__, "sources": texts}
    fields = {name: known[name] for name in recording.__dataclass_fields__}
    path.write_text(page(run.report, type(recording)(**fields), peak=run.mac_peak))


def choose(browser: Browser) -> None:
    """Zoom into the middle of the run and select a multiplication."""
    track = next(t for t in browser.hook("tracks()") if t["pipe"] == "M")
    browser.hook(f"select({(track['first'] + track['last']) // 2})")
    browser.settle()
    view = browser.hook("view()")
    middle = (view["first"] + view["last"]) / 2
    browser.hook(f"show({middle - 600}, {middle + 600})")
    browser.settle()


def part(browser: Browser, name: str, path: Path) -> None:
    """A picture of one part of the page, without the navigation that would lie over it."""
    browser.js("document.querySelector('nav').style.position = 'static'")
    browser.driver.find_element("id", name).screenshot(str(path))


def main(folder: Path) -> int:
    """Write all pictures; 2 where there is no browser."""
    reason = missing()
    if reason:
        sys.stderr.write(f"error: {reason}\n")
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    try:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "run.html"
            write_page(path)
            browser.driver.set_window_size(WIDTH, 1000)
            for scheme in ("light", "dark"):
                browser.scheme(scheme)
                browser.open(path)
                browser.picture(folder / f"html-run-{scheme}.png", height=1000)
                choose(browser)
                browser.picture(folder / f"html-page-{scheme}.png", height=1000)
            browser.driver.set_window_size(WIDTH, 1600)
            browser.scheme("light")
            browser.open(path)
            for name in ("memory", "roofline", "waited", "source"):
                part(browser, name, folder / f"html-{name}.png")
    finally:
        browser.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

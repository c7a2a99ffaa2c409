"""Pictures of the page for the documentation, from a real run.

python -m tests.browser.pictures docs/images
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from npuemu import api
from npuemu.cli import page
from tests.browser.chromium import Browser, missing

KERNEL = "gemm_w8a16_msd"
RUN = {"machine": "ascend950pr", "blocks": 2, "mode": "timing"}
PARAMS = {"M": 64, "N": 512, "K": 1024}
WIDTH = 1400


def write_page(path: Path) -> None:
    """The page of the run that the pictures show."""
    run = api.run(KERNEL, record=True, **RUN, **PARAMS)  # type: ignore[arg-type]
    page.write(run, KERNEL, str(path), run.mac_peak)


def choose(browser: Browser) -> None:
    """Zoom into the middle of the run and select a multiplication."""
    track = next(t for t in browser.hook("tracks()") if t["pipe"] == "M")
    browser.hook(f"select({(track['first'] + track['last']) // 2})")
    browser.settle()
    view = browser.hook("view()")
    middle = (view["first"] + view["last"]) / 2
    browser.hook(f"show({middle - 600}, {middle + 600})")
    browser.settle()


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
            for scheme, name in (("light", "html-page.png"), ("dark", "html-page-dark.png")):
                browser.scheme(scheme)
                browser.open(path)
                choose(browser)
                browser.picture(folder / name, height=860)
            browser.driver.set_window_size(WIDTH, 2400)
            browser.scheme("light")
            browser.open(path)
            browser.driver.find_element("id", "memory").screenshot(str(folder / "html-memory.png"))
    finally:
        browser.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

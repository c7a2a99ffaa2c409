"""A headless Chromium for tests: started, asked, looked at; it reaches no network."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

SIZE = (1280, 900)
PATIENCE = 30.0
"""Seconds that a page may take to be ready on a busy machine."""


def missing() -> str:
    """Why there is no browser; empty if there is one."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if lacking:
        return f"{' and '.join(lacking)} not found: `make browser` installs them on Debian"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed: pip install -e .[dev]"
    return ""


def required() -> None:
    """Skip the test where there is no browser; under CI fail."""
    reason = missing()
    if reason and os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"CI needs the browser tests: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


class Browser:
    """One headless Chromium; ``open`` waits until a page has drawn itself."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        binary = shutil.which("chromium")
        assert binary is not None
        options.binary_location = binary
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
            "--force-device-scale-factor=1", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--window-size={SIZE[0]},{SIZE[1]}",
        ):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = shutil.which("chromedriver")
        self.driver = webdriver.Chrome(options=options, service=Service(driver))

    def quit(self) -> None:
        """End the browser."""
        self.driver.quit()

    def open(self, path: Path, *, scripts: bool = True) -> None:
        """Load a file, and wait for its first drawing unless scripts are off."""
        self.logs("browser")
        self.logs("performance")
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self.driver.get(path.as_uri())
        if scripts:
            self.wait("return !!(window.npuemu && window.npuemu.ready)")

    def js(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def hook(self, call: str) -> Any:
        """What the page's hook `window.npuemu` answers."""
        return self.js(f"return window.npuemu.{call}")

    def wait(self, script: str) -> None:
        """Until a script returns true."""
        limit = time.monotonic() + PATIENCE
        while not self.js(script):
            assert time.monotonic() < limit, (script, self.logs("browser"))
            time.sleep(0.02)

    def settle(self) -> None:
        """Until two frames have passed: what was asked for is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)));"
        )

    def logs(self, kind: str) -> list[dict[str, Any]]:
        """New entries of a log, `browser` or `performance`."""
        found: list[dict[str, Any]] = self.driver.get_log(kind)
        return found

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.logs("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def scheme(self, name: str) -> None:
        """What the page is told of the system's colour scheme: light or dark."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        self.settle()

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A mouse event of the browser itself, at a point of the viewport."""
        event = {"type": kind, "x": x, "y": y, "button": "none", **more}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def click(self, x: float, y: float) -> None:
        """Press and release the left button."""
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)
        self.settle()

    def key(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            event = {"type": kind, "key": key, **more}
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        self.settle()

    def colours(self, selector: str) -> int:
        """How many different colours a canvas shows, nothing drawn being one of them."""
        found: int = self.js(
            "const c = document.querySelector(arguments[0]);"
            "const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            "return new Set(new Uint32Array(data.buffer)).size;",
            selector,
        )
        return found

    def fingerprint(self, selector: str) -> str:
        """The pixels of a canvas as text: equal for equal drawings."""
        found: str = self.js("return document.querySelector(arguments[0]).toDataURL()", selector)
        return found

    def picture(self, path: Path, *, height: int | None = None) -> None:
        """A screenshot, from the top of the page if a height is given."""
        if height is None:
            path.write_bytes(self.driver.get_screenshot_as_png())
            return
        width = self.js("return document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        path.write_bytes(base64.b64decode(taken["data"]))

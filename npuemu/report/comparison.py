"""Two runs compared, as a typed value: `npuemu-diff-1`.

Cycles of pipes, lines and waits are means over the cores whose pipe has work, so that they compare
with the cycles of the run whatever the launch: for one pipe, the changes of its busy cycles, stalls
and idle cycles sum to the change of the run's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from npuemu.report.figures import BUSY, IDLE, Figure, Group, Unit, figures, merged
from npuemu.report.json_schema import Count, Line, Report, Wait
from npuemu.report.matching import Matching
from npuemu.report.summary import KIND_TITLES, flags_text, kind_rows, workers

SCHEMA = "npuemu-diff-1"
_LEAST = 0.001  # of the longer run: smaller changes of a pipe are no causes


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of a comparison share."""


class RunSide(_Part, frozen=True):
    """One of the two runs."""

    kernel: Annotated[str, Meta(description="name of the kernel")]
    machine: Annotated[str, Meta(description="name of the machine")]
    params: Annotated[dict[str, int], Meta(description="every parameter with its value")]
    blocks: Annotated[int, Meta(ge=1, description="core groups of the launch")]
    mode: Annotated[str, Meta(description="what was computed")]
    cycles: Annotated[int, Meta(ge=0, description="cycles of the run")]
    time_us: Annotated[float, Meta(ge=0, description="the same in microseconds of the machine")]
    busiest: Annotated[str, Meta(description="the busiest pipe: `cube M`; empty if none worked")]
    busiest_share: Annotated[float, Meta(ge=0, description="its busy cycles as part of the run")]
    findings: Annotated[dict[str, Count], Meta(description="diagnostics by code; none is clean")]
    errors: Annotated[int, Meta(ge=0, description="how many of them are errors")]


class Cause(_Part, frozen=True):
    """A change of one pipe's cycles: of its work or of one cause of stalls."""

    pipe: Annotated[str, Meta(description="kind of core and pipe: `cube MTE2`")]
    what: Annotated[str, Meta(description="`busy`, or the cause of the stalls")]
    a: Annotated[float, Meta(description="cycles in A")]
    b: Annotated[float, Meta(description="cycles in B")]
    change: Annotated[float, Meta(description="b - a")]
    share: Annotated[
        float | None, Meta(description="part of the run's change of cycles; null if it has none")
    ]
    where_a: Annotated[
        str, Meta(description="line of A with most of a stall's change; empty if there is none")
    ]
    where_b: Annotated[str, Meta(description="the same line of B; empty if not executed")]


class Change(_Part, frozen=True):
    """One figure of both runs; null where a run does not have it."""

    group: Annotated[Group, Meta(description="what it is a figure of")]
    owner: Annotated[str, Meta(description="pipe, memory or tensor; empty for the whole run")]
    what: Annotated[str, Meta(description="`busy`, `idle`, cause of stalls, or what is counted")]
    unit: Annotated[Unit, Meta(description="unit of the values")]
    a: Annotated[float | None, Meta(description="value in A")]
    b: Annotated[float | None, Meta(description="value in B")]
    share_a: Annotated[float, Meta(description="part of A's cycles or of the memory; else 0")]
    share_b: Annotated[float, Meta(description="the same in B")]
    change: Annotated[float | None, Meta(description="b - a; null if only one run has it")]
    factor: Annotated[float | None, Meta(description="b / a; null if that is no number")]


class PlaceChange(_Part, frozen=True):
    """The work or the waits of one place of the text in both runs."""

    pipe: Annotated[str, Meta(description="kind of core and pipe: `vector V`")]
    name: Annotated[str, Meta(description="mnemonic")]
    what: Annotated[str, Meta(description="`busy`, or the cause of the waits")]
    flag: Annotated[str, Meta(description="flags that were waited for; empty if none")]
    where_a: Annotated[str, Meta(description="file:line:column in A; empty if not executed")]
    where_b: Annotated[str, Meta(description="file:line:column in B; empty if not executed")]
    a: Annotated[float, Meta(description="cycles in A")]
    b: Annotated[float, Meta(description="cycles in B")]
    count_a: Annotated[float, Meta(description="how often in A")]
    count_b: Annotated[float, Meta(description="how often in B")]
    change: Annotated[float, Meta(description="b - a")]


Equality = Literal["equal", "differ", "only in A", "only in B"]


class Comparison(_Part, frozen=True):
    """Everything that two runs differ in."""

    schema: Annotated[str, Meta(description=f"always `{SCHEMA}`")]
    a: Annotated[RunSide, Meta(description="the first run")]
    b: Annotated[RunSide, Meta(description="the second run")]
    identical: Annotated[bool, Meta(description="the two reports are the same in everything")]
    causes: Annotated[list[Cause], Meta(description="what changed most, by cycles")]
    outputs: Annotated[
        dict[str, Equality], Meta(description="output tensors; none where values were not computed")
    ]
    figures: Annotated[list[Change], Meta(description="every figure of both runs")]
    lines: Annotated[list[PlaceChange], Meta(description="work by place, most changed first")]
    waits: Annotated[list[PlaceChange], Meta(description="waits by place, most changed first")]


PARTS: tuple[type[Struct], ...] = (Comparison, RunSide, Cause, Change, PlaceChange)


def _side(report: Report) -> RunSide:
    busiest = max(kind_rows(report), key=lambda row: row.busy, default=None)
    findings: dict[str, int] = {}
    for found in report.diagnostics:
        findings[found.code] = findings.get(found.code, 0) + 1
    works = busiest is not None and busiest.busy > 0
    return RunSide(
        report.kernel, report.machine, report.params, report.blocks, report.mode, report.cycles,
        report.time_us, f"{busiest.kind} {busiest.pipe}" if busiest and works else "",
        busiest.share(busiest.busy) if busiest else 0.0, findings,
        sum(found.severity == "error" for found in report.diagnostics),
    )  # fmt: skip


def _change(figure: Figure, values: list[float | None], shares: tuple[float, float]) -> Change:
    a, b = values
    change = factor = None
    if a is not None and b is not None:
        change, factor = b - a, b / a if a else None
    return Change(
        figure.group, figure.owner, figure.what, figure.unit, a, b, *shares, change, factor
    )


def _changes(a: list[Figure], b: list[Figure]) -> list[Change]:
    """All figures of two runs. A pipe that works did not wait for causes it does not name."""
    works = [{f.owner for f in run if f.group == "pipe"} for run in (a, b)]
    found = []
    for figure, pair in merged([a, b]):
        values: list[float | None] = []
        for side, its in zip(pair, works, strict=True):
            absent = 0 if figure.group == "pipe" and figure.owner in its else None
            values.append(side.value if side else absent)
        shares = [side.share if side else 0.0 for side in pair]
        found.append(_change(figure, values, (shares[0], shares[1])))
    return found


def _outputs(a: Report, b: Report) -> dict[str, Equality]:
    found: dict[str, Equality] = {}
    for name in dict.fromkeys([*a.outputs, *b.outputs]):
        if name not in b.outputs:
            found[name] = "only in A"
        elif name not in a.outputs:
            found[name] = "only in B"
        else:
            found[name] = "equal" if a.outputs[name] == b.outputs[name] else "differ"
    return found if a.outputs and b.outputs else {}


PlaceKey = tuple[str, str, str, str, str]
"""Kind of core, pipe, mnemonic, `busy` or a cause, place in A (in B where A has it not)."""


class _Places:
    """Work or waits of both runs, summed by place."""

    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self._found: dict[PlaceKey, PlaceChange] = {}
        self._flags: dict[PlaceKey, set[str]] = {}

    def add(self, report: Report, rows: Iterable[tuple[Line | Wait, str, int]], b: bool) -> None:
        """Rows of one run: what to compare, `busy` or a cause, and its cycles."""
        cores = workers(report)
        for row, what, cycles in rows:
            count = cores.get((row.core, row.pipe), 0)
            if not count:
                continue
            first = self._matching.in_first(row.where) if b else row.where
            key = row.core, row.pipe, row.name, what, first or f"B {row.where}"
            old = self._found.get(key) or PlaceChange(
                f"{KIND_TITLES[row.core]} {row.pipe}", row.name, what, "", "", "", 0, 0, 0, 0, 0
            )
            if isinstance(row, Wait):
                self._flags.setdefault(key, set()).add(row.flag)
            if b:
                number, times = old.b + cycles / count, old.count_b + row.count / count
                changed = {"where_b": row.where, "b": number, "count_b": times}
            else:
                number, times = old.a + cycles / count, old.count_a + row.count / count
                changed = {"where_a": row.where, "a": number, "count_a": times}
            self._found[key] = msgspec.structs.replace(old, **changed)

    def changes(self) -> list[PlaceChange]:
        """All places, the most changed first."""
        found = [
            msgspec.structs.replace(
                place, change=place.b - place.a, flag=flags_text(sorted(self._flags.get(key, ()))),
                where_a=place.where_a or self._matching.in_first(place.where_b),
                where_b=place.where_b or self._matching.in_second(place.where_a),
            )
            for key, place in self._found.items()
        ]  # fmt: skip
        return sorted(found, key=lambda place: -abs(place.change))


def _causes(a: Report, b: Report, changes: list[Change], waits: list[PlaceChange]) -> list[Cause]:
    """Changes of every pipe's work and stalls, the largest first; of equals the busiest pipe's."""
    longest, whole = max(a.cycles, b.cycles), b.cycles - a.cycles
    busiest = [_side(run).busiest for run in (a, b)]
    found = []
    for row in changes:
        if row.group != "pipe" or row.what == IDLE:
            continue
        first, second = row.a or 0, row.b or 0
        change = second - first
        if abs(change) <= _LEAST * longest or abs(change) < 0.5:
            continue
        share = change / whole if whole else None
        where = _mostly(change, [w for w in waits if (w.pipe, w.what) == (row.owner, row.what)])
        found.append(Cause(row.owner, row.what, first, second, change, share, *where))
    return sorted(found, key=lambda cause: (-abs(cause.change), cause.pipe not in busiest))


def _mostly(change: float, waits: list[PlaceChange]) -> tuple[str, str]:
    """The place with more than half of a change, as in A and in B, or none."""
    most = max(waits, key=lambda wait: wait.change * (1 if change > 0 else -1), default=None)
    if most is None or most.change / change <= 0.5:
        return "", ""
    return most.where_a, most.where_b


def compare(a: Report, b: Report) -> Comparison:
    """Two runs compared: B against A."""
    changes = _changes(figures(a), figures(b))
    matching = Matching(a, b)
    lines, waits = _Places(matching), _Places(matching)
    for report, second in ((a, False), (b, True)):
        lines.add(report, ((line, BUSY, line.busy) for line in report.lines), second)
        waits.add(report, ((wait, wait.cause, wait.cycles) for wait in report.waits), second)
    waited = waits.changes()
    return Comparison(
        schema=SCHEMA, a=_side(a), b=_side(b), identical=a == b,
        causes=_causes(a, b, changes, waited), outputs=_outputs(a, b), figures=changes,
        lines=lines.changes(), waits=waited,
    )  # fmt: skip


def encode(comparison: Comparison) -> bytes:
    """The comparison as indented UTF-8 JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n"

"""Assertions about a run: its bits, its cycles, its diagnostics. They need no pytest."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from npuemu.api import Run
from npuemu.observe.diagnostics import KINDS
from npuemu.report.json_schema import as_report
from npuemu.report.summary import PipeRow, causes_text, integer, percent, pipe_rows
from npuemu.report.tables import Column, Style, table
from npuemu.report.terminal import findings
from npuemu.testing.differences import copies, differences, subject

Golden = Mapping[str, Any] | Callable[[dict[str, Any], dict[str, int]], Mapping[str, Any]]
_PIPES = 5
_STALLS = 3


def assert_bit_exact(run: Run, golden: Golden | str, array: Any = None) -> None:
    """Every golden tensor equals the run's output bit for bit: signs of zero and NaNs count.

    golden: arrays by output name; or a function (inputs, params) -> such arrays, for a run of the
    fixture `npu`, which knows its inputs; or the name of one output, and its array in `array`.
    Arrays have the output's type and shape; for types that NumPy lacks, ml_dtypes arrays or raw
    codes. Outputs that `golden` does not name are not compared.
    Raises AssertionError: the first difference, how many, how far and where; also for a run that
    has errors. TypeError or ValueError if there is nothing to compare.
    """
    __tracebackhide__ = True
    refuse_errors(run)
    if run.report["mode"] == "timing":
        raise AssertionError(f"{subject(run)} has no values to compare: it ran in timing mode")
    wanted = _golden_tensors(run, golden, array)
    found = differences(run, wanted)
    if found:
        raise AssertionError(f"{subject(run)} is not bit-exact\n{found}")


def _golden_tensors(run: Run, golden: Golden | str, array: Any) -> Mapping[str, Any]:
    """The golden tensors by name; the user's function is called with copies."""
    __tracebackhide__ = True
    if isinstance(golden, str):
        if array is None:
            raise TypeError(f"assert_bit_exact(run, {golden!r}, array): the array is missing")
        return {golden: array}
    if array is not None:
        raise TypeError("assert_bit_exact takes an array only after the name of an output")
    if callable(golden):
        inputs = getattr(run, "inputs", None)
        if inputs is None:
            raise TypeError("a golden function needs the inputs: make the run with the npu fixture")
        golden = golden(copies(inputs), dict(run.kernel.params))
    if not isinstance(golden, Mapping):
        raise TypeError(f"golden is a mapping of arrays by name, not {type(golden).__name__}")
    if not golden:
        raise ValueError("golden names no tensor: nothing would be compared")
    return golden


def assert_cycles(
    run: Run,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    exactly: int | None = None,
) -> None:
    """The run takes a number of cycles within the limits (all inclusive).

    Raises AssertionError with the cycles, the excess in percent and where they went; also for a
    run that has errors. ValueError without a limit.
    """
    __tracebackhide__ = True
    limits = {"at most": at_most, "at least": at_least, "exactly": exactly}
    given = {words: limit for words, limit in limits.items() if limit is not None}
    if not given:
        raise ValueError("assert_cycles needs at_most, at_least or exactly")
    for words, limit in given.items():
        if limit != limit:
            raise ValueError(f"assert_cycles: {words} nan would let every run pass")
    refuse_errors(run)
    for words, limit in given.items():
        over = run.cycles - limit
        if (over > 0 and words != "at least") or (over < 0 and words != "at most"):
            raise AssertionError(_cycles_message(run, words, limit))


def _cycles_message(run: Run, words: str, limit: float) -> str:
    """The verdict, and a short table of the busiest pipes with what they wait for."""
    over = run.cycles - limit
    share = f" ({percent(abs(over) / limit)})" if limit else ""
    excess = f"{round(abs(over), 1):,} {'too many' if over > 0 else 'too few'}{share}"
    report = as_report(run.report)
    rows = _busiest(pipe_rows(report))
    columns = [
        Column("core"), Column("pipe"), Column("busy", True), Column("busy %", True),
        Column("stall %", True), Column("stalled by"),
    ]  # fmt: skip
    cells = [
        [row.group, row.pipe, integer(row.busy), percent(row.share(row.busy)),
         percent(row.share(row.stalled)), causes_text(row, 2)]
        for row in rows[:_PIPES]
    ]  # fmt: skip
    stalls = sorted(
        ((cycles, f"{row.group} {row.pipe} {cause}") for row in rows if row.pipe != "S"
         for cause, cycles in row.stalls.items() if cycles > 0), reverse=True,
    )  # fmt: skip
    lines = [
        f"{subject(run)} takes {run.cycles:,} cycles, wanted {words} {limit:,}: {excess}",
        "the busiest pipes",
        *(f"  {line}" for line in table(columns, cells, Style()).splitlines()),
    ]
    if stalls:
        found = ", ".join(f"{name} {integer(n)}" for n, name in stalls[:_STALLS])
        lines.append(f"the largest stalls: {found}")
    return "\n".join(lines)


def _busiest(rows: list[PipeRow]) -> list[PipeRow]:
    """The busiest core's row of every kind of core and pipe, the busiest first."""
    found: dict[tuple[str, str], PipeRow] = {}
    for row in sorted(rows, key=lambda row: -row.busy):
        found.setdefault((row.kind, row.pipe), row)
    return list(found.values())


def assert_clean(run: Run, allow: str | Iterable[str] = ()) -> None:
    """The run has no diagnostics, warnings included, but those of the codes in `allow`.

    Raises AssertionError that lists every other finding with its place; ValueError for a code
    that does not exist. A run that was not checked (`check=False`, mode numbers) is refused.
    """
    __tracebackhide__ = True
    allowed = {allow} if isinstance(allow, str) else set(map(str, allow))
    known = [kind.code for kind in KINDS.values()]
    for code in sorted(allowed - set(known)):
        near = difflib.get_close_matches(code, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no diagnostic {code!r}{hint}")
    if not run.report.get("checked", True):
        raise AssertionError(
            f"{subject(run)} was not checked for races: run it with check=True, "
            f"in mode full or timing"
        )
    report = dict(run.report)
    report["diagnostics"] = [d for d in run.diagnostics if d["code"] not in allowed]
    if report["diagnostics"]:
        count = len(report["diagnostics"])
        found = f"{count} finding{'s' if count > 1 else ''}"
        extra = f" beside the allowed {', '.join(sorted(allowed))}" if allowed else ""
        text = findings(report).rstrip()
        raise AssertionError(f"{subject(run)} is not clean: {found}{extra}\n{text}")


def refuse_errors(run: Run) -> None:
    """AssertionError if the run has errors: it ended early, so its bits and cycles mean nothing."""
    __tracebackhide__ = True
    if not run.ok:
        report = dict(run.report)
        report["diagnostics"] = [d for d in run.diagnostics if d["severity"] == "error"]
        raise AssertionError(f"{subject(run)} ended in errors\n{findings(report).rstrip()}")

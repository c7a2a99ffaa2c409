"""The rows that every view of a report shows: cores grouped, shares, words for numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from npuemu.report.identity import kind_of
from npuemu.report.json_schema import Core, Pipe, Report

KIND_TITLES = {"aic": "cube", "aiv": "vector"}
_PER_GROUP = 3  # cores of one core group; more are shown per kind


@dataclass(frozen=True)
class PipeRow:
    """One pipe of one core, or the mean over all cores of a kind; figures in cycles."""

    group: str
    kind: str
    pipe: str
    instructions: int
    busy: float
    stalls: dict[str, float]
    idle: float
    cycles: int
    top_core: str
    top_busy: int

    def share(self, cycles: float) -> float:
        """Part of the run, 0..1."""
        return cycles / self.cycles if self.cycles else 0.0

    @property
    def stalled(self) -> float:
        """All stall cycles."""
        return sum(self.stalls.values())

    def causes(self) -> list[tuple[str, float]]:
        """Stall causes with any cycles, the largest first."""
        found = [(cause, cycles) for cause, cycles in self.stalls.items() if cycles > 0]
        return sorted(found, key=lambda item: (-item[1], item[0]))


def core_kind(name: str) -> str:
    """`cube`, `vector`, or what is left of a core's name without its numbers."""
    for key, title in KIND_TITLES.items():
        if key in name:
            return title
    return re.sub(r"[\d.:\[\]/ ]+", "", name) or name


def _row(group: str, pipe: str, cores: list[Core], cycles: int) -> PipeRow:
    having = [(core.core, core.pipes[pipe]) for core in cores if pipe in core.pipes]
    count = len(having)
    stalls: dict[str, float] = {}
    for _, use in having:
        for cause, number in use.stalls.items():
            stalls[cause] = stalls.get(cause, 0.0) + number / count
    top_core, top = max(having, key=lambda item: item[1].busy)
    return PipeRow(
        group=group, kind=core_kind(top_core), pipe=pipe,
        instructions=sum(use.instructions for _, use in having),
        busy=sum(use.busy for _, use in having) / count, stalls=stalls,
        idle=sum(use.idle for _, use in having) / count, cycles=cycles,
        top_core=top_core, top_busy=top.busy,
    )  # fmt: skip


def core_groups(report: Report) -> dict[str, list[Core]]:
    """Cores under the heading they are shown: each alone in one group's launch, else by kind."""
    if len(report.cores) <= _PER_GROUP:
        return {core.core: [core] for core in report.cores}
    kinds: dict[str, list[Core]] = {}
    for core in report.cores:
        kinds.setdefault(core_kind(core.core), []).append(core)
    return {f"{kind} x{len(cores)}": cores for kind, cores in kinds.items()}


def pipe_rows(report: Report) -> list[PipeRow]:
    """Rows of the pipe table; pipes that never did anything are left out."""
    rows = []
    for title, cores in core_groups(report).items():
        names = list(dict.fromkeys(name for core in cores for name in core.pipes))
        found = [_row(title, name, cores, report.cycles) for name in names]
        rows += [row for row in found if row.instructions or row.busy]
    return rows


def _works(pipe: Pipe) -> bool:
    return bool(pipe.instructions or pipe.busy)


def workers(report: Report) -> dict[tuple[str, str], int]:
    """(`aic` or `aiv`, pipe) -> how many cores of that kind have work for that pipe."""
    found: dict[tuple[str, str], int] = {}
    for core in report.cores:
        for name, pipe in core.pipes.items():
            if _works(pipe):
                key = kind_of(core.core), name
                found[key] = found.get(key, 0) + 1
    return found


def kind_rows(report: Report) -> list[PipeRow]:
    """One row for every pipe of every kind of core: the mean over the cores it works on; pipes
    without work are left out.
    """
    rows = []
    for kind, name in workers(report):
        cores = [
            core for core in report.cores
            if kind_of(core.core) == kind and name in core.pipes and _works(core.pipes[name])
        ]  # fmt: skip
        rows.append(_row(KIND_TITLES.get(kind, kind), name, cores, report.cycles))
    return rows


def is_grouped(report: Report) -> bool:
    """Whether the rows are means over all cores of a kind."""
    return len(report.cores) > _PER_GROUP


def mac_utilisation(report: Report, peak: Mapping[str, float]) -> dict[str, float]:
    """Share of the peak by input type; ``peak`` in multiply-adds a cycle of one cube core."""
    cubes = sum(core_kind(core.core) == "cube" for core in report.cores) or 1
    slots = report.cycles * cubes
    return {
        kind: number / (slots * peak[kind])
        for kind, number in report.work.macs.items()
        if slots and peak.get(kind)
    }


def integer(value: float) -> str:
    """A count with thousands separators."""
    return f"{round(value):,}"


def percent(share: float) -> str:
    """A share 0..1 as a percentage, right-aligned when short."""
    return f"{100 * share:.1f}%"


def size(number: int) -> str:
    """Bytes with a binary unit: `512 B`, `64.0 KiB`, `3.2 MiB`."""
    if number < 1024:
        return f"{number} B"
    value = float(number)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def duration(microseconds: float) -> str:
    """A time with a fitting unit."""
    if microseconds < 1000:
        return f"{microseconds:.2f} us"
    if microseconds < 1e6:
        return f"{microseconds / 1e3:.3f} ms"
    return f"{microseconds / 1e6:.3f} s"


def params_text(params: Mapping[str, int]) -> str:
    """`M=16 N=32`, in the order given."""
    return " ".join(f"{name}={value}" for name, value in params.items())


def verdict(report: Report) -> str:
    """`clean`, or how many findings of each severity; and that races were not looked for."""
    counts: dict[str, int] = {}
    for finding in report.diagnostics:
        counts[finding.severity] = counts.get(finding.severity, 0) + 1
    words = [f"{n} {name}{'s' if n > 1 else ''}" for name, n in counts.items()]
    if report.checked:
        return ", ".join(words) or "clean"
    return f"{', '.join(words) or 'no faults'}; races not checked"


def causes_text(row: PipeRow, most: int = 3, more: str = " more") -> str:
    """The largest stall causes of a row: `M->MTE1 1,024 (12.0%), dispatch 96 (1.1%), +2 more`."""
    causes = row.causes()
    shown = [f"{cause} {integer(n)} ({percent(row.share(n))})" for cause, n in causes[:most]]
    if len(causes) > most:
        shown.append(f"+{len(causes) - most}{more}")
    return ", ".join(shown)


def flags_text(flags: Iterable[str]) -> str:
    """Flags of one wait with their events together: `MTE1 -> M 0-3, 6`."""
    events: dict[str, set[int]] = {}
    for flag in flags:
        name, _, event = flag.rpartition(" ")
        if event.isdigit():
            events.setdefault(name, set()).add(int(event))
        elif flag:
            events.setdefault(flag, set())
    return ", ".join(f"{name} {_ranges(numbers)}".rstrip() for name, numbers in events.items())


def _ranges(numbers: set[int]) -> str:
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    ends = sorted(n for n in numbers if n + 1 not in numbers)
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in zip(starts, ends, strict=True))


def bar(share: float, width: int, full: str = "#", empty: str = ".") -> str:
    """A bar of ``width`` characters for a share 0..1; anything above zero shows."""
    cells = min(width, max(1 if share > 0 else 0, round(share * width)))
    return full * cells + empty * (width - cells)

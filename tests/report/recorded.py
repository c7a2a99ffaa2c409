"""A report that fits a recording made by hand: cycles of cores, lines and waits from its events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npuemu.isa.table import CORE_PIPES, PIPES
from npuemu.observe.recording import BARRIER, CROSS_WAIT, DATA, FULL, HALT, WAIT, Recording
from npuemu.report.json_schema import SCHEMA

Labels = dict[tuple[int, str], dict[tuple[int, str], int]]
"""(core, pipe) -> (row, `busy` or a cause) -> cycles."""
Key = tuple[int, str, int, str]


def _labels(recording: Recording) -> Iterator[tuple[int, str, int, str, int, int]]:
    """Core, pipe, row, what, cycles and link of every labelled stretch, event by event."""
    cursor: dict[tuple[int, int], int] = {}
    for event in recording.events:
        kind, core, pipe, row = (int(event[n]) for n in ("kind", "core", "pipe", "row"))
        start, end, dispatch = (int(event[n]) for n in ("start", "end", "dispatch"))
        at, name, link = cursor.get((core, pipe), 0), PIPES[pipe], int(event["link"])
        if kind in (WAIT, CROSS_WAIT, BARRIER, FULL):
            cause = {
                WAIT: f"flag_{PIPES[int(event['detail']) >> 6]}" if kind == WAIT else "",
                CROSS_WAIT: "cross_core_flag", BARRIER: "barrier", FULL: "queue_full",
            }[kind]  # fmt: skip
            yield core, name, row, "busy" if name == "S" else "dispatch", max(0, start - at), -1
            yield core, name, row, cause, max(0, end - max(start, at)), link
        elif kind == HALT:
            yield core, name, row, "busy", max(0, start - at), -1
        elif kind == DATA:
            late = min(dispatch, start)
            yield core, name, row, "dispatch", max(0, late - at), -1
            yield core, name, row, "barrier", max(0, start - max(at, late)), -1
            own = max(0, end - max(start, at))
            lost = min(int(event["bandwidth"]), own)
            yield core, name, row, "shared_bandwidth", lost, -1
            yield core, name, row, "busy", own - lost, -1
        else:
            continue
        cursor[core, pipe] = max(at, end)


def report_of(recording: Recording, **changes: Any) -> dict[str, Any]:
    """A report of the schema whose cycles add up."""
    sums: dict[Key, int] = {}
    waits: dict[tuple[str, str, int, str], list[int]] = {}
    for core, pipe, row, what, cycles, link in _labels(recording):
        if cycles:
            sums[core, pipe, row, what] = sums.get((core, pipe, row, what), 0) + cycles
            if what != "busy":
                kind = "aiv" if core % 3 else "aic"
                entry = waits.setdefault((kind, pipe, row, what), [0, 0, -1])
                entry[0] += cycles
                entry[1] += 1
                entry[2] = link if link >= 0 else entry[2]
    macs = int((recording.events["kind"] == DATA).sum()) * 16384
    return {
        "schema": SCHEMA, "kernel": recording.kernel, "machine": recording.machine,
        "params": {"M": 128, "N": 128, "K": 512}, "blocks": recording.cores // 3, "mode": "full",
        "cycles": recording.cycles, "time_us": recording.cycles / recording.clock_mhz,
        "cores": [_core(recording, core, sums) for core in range(recording.cores)],
        "buffers": {
            "L1": {"capacity": 524288, "peak_bytes": 65536, "peak_cycle": 700, "core": "0.aic"},
        },
        "traffic": {
            "gm_read_bytes": 1 << 20, "gm_write_bytes": 1 << 18,
            "tensors": {"A": {"read": 1 << 20, "write": 0}, "C": {"read": 0, "write": 1 << 18}},
        },
        "work": {"macs": {"bf16": macs}, "vector_elements": 8192}, "diagnostics": [],
        "outputs": {}, "lines": _lines(recording, sums), "waits": _waits(recording, waits),
        "roofline": _roofline(recording, macs), **changes,
    }  # fmt: skip


def _core(recording: Recording, core: int, sums: dict[Key, int]) -> dict[str, Any]:
    pipes = {}
    for pipe in CORE_PIPES["vector" if core % 3 else "cube"]:
        found: dict[str, int] = {}
        for (c, p, _, what), cycles in sums.items():
            if (c, p) == (core, pipe):
                found[what] = found.get(what, 0) + cycles
        busy = found.pop("busy", 0)
        idle = recording.cycles - busy - sum(found.values())
        of = (recording.events["core"] == core) & (recording.events["pipe"] == PIPES.index(pipe))
        pipes[pipe] = {"busy": busy, "stalls": found, "idle": idle, "instructions": int(of.sum())}
    return {"core": f"{core // 3}.{('aic', 'aiv0', 'aiv1')[core % 3]}", "pipes": pipes}


def _lines(recording: Recording, sums: dict[Key, int]) -> list[dict[str, Any]]:
    lines: dict[tuple[str, str, int], dict[str, Any]] = {}
    for (core, pipe, row, what), cycles in sums.items():
        kind, code = "aiv" if core % 3 else "aic", recording.code[row]
        line = lines.setdefault((kind, pipe, row), {
            "where": code.where, "core": kind, "pipe": pipe, "name": code.name, "count": 1,
            "busy": 0, "heads": 0, "stalls": {},
        })  # fmt: skip
        if what == "busy":
            line["busy"] += cycles
        else:
            line["stalls"][what] = line["stalls"].get(what, 0) + cycles
    return list(lines.values())


def _waits(
    recording: Recording, waits: dict[tuple[str, str, int, str], list[int]]
) -> list[dict[str, Any]]:
    found = []
    for (kind, pipe, row, cause), (cycles, count, link) in waits.items():
        code = recording.code[row]
        entry = {"core": kind, "pipe": pipe, "where": code.where, "name": code.name, "cause": cause,
                 "count": count, "cycles": cycles}  # fmt: skip
        if link >= 0 and cause.startswith("flag"):
            setter = recording.code[recording.events["row"][link]]
            entry |= {"flag": f"{cause[5:]} -> {pipe} 0", "set_where": setter.where,
                      "awaited": "mmad", "awaited_where": "sample.npu:11:5"}  # fmt: skip
        found.append(entry)
    return found


def _roofline(recording: Recording, macs: int) -> list[dict[str, Any]]:
    rows = (
        ("cube bf16", "aic", "M", "MAC", macs, 4096.0),
        ("GM -> L1", "aic", "MTE2", "byte", 1 << 20, 113.0),
        ("vector", "aiv", "V", "element", 8192, 64.0), ("L2", "die", "", "byte", 5 << 18, 2640.0),
        ("HBM", "die", "", "byte", 1 << 19, 768.0),
    )  # fmt: skip
    found = []
    for resource, core, pipe, unit, amount, peak in rows:
        cores = {"aic": recording.cores // 3, "aiv": recording.cores // 3 * 2, "die": 1}[core]
        cycles = amount / peak / cores
        found.append({
            "resource": resource, "core": core, "pipe": pipe, "unit": unit, "amount": amount,
            "peak": peak, "cycles": cycles, "share": cycles / recording.cycles,
        })  # fmt: skip
    return found

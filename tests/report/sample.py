"""Reports made by hand for the tests of everything that shows them."""

from __future__ import annotations

from typing import Any

from npuemu.report.json_schema import SCHEMA

CUBE_PIPES = ("S", "MTE1", "MTE2", "M", "FIX")
VECTOR_PIPES = ("S", "V", "MTE2", "MTE3")


def pipe(cycles: int, busy: int, flag: int = 0, dispatch: int = 0) -> dict[str, Any]:
    """A pipe whose labels sum to ``cycles``."""
    return {
        "busy": busy,
        "stalls": {"flag MTE2->MTE1": flag, "dispatch": dispatch},
        "idle": cycles - busy - flag - dispatch,
        "instructions": busy // 10,
    }


def sample(blocks: int = 1, cycles: int = 1000, **changes: Any) -> dict[str, Any]:
    """A clean report of ``blocks`` core groups."""
    cores = []
    for block in range(blocks):
        use = {name: pipe(cycles, 100 + 10 * block, 200, 30) for name in CUBE_PIPES}
        cores.append({"core": f"{block}.aic", "pipes": use})
        for half in (0, 1):
            lanes = {name: pipe(cycles, 50 + block, 20) for name in VECTOR_PIPES}
            cores.append({"core": f"{block}.aiv{half}", "pipes": lanes})
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "kernel": "gemm_bf16",
        "machine": "ascend910b1",
        "params": {"M": 16, "N": 32, "K": 64},
        "blocks": blocks,
        "mode": "full",
        "cycles": cycles,
        "time_us": cycles / 1850,
        "cores": cores,
        "buffers": {
            "L1": {"capacity": 524288, "peak_bytes": 6144, "peak_cycle": 321, "core": "0.aic"},
            "BT": {"capacity": 1024, "peak_bytes": 0, "peak_cycle": 0, "core": "0.aic"},
        },
        "traffic": {
            "gm_read_bytes": 6144,
            "gm_write_bytes": 1024,
            "tensors": {"A": {"read": 2048, "write": 0}, "C": {"read": 0, "write": 1024}},
        },
        "work": {"macs": {"bf16": 32768}, "vector_elements": 512},
        "diagnostics": [],
        "outputs": {"C": {"dtype": "bf16", "shape": [16, 32], "sha256": "00" * 32}},
    }
    return {**report, **changes}


def finding(severity: str = "error", where: str = "kernel.npu:7") -> dict[str, str]:
    """One diagnostic."""
    return {"code": "E117", "severity": severity, "message": "two <writes> race", "where": where}


def lines_of(report: dict[str, Any], where: str = "kernel.npu") -> dict[str, Any]:
    """Lines and waits that account for the report's pipes: busy cycles at two lines a pipe, and
    all stalls at the first of them.
    """
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for core in report["cores"]:
        for name, use in core["pipes"].items():
            found = sums.setdefault((core["core"].split(".")[1][:3], name), {"busy": 0})
            for what, cycles in [("busy", use["busy"]), *use["stalls"].items()]:
                found[what] = found.get(what, 0) + cycles
    lines, waits = [], []
    for i, ((kind, name), found) in enumerate(sorted(sums.items())):
        stalls = {cause: n for cause, n in found.items() if cause != "busy" and n}
        busy = found["busy"]
        for half, cycles in enumerate((busy - busy // 3, busy // 3)):
            place = f"{where}:{20 * i + 10 * half + 10}:5"
            lines.append({
                "where": place, "core": kind, "pipe": name, "name": f"op{half}", "count": 4,
                "busy": cycles, "heads": cycles // 4, "stalls": {} if half else stalls,
            })  # fmt: skip
        for cause, cycles in stalls.items():
            waits.append({
                "core": kind, "pipe": name, "where": f"{where}:{20 * i + 10}:5", "name": "op0",
                "cause": cause, "count": 2, "cycles": cycles,
            })  # fmt: skip
            if cause.startswith("flag"):
                waits[-1] |= {
                    "name": "wait_flag", "flag": f"MTE2 -> {name} 0",
                    "set_where": f"{where}:{20 * i + 8}:5", "awaited": "mov_gm_l1",
                    "awaited_where": f"{where}:{20 * i + 7}:5",
                }  # fmt: skip
    return {"lines": lines, "waits": waits}


def roof(resource: str = "GM -> L1", share: float = 0.5, **changes: Any) -> dict[str, Any]:
    """One resource of a roofline."""
    found = {
        "resource": resource, "core": "aic", "pipe": "MTE2", "unit": "byte", "amount": 64000,
        "peak": 128.0, "cycles": 500.0, "share": share,
    }  # fmt: skip
    return {**found, **changes}


def detailed(blocks: int = 1, cycles: int = 1000, **changes: Any) -> dict[str, Any]:
    """A report that was observed: lines, waits, a roofline and holders."""
    report = sample(blocks, cycles)
    report["buffers"]["L1"]["holders"] = [
        {"buffer": "a", "where": "kernel.npu:20:5", "bytes": 4096},
        {"buffer": "", "where": "kernel.npu:30:5", "bytes": 2048},
    ]
    roofline = [roof(), roof("cube bf16", 0.031, pipe="M", unit="MAC")]
    return {**report, **lines_of(report), "roofline": roofline, **changes}

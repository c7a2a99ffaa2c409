"""Reports made by hand for the tests of everything that shows them."""

from __future__ import annotations

from typing import Any

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
        "schema": "npuemu-report-1",
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

"""A stand-in for the package's interface: records calls, returns a hand-made run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from npuemu.asm.errors import Location
from npuemu.asm.program import Program, Tensor
from npuemu.errors import UserError
from npuemu.isa import table
from npuemu.isa.codec import encode
from tests.report.sample import sample

_HALT = encode(table.load().by_name["halt"], {})

PROGRAM = Program(
    name="gemm_bf16", machine="ascend910b1", machines=("ascend910b1",), blocks=1, params={"M": 16},
    tensors=(
        Tensor("A", "bf16", (16, 64), "in", 4096, 2048),
        Tensor("C", "f32", (2, 2), "out", 8192, 16),
    ),
    buffers=(), code={"cube": (_HALT,)}, locations={"cube": (Location("k.npu", 3, 1),)},
    labels={"cube": {}},
)  # fmt: skip


class FakeDumps(dict[str, Any]):
    """What a run's dumps have beside the arrays."""

    formats: dict[str, str]
    notes: dict[str, str]
    missed: dict[str, str]


@dataclass
class FakeApi:
    """Settings of the stand-in; ``calls`` holds the arguments of every call."""

    report: dict[str, Any] = field(default_factory=sample)
    failure: BaseException | None = None
    recording: Any = None
    dumps: FakeDumps = field(default_factory=FakeDumps)
    printed: list[str] = field(default_factory=list)
    left_out: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, Any, dict[str, Any]]] = field(default_factory=list)

    def load(self, kernel: str, **options: Any) -> Program:
        """Like `npuemu.api.load`."""
        self.calls.append(("load", kernel, options))
        if kernel == "nothing":
            raise UserError("there is no kernel 'nothing'; did you mean 'gemm_bf16'?")
        return PROGRAM

    def run(self, program: Program, **options: Any) -> Any:
        """Like `npuemu.api.run`."""
        self.calls.append(("run", program, options))
        for event in self.events:
            options["progress"](event)
        for line in self.printed:
            options["on_print"](line)
        if self.failure is not None:
            raise self.failure
        findings = self.report["diagnostics"]
        return SimpleNamespace(
            outputs={"C": np.arange(4, dtype=np.float32).reshape(2, 2)},
            report=self.report, cycles=self.report["cycles"], diagnostics=findings,
            ok=all(f["severity"] != "error" for f in findings), kernel=program,
            recording=self.recording, dumps=self.dumps, prints=self.printed,
            prints_left_out=self.left_out,
        )  # fmt: skip

    def module(self) -> ModuleType:
        """The stand-in as a module."""
        found = ModuleType("npuemu.api")
        found.load = self.load  # type: ignore[attr-defined]
        found.run = self.run  # type: ignore[attr-defined]
        found.list_kernels = self.list_kernels  # type: ignore[attr-defined]
        found.list_machines = self.list_machines  # type: ignore[attr-defined]
        return found

    @staticmethod
    def list_kernels() -> list[Any]:
        """Two kernels."""
        return [
            SimpleNamespace(name="gemm_bf16", machines=("ascend910b1",), summary="BF16 GEMM"),
            SimpleNamespace(name="gemm_mxfp4", machines=("ascend950pr",), summary="MXFP4 GEMM"),
        ]

    @staticmethod
    def list_machines() -> list[Any]:
        """One machine."""
        capacity = {"L1": 524288, "UB": 196608}
        return [
            SimpleNamespace(
                name="ascend910b1",
                title="A2",
                groups=24,
                clock_mhz=1850.0,
                features={"a", "b"},
                capacity=capacity,
                source=Path("ascend910b1.toml"),
            )  # fmt: skip
        ]

"""The observers watch: numbers and times are the same without them, and however little room
they have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu.engine import launch as launch_module
from npuemu.observe import areas as ar
from npuemu.observe import watch as watch_module
from tests.engine import micro
from tests.kernels.shapes import GEMM, KERNELS, shapes
from tests.observe.driver import GuardedWatch, guarded

SMALL = GEMM.awkward[1]
WATCHED = ("buffers", "lines", "waits", "roofline")


def without(done: npuemu.Run, *keys: str) -> dict[str, Any]:
    """A report without some of its parts."""
    return {k: v for k, v in done.report.items() if k not in keys}


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("mode", ["full", "timing"])
@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_checks_change_no_bit_and_no_cycle(name: str, machine: str, mode: str, blocks: int) -> None:
    program = npuemu.load(name, machine=machine, blocks=blocks, **shapes(name).awkward[0])
    checked = npuemu.run(program, machine, mode=mode)
    plain = npuemu.run(program, machine, mode=mode, check=False)
    assert checked.ok and plain.diagnostics == []
    # timing without checks watches nothing
    unseen = ("diagnostics", "checked", *(WATCHED if mode == "timing" else ()))
    assert without(checked, *unseen) == without(plain, *unseen)
    assert "checked" not in checked.report and plain.report["checked"] is False
    assert list(checked.outputs) == list(plain.outputs)
    for tensor, value in checked.outputs.items():
        assert value.tobytes() == plain.outputs[tensor].tobytes()


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_no_observers_at_all(name: str, machine: str) -> None:
    program = npuemu.load(name, machine=machine, blocks=2, **shapes(name).awkward[1])
    full = npuemu.run(program, machine)
    numbers = npuemu.run(program, machine, mode="numbers")
    assert numbers.cycles == full.cycles
    assert numbers.report["outputs"] == full.report["outputs"]


@pytest.mark.parametrize("mode", ["full", "timing"])
def test_undefined_bytes_that_are_moved_without_checks(mode: str) -> None:
    """Nothing marks them then."""
    body = "    li r1, 0\n    li r2, T\n    mov_ub_gm r2, r1, len=64\n"
    head = ".kernel t\n.machines ascend910b1\n.tensor T u8 [64] scratch\n"
    text = f"{head}.section vector\n{body}    halt\n"
    program = npuemu.assemble(text)
    assert npuemu.run(program, mode=mode, check=False).diagnostics == []


def test_findings_change_nothing_either() -> None:
    """A text full of races and undefined bytes."""
    text = micro.VECTOR.replace("    pipe_barrier V\n", "").replace("    pipe_barrier ALL\n", "")
    program = npuemu.assemble(text)
    checked, plain = (npuemu.run(program, check=check) for check in (True, False))
    assert {d["code"] for d in checked.diagnostics} >= {"E201", "E202", "E203", "E204"}
    assert plain.diagnostics == []
    unseen = ("diagnostics", "checked")
    assert without(checked, *unseen) == without(plain, *unseen)


class TightWatch(GuardedWatch):
    """After every request there is room for exactly that; guards stand right behind."""

    made: list[TightWatch] = []

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        add = self.occupancy.add
        self.arm()
        keep = self.keep

        def both(rows: Any) -> None:
            keep(rows)
            add(rows)

        self.occupancy.add = both  # type: ignore[method-assign]
        self.made.append(self)

    def make_room(self) -> None:
        """Exactly what is asked for."""
        super().make_room()
        h = self.header
        h[ar.H_RECORDS] = h[ar.H_NEXT] + h[ar.H_NEED_RECORDS]
        self.records = guarded(self.records[: int(h[ar.H_RECORDS])].copy())
        h[ar.H_LOG_ROWS] = h[ar.H_NEED_LOG] + 1
        self.log = guarded(np.zeros((int(h[ar.H_LOG_ROWS]), ar.LOG_COLUMNS), np.int64))
        self.table[:] = ar.AREAS.table(self)


TEXTS = [m.text for m in micro.KERNELS] + [
    micro.VECTOR.replace("    pipe_barrier V\n", "").replace("    pipe_barrier ALL\n", ""),
    "gemm_w8a16_msd",
    "gemm_bf16",
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_room_for_exactly_what_is_asked_for(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXTS[number]
    program = npuemu.load(text, **SMALL) if "\n" not in text else npuemu.assemble(text)
    plain = npuemu.run(program)
    for name, size in (("RECORDS", 4), ("LEAVES", 2), ("LOG_ROWS", 4)):
        monkeypatch.setattr(watch_module, name, size)
    monkeypatch.setattr(launch_module, "Watch", TightWatch)
    tight = npuemu.run(program)
    watch = TightWatch.made.pop()
    assert watch.rooms > 2 and watch.intact()
    assert without(tight) == without(plain)

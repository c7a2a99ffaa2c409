"""The cost of one instruction in closed form is the engine's."""

from __future__ import annotations

import numpy as np
import pytest

import npuemu
from npuemu.engine.cost import plain_work
from npuemu.engine.decode import cost_row
from npuemu.isa.table import load
from npuemu.models.parts.cost import Cost, Costs

MACHINES = ("ascend910b1", "ascend910c", "ascend950pr")


@pytest.mark.parametrize("name", MACHINES)
def test_work_of_every_time_row(name: str) -> None:
    machine = npuemu.machine(name)
    checked = 0
    for record in load().records:
        if not record.is_data or not record.requires <= machine.features:
            continue
        for symbol in record.suffixes[0].symbols() if record.suffixes else ("",):
            values = {}
            if record.suffixes:
                enum = record.suffixes[0].enum
                assert enum is not None
                first = record.suffixes[0].name
                rest = {o.name: min(o.enum.values.values()) for o in record.suffixes[1:] if o.enum}
                values = {first: enum.values[symbol], **rest}
            timing = machine.timing(record, values)
            row = np.array(cost_row(timing, 100), np.int64)
            if timing.kind == "global":
                continue
            for units in (0, 1, 2, 7, 63, 64, 1000, 65535):
                assert Cost(timing).work(units) == plain_work(row, units)
            checked += 1
    assert checked > 100


TRANSFER = """
.kernel transfer
.machines ascend910b1, ascend950pr
.param OFFSET = 0
.param BURSTS = 1
.param LEN = 4096
.param STRIDE = 4096
.param TWICE = 0
.tensor X u8 [1048576] in
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r1, 0
    li r2, X + OFFSET
    mov_gm_ub r1, r2, n_burst=BURSTS, len=LEN, src_stride=STRIDE, dst_stride=LEN
.if TWICE
    mov_gm_ub r1, r2, n_burst=BURSTS, len=LEN, src_stride=STRIDE, dst_stride=LEN
.endif
end:
    halt
"""


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
@pytest.mark.parametrize(
    ("offset", "bursts", "length", "stride"),
    [
        (0, 1, 4096, 4096), (0, 1, 32, 32), (512, 4, 1024, 2048), (32, 1, 4096, 4096),
        (0, 16, 64, 544), (0, 8, 512, 512), (96, 3, 320, 1000), (1024, 32, 32, 512),
    ],
)  # fmt: skip
def test_a_transfer_takes_what_the_model_says(
    machine: str, offset: int, bursts: int, length: int, stride: int
) -> None:
    """The second transfer of the same bytes finds every line touched."""
    align = 512
    lines = {
        line
        for i in range(bursts)
        for line in range(
            (offset + i * stride) // 512, (offset + i * stride + length - 1) // 512 + 1
        )
    }
    whole = stride == length
    pieces = 1 if whole else bursts
    aligned = offset % align == 0 and (pieces == 1 or stride % align == 0)
    row = Costs(npuemu.machine(machine)).gm("mov_gm_ub")
    cold = row.bytes_work(bursts * length, 512 * len(lines), pieces, aligned)
    warm = row.bytes_work(bursts * length, 0, pieces, aligned)
    cycles = []
    for twice in (0, 1):
        program = npuemu.assemble(
            TRANSFER, machine=machine, OFFSET=offset, BURSTS=bursts, LEN=length, STRIDE=stride,
            TWICE=twice,
        )  # fmt: skip
        run = npuemu.run(program, mode="timing", check=False)
        assert run.ok
        cycles.append(run.cycles)
    start = 4  # scalar instructions
    alone = max(row.head + cold + row.tail, row.row.isolated or 0)
    assert cycles[0] == start + alone
    assert cycles[1] == start + max(alone, row.head + cold + warm + row.tail)


def test_an_isolated_instruction() -> None:
    row = Costs(npuemu.machine("ascend910b1")).of("load_l1_l0a", "b16")
    assert row.alone(8) == 14 + (1 + 2 * 8) + 14
    nd2nz = Costs(npuemu.machine("ascend910b1")).gm("nd2nz_gm_l1")
    assert nd2nz.alone(0) == 805

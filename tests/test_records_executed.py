"""Every record of the table is executed: a generated program each, in every type of its machine."""

from __future__ import annotations

import pytest

import npuemu
from npuemu.isa.table import Record, load
from tests.engine.harness import check_accounting, executed, others
from tests.engine.smoke import data_smoke, smoke

RECORDS = load().records
NEWER = [r for r in RECORDS if r.is_data and not r.requires]


def execute(text: str, machine: str) -> npuemu.Run:
    """Run a smoke program without findings."""
    program = npuemu.assemble(f".kernel smoke\n.machines {machine}\n{text}")
    done = npuemu.run(program, record=True)
    assert others(done) == []
    check_accounting(done.report)
    return done


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_record_is_executed(record: Record) -> None:
    case = smoke(record)
    done = execute(case.text, case.machine)
    assert case.count > 0
    if record.is_data:
        assert sum(name == record.name for _, name, _, _ in executed(done)) == case.count
        return
    program = done.kernel
    names = [record.name for record in decoded(program)]
    assert record.name in names
    for core in done.report["cores"]:
        # straight-line code: scalar and queued instructions alike pass the scalar unit once
        assert core["pipes"]["S"]["instructions"] == len(names)


def decoded(program: npuemu.Program) -> list[Record]:
    """Records of the vector section."""
    from npuemu.isa.codec import decode

    return [decode(load(), word)[0] for word in program.code["vector"]]


@pytest.mark.parametrize("record", NEWER, ids=lambda r: r.name)
def test_record_is_executed_on_the_newer_machine(record: Record) -> None:
    """BF16 vectors, MX formats, other layouts."""
    case = data_smoke(record, "ascend950pr")
    done = execute(case.text, case.machine)
    assert sum(name == record.name for _, name, _, _ in executed(done)) == case.count

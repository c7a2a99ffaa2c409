"""Damaged texts, words, binaries and random programs end in a result or one clear message.

2,000 cases here and 100,000 in the slow job. A batch is a process of its own, so that a
crash of jitted code is a failed test that names its case, and
``python -m tests.fuzz.worker KIND SEED 1`` repeats it.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import mutate, worker
from tests.fuzz.corpus import sources

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"text": 800, "words": 600, "binary": 200, "program": 400}
SLOW = {"text": 40_000, "words": 30_000, "binary": 10_000, "program": 20_000}
SECONDS = 1500


def batches(counts: dict[str, int], size: int, start: int) -> list[tuple[str, int, int]]:
    """(kind, first seed, cases) of each batch."""
    return [
        (kind, start + first, min(size, count - first))
        for kind, count in counts.items()
        for first in range(0, count, size)
    ]


def run_batch(kind: str, first: int, count: int) -> None:
    """Run a batch in a process; the failure names the case."""
    command = [sys.executable, "-m", "tests.fuzz.worker", kind, str(first), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=SECONDS)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    begun = [line for line in lines if line.startswith("begin ")]
    again = f"python -m tests.fuzz.worker {kind}"
    if done.returncode not in (0, 1):
        trace = done.stderr.decode("utf-8", "replace")[-3000:]
        last = begun[-1].removeprefix("begin ") if begun else "?"
        pytest.fail(f"the process ended with {done.returncode}: {again} {last} 1\n{trace}")
    text = "\n".join(lines)
    bad = text[text.find("BAD ") - 12 :][:3000] if "BAD " in text else ""
    assert done.returncode == 0, (
        f"{again} SEED 1\n{bad}{done.stderr.decode('utf-8', 'replace')[-2000:]}"
    )
    assert len(begun) == count


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(("kind", "first", "count"), batches(QUICK, 200, 0))
def test_each_case_ends_well(kind: str, first: int, count: int) -> None:
    run_batch(kind, first, count)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "first", "count"), batches(SLOW, 2500, 1_000_000))
def test_each_case_ends_well_exhaustive(kind: str, first: int, count: int) -> None:
    run_batch(kind, first, count)


def test_the_unharmed_sources_run_clean() -> None:
    """Or the damage would be all that is tested."""
    from npuemu import api, asm

    for source in sources():
        if not source.bundled:
            program = asm.assemble(source.text, include_path=[source.folder])
            found = [d for d in api.run(program).diagnostics if d["code"] != "W210"]
            assert found == [], source.name


@pytest.mark.parametrize("kind", worker.KINDS)
def test_a_good_share_reaches_the_engine(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage that the assembler or the loader always refuses would never test what runs."""
    reached = []
    monkeypatch.setattr(worker, "_run", lambda program, rng: reached.append(program.name) or "ran")
    assert all(worker.case(kind, seed)[0] for seed in range(5_000_000, 5_000_060))
    assert len(reached) >= {"text": 6, "words": 20, "binary": 1, "program": 50}[kind]


def test_damage_is_the_same_for_the_same_seed() -> None:
    source = sources()[0]
    one, two = (mutate.text(random.Random("text 7"), source.text) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("vector", "cross_core_set_flag cv, V, r1"),
        ("vector", "cross_core_wait_flag V, r1"),
        ("vector", "set_flag V, MTE3, r1"),
        ("vector", "wait_flag V, MTE3, r1"),
        ("vector", "set_flag S, V, r1"),
        ("cube", "wait_flag M, S, r1"),
        ("cube", "cross_core_wait_flag S, r1"),
    ],
)
@pytest.mark.parametrize("value", [-1, 8, 32, 243, 1 << 40])
def test_an_event_from_a_register_is_checked(section: str, line: str, value: int) -> None:
    from npuemu import api

    if "cross" in line and value == 8:
        value = 32
    head = f".kernel k\n.machines ascend910b1\n.section {section}\n"
    run = api.run(api.assemble(f"{head}li r1, {value}\n{line}\nhalt\n"))
    assert [d["code"] for d in run.diagnostics] == ["E101"]
    assert str(value) in run.diagnostics[0]["message"]

"""Runs a kernel over its cases and compares every output with the golden definition."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npuemu.errors import NpuemuError, UserError
from npuemu.verify.compare import compare
from npuemu.verify.golden import Case, Golden, Tensors, copies, load_golden

SEEDS = (0, 1)


@dataclass(frozen=True)
class CaseResult:
    """Outcome of one case: `cycles` is None if the run failed, `difference` if all bits agree and
    the run has no errors; `findings`: it has, and `difference` tells them.

    `case` is the whole of it for a person: name, the parameters that it sets, and the seed.
    """

    case: str
    name: str
    params: Mapping[str, int]
    seed: int
    ok: bool
    cycles: int | None
    difference: str | None
    findings: bool = False


def verify_kernel(
    kernel: str | Path,
    *,
    machine: str | Path | None = None,
    blocks: int = 1,
    params: Mapping[str, int] | None = None,
    cases: Sequence[Case] | None = None,
    seeds: Sequence[int] = SEEDS,
    threads: int = 1,
) -> Iterator[CaseResult]:
    """Verify a kernel, one result at a time.

    `params` override those of every case. Cases of drawn inputs run with every seed, cases with
    planted values with the first one. Failures of the user's making (an unknown name, a size that
    the kernel refuses) are raised; a run that ends in diagnostics is a result that is not ok.
    """
    definition = load_golden(kernel)
    chosen = definition.cases if cases is None else tuple(cases)
    from npuemu import api  # compiles: not when this module is only imported

    for case in overridden(chosen, params or {}):
        program = api.load(kernel, machine=machine, blocks=blocks, **case.params)
        for seed in seeds if case.edit is None else seeds[:1]:
            yield _verify_case(program, definition, case, seed, blocks, threads)


def overridden(cases: Sequence[Case], params: Mapping[str, int]) -> list[Case]:
    """The cases with `params` on top; one of drawn inputs that repeats another is dropped."""
    found: list[Case] = []
    seen: set[tuple[tuple[str, int], ...]] = set()
    for case in cases:
        merged = {**case.params, **params}
        key = tuple(sorted(merged.items()))
        if case.edit is None and key in seen:
            continue
        seen.add(key)
        found.append(Case(case.name, merged, case.edit))
    return found


def _verify_case(
    program: Any, definition: Golden, case: Case, seed: int, blocks: int, threads: int
) -> CaseResult:
    from npuemu import api

    params = {**case.params, **dict(getattr(program, "params", {}))}
    inputs, expected = _defined(definition, case, params, seed)
    cycles, difference, findings = None, None, None
    try:
        run = api.run(program, inputs=inputs, blocks=blocks, seed=seed, threads=threads)
    except UserError:
        raise
    except NpuemuError as error:
        difference = str(error)
    else:
        cycles = int(run.cycles)
        findings = _errors(run)
        difference = findings or compare(run.outputs, expected)
    return CaseResult(
        _label(case, seed), case.name, params, seed, difference is None, cycles, difference,
        findings is not None,
    )  # fmt: skip


def _defined(
    definition: Golden, case: Case, params: dict[str, int], seed: int
) -> tuple[Tensors, Tensors]:
    """Inputs and expected outputs of a case; a failure of the definition is a `UserError`."""
    try:
        inputs = definition.inputs(dict(params), seed)
        if case.edit is not None:
            case.edit(inputs)
        return inputs, definition.golden(copies(inputs), dict(params))
    except Exception as error:  # a user's file: any failure of it is theirs to read
        line = next(
            (f":{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__))
             if f.filename == str(definition.path)), ""
        )  # fmt: skip
        raise UserError(
            f"{definition.path}{line} fails at {_label(case, seed)}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _label(case: Case, seed: int) -> str:
    """`17 rows (M=17 N=16 K=64, seed 0)`."""
    sizes = " ".join(f"{name}={value}" for name, value in case.params.items())
    return f"{case.name} ({sizes}, seed {seed})" if sizes else f"{case.name} (seed {seed})"


def _errors(run: Any) -> str | None:
    """The run's diagnostics of severity error, one a line."""
    report = run.report
    found = report["diagnostics"] if isinstance(report, Mapping) else report.diagnostics
    lines = []
    for item in found:
        entry = item if isinstance(item, Mapping) else {n: getattr(item, n) for n in _FIELDS}
        if entry["severity"] == "error":
            lines.append(f"{entry['where']}: {entry['code']}: {entry['message']}")
    return "\n".join(lines) or None


_FIELDS = ("code", "severity", "message", "where")

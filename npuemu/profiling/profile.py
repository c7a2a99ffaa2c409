"""A run's profile: what bounds it, its critical path by instruction, and hints."""

from __future__ import annotations

from npuemu.api import Run
from npuemu.errors import UserError
from npuemu.observe.recording import Recording
from npuemu.profiling.critical_path import critical_path, shares
from npuemu.profiling.evidence import Evidence
from npuemu.profiling.hints import hints
from npuemu.report.json_schema import Bound, PathShare, Profile, Report, as_report
from npuemu.report.summary import integer, percent

BOUND = 0.8
"""A pipe that is busy for this part of the run bounds it: all else together is worth the rest."""
_EMPTY = ("head", "tail")
_PARTS = {
    "head": "heads", "work": "work", "tail": "tails", "bank_conflict": "bank conflicts",
    "shared_bandwidth": "shared bandwidth", "scalar": "the scalar unit's way",
    "cross_core": "cross-core flags", "gap": "gaps",
}  # fmt: skip


def profile(run: Run) -> Profile:
    """Why a run took as long as it did: what bounds it, its critical path, and hints.

    The run must have been recorded as a whole, ``npuemu.run(kernel, record=True)``, and have taken
    at least one cycle; UserError otherwise.
    """
    if run.recording is None:
        raise UserError("a profile needs a recorded run: npuemu.run(kernel, record=True)")
    if not run.cycles:
        raise UserError("a run that ended before its first cycle has no profile")
    return profile_of(as_report(run.report), run.recording)


def profile_of(report: Report, recording: Recording) -> Profile:
    """The same from a run's report and recording."""
    steps = critical_path(recording)
    path = [
        PathShare(
            core=share.core, pipe=share.pipe, where=share.where, name=share.name,
            part=share.part, cycles=share.cycles, count=share.count,
        )
        for share in shares(recording, steps)
    ]  # fmt: skip
    evidence = Evidence(report, recording, path)
    return Profile(bound(evidence), len(steps), path, hints(evidence))


def bound(evidence: Evidence) -> Bound:
    """The busiest pipe, in words."""
    row = evidence.busiest
    share = row.share(row.busy)
    name = f"{row.kind} {row.pipe}"
    if share >= BOUND:
        text = f"{name} bounds the run: it is busy for {percent(share)} of it"
        idle = evidence.on_path(
            lambda s: (s.core, s.pipe) == (evidence.kind(row), row.pipe) and s.part in _EMPTY
        )
        empty = evidence.share(sum(s.cycles for _, s in idle))
        if empty >= 1 - BOUND:
            text += f", but {percent(empty)} are its heads and tails, not its work"
        return Bound(core=evidence.kind(row), pipe=row.pipe, share=share, kind="pipe", message=text)
    parts: dict[str, int] = {}
    for step in evidence.path:
        what = f"{_PARTS[step.part]} of {step.pipe}" if step.pipe != "S" else _PARTS[step.part]
        parts[what] = parts.get(what, 0) + step.cycles
    most = sorted(parts.items(), key=lambda item: -item[1])[:3]
    listed = ", ".join(f"{what} {percent(evidence.share(cycles))}" for what, cycles in most)
    text = (
        f"no pipe bounds the run: {name} is busy for {percent(share)} of it, the others for less; "
        f"the critical path's {integer(evidence.report.cycles)} cycles are {listed}"
    )
    return Bound(core=evidence.kind(row), pipe=row.pipe, share=share, kind="waiting", message=text)

"""Where the cycles went: by source line, and by what each stall waited for.

Summed over the cores of a kind. For every kind, pipe and cause, lines and waits sum to what the
pipes of the cores show (`npuemu.engine.measure`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npuemu.engine import state as st
from npuemu.engine.launch import Launch
from npuemu.engine.measure import alive_after, stall_name
from npuemu.isa.table import PIPES

Where = Callable[[int], str]
"""Row of the decoded code -> ``file:line:column``."""
KINDS = {"cube": "aic", "vector": "aiv"}


def flag_name(flag: int) -> str:
    """``MTE1 -> M 0``, ``cross-core 3``, or nothing: number of a flag in the ledger of stalls."""
    if flag == 0:
        return ""
    if flag >= 512:
        return f"cross-core {flag - 512}"
    return f"{PIPES[flag >> 6]} -> {PIPES[flag >> 3 & 7]} {flag & 7}"


@dataclass
class _Line:
    """Sums of one line on one pipe."""

    count: int = 0
    busy: int = 0
    heads: int = 0
    stalls: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True)
class _Stall:
    """Stalls of one kind; ``row`` waited."""

    core: str
    pipe: str
    row: int
    cause: str
    flag: int
    setter: int
    awaited: int
    cycles: int
    count: int


class Breakdown:
    """The cycles of a finished launch, row by row."""

    def __init__(self, launch: Launch, where: Where) -> None:
        self.launch, self.where = launch, where
        self.places = [where(row) for row in range(len(launch.decoded.records))]
        self.names = [record.name for record in launch.decoded.records]

    def _kind(self, row: int) -> str:
        for section, (base, length) in self.launch.decoded.bases.items():
            if base <= row < base + length:
                return KINDS[section]
        raise AssertionError(row)

    def _stalls(self) -> list[_Stall]:
        """Every stall: the ledger's, and of pipes with nothing left to do while S goes on."""
        found = []
        for stall in self.launch.records.stalls():
            x, row = int(stall["pipe"]), int(stall["row"])
            found.append(
                _Stall(
                    self._kind(row), PIPES[x % st.PIPES], row, stall_name(int(stall["cause"])),
                    int(stall["flag"]), int(stall["setter"]), int(stall["awaited"]),
                    int(stall["cycles"]), int(stall["count"]),
                )
            )  # fmt: skip
        for core, pipe, row, cycles in alive_after(self.launch):
            kind = "aic" if core % 3 == 0 else "aiv"
            found.append(_Stall(kind, PIPES[pipe], row, "dispatch", 0, -1, -1, cycles, 1))
        return found

    def waits(self) -> list[dict[str, Any]]:
        """Stalls by line, cause, flag and instruction waited for; the longest first."""
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for s in self._stalls():
            setter = self.places[s.setter] if s.setter >= 0 else ""
            awaited = (
                (self.names[s.awaited], self.places[s.awaited]) if s.awaited >= 0 else ("", "")
            )
            key = (
                s.core, s.pipe, self.places[s.row], self.names[s.row], s.cause,
                flag_name(s.flag), setter, *awaited,
            )  # fmt: skip
            sums[key][0] += s.count
            sums[key][1] += s.cycles
        found = [
            {
                "core": core, "pipe": pipe, "where": where, "name": name, "cause": cause,
                "count": count, "cycles": cycles, "flag": flag, "set_where": setter,
                "awaited": awaited, "awaited_where": at,
            }
            for (core, pipe, where, name, cause, flag, setter, awaited, at), (count, cycles)
            in sums.items()
        ]  # fmt: skip
        return sorted(found, key=lambda wait: -wait["cycles"])

    def lines(self) -> list[dict[str, Any]]:
        """Cycles by line and pipe; the longest busy first."""
        sums: dict[tuple[str, str, str, str], _Line] = defaultdict(_Line)
        profile, code = self.launch.state.profile, self.launch.decoded.code

        def line(row: int, pipe: str) -> _Line:
            return sums[self._kind(row), self.places[row], pipe, self.names[row]]

        for row in np.flatnonzero(profile[:, st.F_STEPS]).tolist():
            figures = profile[row]
            at = line(row, "S")
            at.count += int(figures[st.F_STEPS])
            at.busy += int(figures[st.F_SCALAR])
            pipe = PIPES[code[row, st.C_PIPE]]
            if pipe != "S":
                own = line(row, pipe)
                data = self.launch.decoded.records[row].is_data
                own.count += int(figures[st.F_COUNT if data else st.F_STEPS])
                own.busy += int(figures[st.F_BUSY])
                own.heads += int(figures[st.F_HEAD])
        for s in self._stalls():
            line(s.row, s.pipe).stalls[s.cause] += s.cycles
        found = [
            {
                "where": where, "core": core, "pipe": pipe, "name": name, "count": sum_.count,
                "busy": sum_.busy, "heads": sum_.heads, "stalls": dict(sum_.stalls),
            }
            for (core, where, pipe, name), sum_ in sums.items()
        ]  # fmt: skip
        return sorted(found, key=lambda entry: (-entry["busy"], entry["where"], entry["pipe"]))

"""The diagnostics of a run: stable codes, severities, and what each means in a word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of diagnostic."""

    code: str
    severity: str
    title: str


KINDS = {
    101: Kind("E101", "error", "an operand is out of range, or operands do not go together"),
    102: Kind("E102", "error", "a misaligned operand"),
    103: Kind("E103", "error", "an access outside a local memory"),
    104: Kind("E104", "error", "an access to global memory that is not inside one tensor"),
    105: Kind("E105", "error", "a write into an input tensor"),
    106: Kind("E106", "error", "a division by zero"),
    107: Kind("E107", "error", "a computed value is needed, and timing mode computes none"),
    110: Kind("E110", "error", "deadlock"),
    111: Kind("E111", "error", "livelock"),
    112: Kind("E112", "error", "the cycle limit is reached"),
    113: Kind("E113", "error", "a flag is raised that is up already"),
    114: Kind("E114", "error", "a cross-core counter overflows"),
    116: Kind("E116", "error", "a bit mask on 8-bit lanes"),
    117: Kind("E117", "error", "a gather offset outside its table"),
    118: Kind("E118", "error", "a vector instruction of too many lanes"),
    201: Kind("E201", "error", "a read-after-write race"),
    202: Kind("E202", "error", "a write-after-read race"),
    203: Kind("E203", "error", "a write-after-write race"),
    204: Kind("E204", "error", "a use of memory that nothing has written"),
    120: Kind("W120", "warning", "INT32 results wrapped"),
    205: Kind("E205", "error", "an output that depends on the timing"),
    210: Kind("W210", "warning", "a result that nothing reads"),
    211: Kind("W211", "warning", "a load that nothing uses"),
    121: Kind("W121", "warning", "a flag is left over at the end"),
    122: Kind("W122", "warning", "a cross-core flag is left over at the end"),
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: its kind, what happened, and where (``file:line:column``, or nothing)."""

    kind: Kind
    message: str
    where: str = ""

    def row(self) -> dict[str, str]:
        """As the report shows it."""
        return {
            "code": self.kind.code,
            "severity": self.kind.severity,
            "message": self.message,
            "where": self.where,
        }

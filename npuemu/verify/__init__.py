"""Golden outputs: run a kernel, compare bit for bit, point at the first difference."""

from npuemu.verify.compare import Difference, compare, compare_tensors
from npuemu.verify.golden import Case, Golden, load_golden
from npuemu.verify.kernel import CaseResult, verify_kernel

__all__ = [
    "Case",
    "CaseResult",
    "Difference",
    "Golden",
    "compare",
    "compare_tensors",
    "load_golden",
    "verify_kernel",
]

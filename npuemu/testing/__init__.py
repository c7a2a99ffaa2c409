"""Helpers for tests of one's own kernels: assertions, and the pytest fixture `npu`.

The assertions need no pytest. The fixture and its option come with the plugin
`npuemu.testing.plugin`, which pytest finds by itself where npuemu is installed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npuemu.testing.assertions import assert_bit_exact, assert_clean, assert_cycles
    from npuemu.testing.kernels import KernelRun, Npu

OPTION = "--update-golden"
"""pytest's option that stores golden tensors."""

__all__ = ["KernelRun", "Npu", "assert_bit_exact", "assert_clean", "assert_cycles"]


def __getattr__(name: str) -> Any:
    """Imported when first asked for: a pytest that runs no kernel must not load NumPy."""
    if name in ("assert_bit_exact", "assert_clean", "assert_cycles"):
        from npuemu.testing import assertions

        return getattr(assertions, name)
    if name in ("KernelRun", "Npu"):
        from npuemu.testing import kernels

        return getattr(kernels, name)
    raise AttributeError(f"module 'npuemu.testing' has no attribute {name!r}")

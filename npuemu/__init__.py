"""npuemu: a bit-exact, cycle-accounted emulator for NPU matrix cores."""

__version__ = "0.1.0"

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npuemu.api import (
        NpuemuError,
        Run,
        UserError,
        assemble,
        list_kernels,
        list_machines,
        load,
        machine,
        run,
    )
    from npuemu.profiling.profile import profile

__all__ = [
    "NpuemuError",
    "Run",
    "UserError",
    "assemble",
    "list_kernels",
    "list_machines",
    "load",
    "machine",
    "profile",
    "run",
]


def __getattr__(name: str) -> Any:
    """The interface of `npuemu.api`, imported when it is first asked for."""
    if name == "profile":
        from npuemu.profiling.profile import profile

        return profile
    if name in __all__:
        from npuemu import api

        return getattr(api, name)
    raise AttributeError(f"module 'npuemu' has no attribute {name!r}")

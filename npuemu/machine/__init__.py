"""Machines: one TOML file each, checked when loaded.

The package is callable: ``npuemu.machine(name)`` is ``npuemu.machine.load(name)``, although
importing any
of its parts puts the package itself into that name.
"""

import sys
from pathlib import Path
from types import ModuleType

from npuemu.machine.load import Machine, MachineError, load, names

__all__ = ["Machine", "MachineError", "load", "names"]


class _Callable(ModuleType):
    def __call__(self, name: str | Path) -> Machine:
        """A built-in machine by name, or a machine file by path."""
        return load(str(name))


sys.modules[__name__].__class__ = _Callable

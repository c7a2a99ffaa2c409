"""Functional units as machine code: loaded from the cache, or compiled on first use and said so.

When the engine itself is not compiled yet, the units of the kernel are compiled beside it in a
second
process: compilation holds a lock within one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from npuemu.jit import CACHE, compile_unit

Notify = Callable[[str], None]
ENGINE = "engine"
OBSERVERS = "observers:observe"
_ROOMS = {"observers": "npuemu.engine.watching"}
"""Where a unit is defined, if it is no functional unit."""
_COMPILE = """
import sys
from npuemu.engine.compiled import address
for name in sys.argv[1:]:
    address(name)
"""
_loaded: dict[str, Any] = {}
_known: set[str] = set()
"""Names whose marks have been seen."""
_helper: list[subprocess.Popen[bytes]] = []
_missing: list[str] = []
"""What the second process compiles, in its order."""


def _mark(name: str) -> Path:
    """The file that says that ``name`` is in this cache."""
    return CACHE / f"{name.replace(':', '.')}.compiled"


def is_cached(name: str) -> bool:
    """Whether a unit (``room:name``) or the engine has been compiled into this cache before."""
    if name not in _known and _mark(name).exists():
        _known.add(name)
    return name in _known


def mark(name: str) -> None:
    """Remember that ``name`` is compiled."""
    _mark(name).touch()


def loaded(name: str) -> int:
    """Address of a unit that this process has loaded, 0 for any other."""
    return int(_loaded[name].address) if name in _loaded else 0


def address(name: str, notify: Notify | None = None) -> int:
    """Address of unit ``room:name``, loaded or compiled on first use."""
    if name not in _loaded:
        if not is_cached(name):
            _share_with_helper()
        if not is_cached(name) and notify is not None:
            room, _, function = name.partition(":")
            notify(f"compiling {room} unit {function}")
        _compile(name)
    return int(_loaded[name].address)


def _compile(name: str) -> None:
    """Load a unit from the cache, or compile it into it."""
    if name not in _loaded:
        room, _, function = name.partition(":")
        module = import_module(_ROOMS.get(room, f"npuemu.units.{room}"))
        _loaded[name] = compile_unit(module.resolve(function))
        mark(name)


def announce(units: Sequence[str], notify: Notify | None) -> None:
    """Before a first run: say what will be compiled, and start on the units in a second process."""
    if is_cached(ENGINE):
        return
    missing = [name for name in units if not is_cached(name)]
    if notify is not None:
        count = f" and {len(missing)} functional units" if missing else ""
        notify(f"compiling the engine{count}: once for this version, about 30 seconds")
    if missing:
        _missing[:] = missing
        command = [sys.executable, "-c", _COMPILE, *missing]
        quiet = subprocess.DEVNULL
        _helper.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))


def _share_with_helper() -> None:
    """Compile from the other end of the list until the second process has done the rest."""
    while _missing and _helper and _helper[0].poll() is None:
        name = _missing.pop()
        if is_cached(name):
            break
        _compile(name)
    _missing.clear()
    while _helper:
        _helper.pop().wait()

"""Where compiled code is cached, and under which key.

Numba's own key covers one file: an edit of a helper in another file would run stale code in
silence.
The cache directory is therefore named by a hash of every source that can reach jitted code.
"""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from npuemu.data import PACKAGE, folder
from npuemu.errors import UserError

SETTINGS = (
    "NUMBA_OPT",
    "NUMBA_BOUNDSCHECK",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NPUEMU_PORTABLE",
)
JITTED_ROOMS = ("jit", "formats", "units", "engine", "isa", "observe")


def cache_root() -> Path:
    """``$NPUEMU_CACHE_DIR``, else ``$XDG_CACHE_HOME/npuemu``, else ``~/.cache/npuemu``."""
    explicit = os.environ.get("NPUEMU_CACHE_DIR")
    if explicit:
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "npuemu"


def source_key() -> str:
    """Hash of the sources that reach jitted code and of the settings that change what is
    compiled.
    """
    digest = hashlib.sha256()
    files = [p for room in JITTED_ROOMS for p in sorted((PACKAGE / room).rglob("*.py"))]
    files += sorted(folder("isa").glob("*.toml"))
    for path in files:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    for name in SETTINGS:
        digest.update(f"{name}={os.environ.get(name, '')};".encode())
    digest.update(platform.machine().encode())
    return digest.hexdigest()[:20]


def prepare() -> Path:
    """Point Numba at the cache of exactly these sources. Must run before numba is imported."""
    os.environ.setdefault("NUMBA_OPT", "1")
    place = cache_root() / source_key()
    reason = "it is read-only"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        raise UserError(
            f"compiled code cannot be kept in {cache_root()}: {reason}; "
            "set NPUEMU_CACHE_DIR to a directory that can be written"
        )
    os.environ["NUMBA_CACHE_DIR"] = str(place)
    return place

"""Loads a kernel's golden definition by path, as a user of the file would."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"
KERNELS = ("gemm_bf16", "gemm_w8a16_dequant", "gemm_w8a16_lift", "gemm_w8a16_msd", "gemm_mxfp4")


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_shared(name: str) -> ModuleType:
    """The module programs/<name>.py, with its neighbours importable as a golden.py makes them."""
    if str(PROGRAMS) not in sys.path:
        sys.path.append(str(PROGRAMS))
    return _load(PROGRAMS / f"{name}.py", f"{name}_under_test")


def golden(kernel: str) -> ModuleType:
    """The module programs/<kernel>/golden.py."""
    return _load(PROGRAMS / kernel / "golden.py", f"golden_of_{kernel}")


arithmetic = _load(PROGRAMS / "golden_arithmetic.py", "golden_arithmetic_under_test")

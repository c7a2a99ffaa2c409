"""Loads a kernel's golden definition by path, as a user of the file would."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"
KERNELS = (
    "gemm_bf16",
    "gemm_w8a16_dequant",
    "gemm_w8a16_lift",
    "gemm_w8a16_msd",
    "gemm_mxfp4",
    "gemm_w4a16_msd",
)


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def golden(kernel: str) -> ModuleType:
    """The module programs/<kernel>/golden.py."""
    return _load(PROGRAMS / kernel / "golden.py", f"golden_of_{kernel}")


arithmetic = _load(PROGRAMS / "golden_arithmetic.py", "golden_arithmetic_under_test")

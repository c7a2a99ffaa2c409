"""Finds and loads a kernel's golden definition: the `golden.py` beside its text."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.data import folder
from npuemu.errors import UserError

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
DEFINITION = "golden.py"


@dataclass(frozen=True)
class Case:
    """One run to verify: parameters that differ from the kernel's defaults, and planted values."""

    name: str
    params: Mapping[str, int] = field(default_factory=dict)
    edit: Callable[[Tensors], None] | None = None


@dataclass(frozen=True)
class Golden:
    """What a `golden.py` exports.

    inputs(params, seed) draws the input tensors, golden(inputs, params) computes the outputs,
    cases() (optional) lists the cases worth verifying, and unrounded(inputs, params) (optional)
    gives the outputs in float32, before their last rounding.
    """

    path: Path
    inputs: Callable[[dict[str, int], int], Tensors]
    golden: Callable[[Tensors, dict[str, int]], Tensors]
    cases: tuple[Case, ...]
    unrounded: Callable[[Tensors, dict[str, int]], Tensors] | None = None


def kernel_folder(kernel: str | Path) -> Path:
    """The folder of a kernel, given by the name of a bundled one, its folder or its file.

    A bare name means the bundled kernel even where a folder of that name is at hand.
    """
    path = Path(kernel)
    bundled = folder("programs") / path
    if len(path.parts) == 1 and (bundled / DEFINITION).is_file():
        return bundled
    if path.is_dir():
        return path
    if path.is_file():
        return path.parent
    raise UserError(f"no kernel '{kernel}': neither a bundled name nor a path to one")


def load_golden(kernel: str | Path) -> Golden:
    """Load the golden definition of a kernel by path; a `UserError` says what it lacks."""
    path = kernel_folder(kernel) / DEFINITION
    if not path.is_file():
        raise UserError(
            f"{kernel} has no {DEFINITION} to verify against (looked in {path.parent.absolute()})"
        )
    spec = importlib.util.spec_from_file_location(f"npuemu_golden_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's file: any failure of it is theirs to read
        raise UserError(f"{path} fails to load: {type(error).__name__}: {error}") from error
    for name in ("inputs", "golden"):
        if not callable(getattr(module, name, None)):
            raise UserError(f"{path} defines no function {name}()")
    listed = module.cases() if hasattr(module, "cases") else [{"name": "default"}]
    chosen = tuple(_case(path, c) for c in listed)
    return Golden(path, module.inputs, module.golden, chosen, getattr(module, "unrounded", None))


def _case(path: Path, raw: Mapping[str, Any]) -> Case:
    """A case as `cases()` writes it: a dict of name, params and, where wanted, edit."""
    unknown = set(raw) - {"name", "params", "edit"}
    if "name" not in raw or unknown:
        extra = f" and no {', '.join(sorted(unknown))}" if unknown else ""
        raise UserError(f"{path}: a case has name, params, edit{extra}: {dict(raw)}")
    return Case(str(raw["name"]), dict(raw.get("params", {})), raw.get("edit"))


def copies(tensors: Tensors) -> Tensors:
    """Copies of all tensors, so that neither side can change the other's."""
    return {name: np.array(value, copy=True) for name, value in tensors.items()}

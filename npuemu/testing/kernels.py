"""The value of the fixture `npu`: kernels assembled once a session, run with arrays."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npuemu import api, data
from npuemu.api import SUFFIX, Run
from npuemu.asm.program import Program
from npuemu.errors import NpuemuError, UserError
from npuemu.formats import files, tensor
from npuemu.formats.format import get as get_format
from npuemu.formats.tensor import Array
from npuemu.machine import Machine
from npuemu.testing import golden as stored
from npuemu.testing.golden import Recorded
from npuemu.testing.session import Session, TestPlace

Kernel = Program | str | Path
MachineName = str | Path | Machine | None


@dataclass(repr=False)
class KernelRun(Run):
    """A `Run` that knows its inputs.

    inputs: arrays by tensor name, drawn ones included, in the natural NumPy type of each; in timing
    mode only those that were given.
    """

    inputs: dict[str, Array] = field(default_factory=dict)


class Npu:
    """Assembles and runs kernels for one test; a path is looked for from the test's folder upwards.

    A failure of the user's making (a kernel that does not assemble, an input of the wrong shape)
    is raised as the `npuemu.NpuemuError` that it is, without the frames of the tool.
    """

    def __init__(self, place: TestPlace, session: Session) -> None:
        self._place = place
        self._session = session
        self._golden_names: set[str] = set()

    def load(
        self,
        kernel: str | Path,
        *,
        machine: MachineName = None,
        blocks: int | None = None,
        **params: int,
    ) -> Program:
        """Assemble a kernel: a text or binary file, a kernel folder, or the name of a bundled one.

        The same file with the same machine, blocks and parameters is assembled once a session.
        """
        __tracebackhide__ = True
        try:
            return self._loaded(kernel, machine, blocks, params)
        except NpuemuError as error:
            raise error.with_traceback(None) from None

    def assemble(
        self, text: str, *, machine: MachineName = None, blocks: int | None = None, **params: int
    ) -> Program:
        """Assemble a kernel's text; its includes are searched in the bundled folder alone."""
        __tracebackhide__ = True
        try:
            target = self._machine(machine)

            def build() -> Program:
                return api.assemble(text, machine=target, blocks=blocks, **params)

            return self._session.program(("text", text), target, blocks, params, build)
        except NpuemuError as error:
            raise error.with_traceback(None) from None

    def run(
        self,
        kernel: Kernel,
        inputs: Mapping[str, Any] | None = None,
        *,
        machine: MachineName = None,
        blocks: int | None = None,
        mode: str = "full",
        check: bool = True,
        seed: int = 0,
        threads: int = 1,
        max_cycles: int | None = None,
        record: bool | tuple[int, int] = False,
        shuffle: int = 0,
        jitter: int = 0,
        dumps: Sequence[str] = (),
        **params: int,
    ) -> KernelRun:
        """Run a kernel, as `npuemu.run` does; the result knows its inputs. What the kernel prints
        goes to standard error, which pytest shows where a test fails.

        kernel: as `load` takes it, or what `load` or `assemble` returned. inputs: arrays or tensor
        files (`x.npy`, `x.npz:KEY`) by name; those not given are drawn from `seed`.
        """
        __tracebackhide__ = True
        options = dict(
            mode=mode, check=check, seed=seed, threads=threads, max_cycles=max_cycles,
            record=record, shuffle=shuffle, jitter=jitter, dumps=dumps,
            on_print=lambda line: sys.stderr.write(f"{line}\n"),
        )  # fmt: skip
        try:
            target = self._machine(machine)
            if isinstance(kernel, Program):
                options.update(params, blocks=blocks)
                program = kernel
            else:
                program = self._loaded(kernel, target, blocks, params)
            values = self._inputs(program, inputs or {}, seed, mode)
            done = api.run(program, target, values, **options)  # type: ignore[arg-type]
        except NpuemuError as error:
            raise error.with_traceback(None) from None
        return KernelRun(**vars(done), inputs=values)

    def golden(self, run: Run, name: str = "outputs") -> None:
        """All outputs equal, bit for bit, those stored beside the test by `--update-golden`.

        name: tells several golden runs of one test apart. Raises AssertionError: the first
        difference, or what to do where the stored file is missing or damaged.
        """
        __tracebackhide__ = True
        if name in self._golden_names:
            raise ValueError(f"golden name {name!r} is used twice in this test: give each its own")
        self._golden_names.add(name)
        inputs = getattr(run, "inputs", None) or {}
        recorded = Recorded.of(run, inputs, self._place.test)
        if self._session.update_golden:
            self._session.written.append(stored.update(self._place, name, run, recorded))
        else:
            stored.check(self._place, name, run, recorded)

    def _loaded(
        self,
        kernel: str | Path,
        machine: MachineName,
        blocks: int | None,
        params: Mapping[str, int],
    ) -> Program:
        target = self._machine(machine)
        path = self._kernel(kernel)

        def build() -> Program:
            return api.load(self._shown(path), machine=target, blocks=blocks, **params)

        return self._session.program(("file", str(path)), target, blocks, params, build)

    def _kernel(self, kernel: Any) -> Any:
        """A bundled name as it is, a path where it is found; UserError says where it is not."""
        if not isinstance(kernel, (str, Path)) or not str(kernel):
            return kernel  # the interface words the refusal
        path = Path(kernel)
        bare = len(path.parts) == 1 and not path.suffix
        if bare and (data.folder("programs") / path / f"kernel{SUFFIX}").is_file():
            return kernel
        found = self._find(path)
        if found is not None:
            return found
        if bare:
            return kernel
        known = [p for folder in self._folders() for p in folder.glob(f"{path.parent}/*{SUFFIX}")]
        near = difflib.get_close_matches(path.name, [p.name for p in known], 1)
        hint = f"; did you mean {str(path.parent / near[0])!r}?" if near else ""
        raise UserError(f"there is no kernel {str(kernel)!r}{hint} ({self._searched()})")

    def _shown(self, path: Any) -> Any:
        """The path as messages are to name it: from where pytest was started, if it lies there."""
        started = self._place.started
        here = isinstance(path, Path) and path.is_relative_to(started) and Path.cwd() == started
        return path.relative_to(started) if here else path

    def _machine(self, machine: MachineName) -> Machine | None:
        if machine is None or isinstance(machine, Machine):
            return machine
        if str(machine).endswith(".toml"):
            machine = self._find(Path(machine)) or machine
        return self._session.machine(str(machine))

    def _inputs(
        self, program: Program, given: Mapping[str, Any], seed: int, mode: str
    ) -> dict[str, Any]:
        """The values of all input tensors, in their natural types; names it has not are kept."""
        found = dict(given)
        for item in program.tensors:
            if item.role != "in":
                continue
            value = given.get(item.name)
            if value is None and mode == "timing":
                found.pop(item.name, None)  # the interface draws those that it needs
                continue
            if value is None:
                value = api.draw(item, seed)
            try:
                fmt = get_format(item.dtype)
                if isinstance(value, (str, Path)):
                    spec = self._tensor_file(str(value), item.name)
                    value = files.read(spec, fmt, item.shape, item.name)
                array = tensor.conform(value, fmt, item.shape, item.name)
            except tensor.TensorError as error:
                raise UserError(str(error)) from None
            found[item.name] = np.array(array, copy=True)
        return found

    def _tensor_file(self, spec: str, name: str) -> str:
        place = files.parse(spec, name)
        found = self._find(place.path)
        return spec if found is None else f"{found}{spec[len(str(place.path)) :]}"

    def _find(self, path: Path) -> Path | None:
        """The first that exists: beside the test file, or in a folder above it."""
        try:
            return next((f / path for f in self._folders() if (f / path).exists()), None)
        except OSError:
            return None

    def _folders(self) -> Iterator[Path]:
        """The test's folder, and those above it up to pytest's root."""
        folder = self._place.file.parent
        yield folder
        if self._place.root in folder.parents:
            while folder != self._place.root:
                folder = folder.parent
                yield folder

    def _searched(self) -> str:
        places = [os.path.relpath(f, self._place.root) for f in self._folders()]
        return f"looked in {', '.join(places)} of {self._place.root}"

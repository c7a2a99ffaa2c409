"""The Python interface: load or assemble a kernel, run it, look at what came out."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npuemu import asm, data
from npuemu.asm.program import Program, Tensor
from npuemu.errors import NpuemuError, UserError
from npuemu.formats import files, tensor
from npuemu.formats.format import get as get_format
from npuemu.isa.codec import decode
from npuemu.isa.table import load as load_isa
from npuemu.machine import Machine, names
from npuemu.machine import load as load_machine
from npuemu.observe.recording import Recording

if TYPE_CHECKING:
    from npuemu.debug import Dumps, Printed

Array = NDArray[Any]
Progress = Callable[[dict[str, Any]], None]
DEFAULT_MAX_CYCLES = 2_000_000_000
HIGHEST_MAX_CYCLES = 1 << 42
"""The engine's clocks and fixed-point bandwidth hold this many; any larger limit means no limit."""
LARGEST = 2**63 - 1
MAX_BLOCKS = 65536
MAX_THREADS = 1024
MODES = ("full", "timing", "numbers")
MAX_TIMINGS = 1_000_000
DEFAULT_PRINT_LIMIT = 1000
BROKEN_OFF = {f"E1{n:02}" for n in range(1, 19)}
"""Findings after which a run has no outputs to compare."""
SUFFIX = ".npu"


@dataclass(frozen=True)
class KernelInfo:
    """A bundled kernel: name, machines (the first is the default), one line, its text file."""

    name: str
    machines: tuple[str, ...]
    summary: str
    path: Path


@dataclass(repr=False)
class Run:
    """What a run left behind.

    outputs: tensors of role out by name (empty in timing mode); report: the dictionary of the
    report schema; recording: its events when they were asked for; dumps: arrays by what was asked
    for; prints: lines of the kernel's `.print` in the order of their cycles, and prints_left_out
    how many more there were.
    """

    kernel: Program
    outputs: dict[str, Array]
    report: dict[str, Any]
    recording: Recording | None = None
    mac_peak: dict[str, int] = field(default_factory=dict)
    dumps: Dumps = field(default_factory=dict)  # type: ignore[assignment]
    prints: list[Printed] = field(default_factory=list)
    prints_left_out: int = 0

    @property
    def cycles(self) -> int:
        """Cycles of the run."""
        return int(self.report["cycles"])

    @property
    def diagnostics(self) -> list[dict[str, str]]:
        """Findings: code, severity, message, where."""
        return list(self.report["diagnostics"])

    @property
    def ok(self) -> bool:
        """True when no finding is an error."""
        return all(d["severity"] != "error" for d in self.diagnostics)

    def __repr__(self) -> str:
        """One line: what ran, its cycles and whether it is clean."""
        errors = sum(d["severity"] == "error" for d in self.diagnostics)
        verdict = "ok" if self.report.get("checked", True) else "races not checked"
        found = f"{errors} errors of {len(self.diagnostics)} findings" if errors else verdict
        kernel = self.kernel
        return f"<Run of {kernel.name} on {kernel.machine}: {self.cycles:,} cycles, {found}>"

    def _repr_html_(self) -> str:
        from npuemu.report.html import fragment

        return fragment(self.report, peak=self.mac_peak)


def list_kernels() -> list[KernelInfo]:
    """The bundled kernels, by name."""
    found = []
    for path in sorted(data.folder("programs").glob(f"*/kernel{SUFFIX}")):
        listed: tuple[str, ...] = ()
        summary = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(";") and not summary:
                summary = line.lstrip("; ").partition(": ")[2] or line.lstrip("; ")
            if line.strip().startswith(".machines"):
                listed = tuple(
                    m.strip() for m in line.partition(".machines")[2].split(";")[0].split(",")
                )
        found.append(KernelInfo(path.parent.name, listed, summary, path))
    return found


def list_machines() -> list[Machine]:
    """The built-in machines."""
    return [load_machine(name) for name in names]


def machine(name: str | Path) -> Machine:
    """A machine by name, or from the path of a machine file."""
    return load_machine(str(name))


def _kernel_path(kernel: str | Path) -> Path:
    """File of a bundled kernel, of a kernel folder, or the path itself; UserError names the
    nearest.
    """
    if not isinstance(kernel, (str, Path)):
        raise UserError(f"a kernel is a name or a path, not {type(kernel).__name__}")
    path = Path(kernel)
    bundled = data.folder("programs") / path / f"kernel{SUFFIX}"
    try:
        if len(path.parts) == 1 and bundled.is_file():
            return bundled
        if path.is_dir() and (path / f"kernel{SUFFIX}").is_file():
            return path / f"kernel{SUFFIX}"
        if kernel != "" and (path.exists() or path.suffix or len(path.parts) > 1):
            return path
    except OSError as error:
        raise UserError(f"cannot read kernel {str(kernel)[:64]!r}: {error.strerror}") from None
    import difflib

    known = [k.name for k in list_kernels()]
    near = difflib.get_close_matches(str(kernel), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(
        f"there is no kernel {str(kernel)!r}{hint} (npuemu list shows them; or give a path)"
    )


def _whole(name: str, value: Any, low: int, high: int) -> int:
    """An integer argument, NumPy's included; UserError says what is taken."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise UserError(f"{name} takes an integer, not {value!r}")
    number = operator.index(value)
    if not low <= number <= high:
        raise UserError(f"{name} takes an integer of {low} to {high}, not {number}")
    return number


def _window(record: bool | tuple[int, int]) -> tuple[int, int] | None:
    """The cycles [first, last) to record, None for none."""
    if isinstance(record, bool):
        return (0, HIGHEST_MAX_CYCLES) if record else None
    ends: Any = record
    if not isinstance(ends, Sequence) or len(ends) != 2:
        raise UserError(f"record takes True, False or (first, last), not {record!r}")
    first = _whole("record: first cycle", ends[0], 0, LARGEST)
    last = _whole("record: last cycle", ends[1], 0, LARGEST)
    if first >= last:
        raise UserError(f"record: cycles {first} to {last} are none")
    return min(first, HIGHEST_MAX_CYCLES), min(last, HIGHEST_MAX_CYCLES)


def _bound(blocks: int | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Block count and parameters as the assembler takes them: NumPy's integers become plain."""
    plain = {k: int(v) if isinstance(v, np.integer) else v for k, v in params.items()}
    if blocks is not None:
        blocks = _whole("blocks", blocks, 1, MAX_BLOCKS)
    return {"blocks": blocks, "params": plain}


def _machine_argument(chosen: str | Path | Machine | None) -> Machine | None:
    return chosen if chosen is None or isinstance(chosen, Machine) else machine(chosen)


def load(
    kernel: str | Path,
    *,
    machine: str | Path | Machine | None = None,
    blocks: int | None = None,
    **params: int,
) -> Program:
    """Assemble a bundled kernel or a text file, or load a binary, for a machine and a block count.

    Raises NpuemuError with a complete message.
    """
    chosen = _machine_argument(machine)
    program = asm.load_file(_kernel_path(kernel), machine=chosen, **_bound(blocks, params))
    return _checked(program, chosen)


def assemble(
    text: str,
    *,
    machine: str | Path | Machine | None = None,
    blocks: int | None = None,
    **params: int,
) -> Program:
    """Assemble a kernel's text."""
    if not isinstance(text, (str, Path)):
        raise UserError(f"a kernel's text is a str, not {type(text).__name__}")
    chosen = _machine_argument(machine)
    return _checked(asm.assemble(text, machine=chosen, **_bound(blocks, params)), chosen)


def _checked(program: Program, chosen: Machine | None) -> Program:
    target = chosen or machine(program.machine)
    if program.blocks > target.groups:
        raise UserError(
            f"{program.blocks} blocks, but {target.name} has {target.groups} core groups"
        )
    if program.gm_bytes > target.gm_limit:
        raise UserError(
            f"the tensors take {program.gm_bytes:,} bytes; the limit is {target.gm_limit:,}"
        )
    return program


def draw(item: Tensor, seed: int) -> Array:
    """Random values for an input tensor: the same for the same tensor and seed."""
    digest = hashlib.sha256(f"{item.name}:{seed}".encode()).digest()
    rng = np.random.Generator(np.random.SFC64(int.from_bytes(digest[:8], "little")))
    if item.dtype == "e8m0":
        return rng.integers(121, 134, item.shape, dtype=np.uint8)
    if item.dtype == "e2m1":
        return rng.integers(0, 16, item.shape, dtype=np.uint8)
    dtype = tensor.numpy_dtype(get_format(item.dtype))
    if item.bounds is not None:
        least, most = item.bounds
        return rng.integers(least, most, item.shape, dtype, endpoint=True)
    if dtype.kind in "iu":
        size = int(np.prod(item.shape)) * dtype.itemsize
        return np.frombuffer(rng.bytes(size), dtype).reshape(item.shape)
    if item.name.endswith("scale"):
        values = rng.uniform(0.5, 1.5, item.shape).astype(np.float32) / np.float32(64)
    else:
        values = rng.standard_normal(item.shape, np.float32)
    return np.asarray(values.astype(dtype))


def _reads_global_scalars(program: Program) -> bool:
    """Whether the scalar units load from GM: then even timing mode needs the inputs' values."""
    isa = load_isa()
    found = (decode(isa, word) for words in program.code.values() for word in words)
    gm = isa.enums["space"].values["GM"]
    return any(record.name == "ld" and values["space"] == gm for record, values in found)


def _global_memory(program: Program, values: bool) -> NDArray[np.uint8]:
    """GM at a 64-byte boundary: all 0xFF, or pages that nobody touches when no values are
    needed.
    """
    size = program.gm_bytes + 64
    gm = np.full(size, 0xFF, np.uint8) if values else np.zeros(size, np.uint8)
    return gm[-gm.ctypes.data % 64 :][: program.gm_bytes]


def _check_bounds(item: Tensor, data: NDArray[np.uint8]) -> None:
    """Refuse an input with a value that the kernel does not take."""
    if item.bounds is None:
        return
    least, most = item.bounds
    dtype = tensor.numpy_dtype(get_format(item.dtype))
    values = np.ascontiguousarray(data).view(dtype).reshape(item.shape)
    outside = (values < least) | (values > most)
    if outside.any():
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(outside)), item.shape))
        place = ", ".join(map(str, index))
        raise UserError(f"{item.name}[{place}] is {values[index]}: must be {least} .. {most}")


def _fill(
    program: Program,
    gm: NDArray[np.uint8],
    inputs: Mapping[str, Any],
    seed: int,
    values: bool,
) -> None:
    """Put the input tensors into global memory; ``values`` = False: only check those given."""
    known = {t.name for t in program.tensors if t.role == "in"}
    for name in inputs:
        if name not in known:
            raise UserError(
                f"{program.name} has no input tensor {name!r}; it has {', '.join(sorted(known))}"
            )
    for item in program.tensors:
        if item.role != "in":
            continue
        fmt = get_format(item.dtype)
        given = inputs.get(item.name)
        try:
            if given is None and not values:
                continue
            if given is None:
                given = draw(item, seed)
            elif isinstance(given, (str, Path)):
                given = files.read(str(given), fmt, item.shape, item.name)
            data = tensor.to_bytes(given, fmt, item.shape, item.name)
            _check_bounds(item, data)
            gm[item.address : item.address + item.nbytes] = data
        except tensor.TensorError as error:
            raise UserError(str(error)) from None


def run(
    kernel: Program | str | Path,
    machine: str | Path | Machine | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    blocks: int | None = None,
    mode: str = "full",
    check: bool = True,
    seed: int = 0,
    threads: int = 1,
    max_cycles: int | None = None,
    progress: Progress | None = None,
    record: bool | tuple[int, int] = False,
    shuffle: int = 0,
    jitter: int = 0,
    dumps: Sequence[str] = (),
    print_limit: int = DEFAULT_PRINT_LIMIT,
    on_print: Callable[[Printed], None] | None = None,
    **params: int,
) -> Run:
    """Run a kernel. A name or path is assembled with ``params``; an assembled kernel takes none.

    inputs: arrays, or file specifications, by tensor name; the others are drawn from ``seed``.
    mode: full (numbers and time), timing (no numbers), numbers (no observers).
    shuffle: run so many other legal timings as well and report outputs that differ (E205);
    jitter: run legal timing number so and so instead of the machine's own (0). ``seed`` fixes them.
    record: keep every event for traces and timelines, or those that touch the cycles [first, last).
    dumps: memory to save right after an instruction, ``BUFFER@LINE`` or more (docs/debugging.md).
    print_limit: how many lines of ``.print`` are kept and given to ``on_print`` as the run goes.
    """
    if mode not in MODES:
        raise UserError(f"mode {mode!r}: must be {', '.join(MODES)}")
    seed = _whole("seed", seed, 0, LARGEST)
    threads = _whole("threads", threads, 1, MAX_THREADS)
    limit = DEFAULT_MAX_CYCLES
    if max_cycles is not None:
        limit = _whole("max_cycles", max_cycles, 1, LARGEST)
    shuffle = _whole("shuffle", shuffle, 0, MAX_TIMINGS)
    jitter = _whole("jitter", jitter, 0, MAX_TIMINGS)
    if shuffle and mode == "timing":
        raise UserError("shuffle compares outputs, and mode timing computes none")
    if isinstance(kernel, Program):
        if params:
            raise UserError(f"parameters are bound at assembly: {kernel.name} is assembled already")
        if blocks is not None and blocks != kernel.blocks:
            raise UserError(f"{kernel.name} is assembled for blocks={kernel.blocks}, not {blocks}")
        program = kernel
    else:
        program = load(kernel, machine=machine, blocks=blocks, **params)
    target = _machine_argument(machine) or load_machine(program.machine)
    if target.name != program.machine:
        raise UserError(f"{program.name} is assembled for {program.machine}, not {target.name}")
    _checked(program, target)
    from npuemu.debug import Debugger
    from npuemu.runner import Options, Session, execute

    session = Session(program, target, progress)
    debugger = Debugger(
        program, session.decoded, target, mode=mode, dumps=dumps,
        print_limit=_whole("print_limit", print_limit, 0, LARGEST), on_print=on_print,
    )  # fmt: skip
    values = mode != "timing" or _reads_global_scalars(program)
    gm = _global_memory(program, values)
    _fill(program, gm, inputs or {}, seed, values)
    limit = min(limit, HIGHEST_MAX_CYCLES)
    options = Options(mode, check, threads, limit, _window(record), seed, jitter)
    fresh = gm.copy() if shuffle else gm
    report, recording, peak = execute(session, gm, options, debugger)
    if shuffle:
        _shuffle(session, fresh, gm, options, shuffle, report)
    outputs: dict[str, Array] = {}
    report["outputs"] = {}
    if mode != "timing":
        for item in program.tensors:
            if item.role == "out":
                raw = gm[item.address : item.address + item.nbytes]
                outputs[item.name] = tensor.from_bytes(
                    raw, get_format(item.dtype), item.shape, item.name
                )
                digest = hashlib.sha256(raw.data).hexdigest()
                report["outputs"][item.name] = {
                    "dtype": item.dtype,
                    "shape": list(item.shape),
                    "sha256": digest,
                }
    lines = debugger.printer
    return Run(
        program, outputs, report, recording, peak, debugger.dumps, lines.lines, lines.left_out
    )  # fmt: skip


def _shuffle(
    session: Any, fresh: Array, done: Array, options: Any, count: int, report: dict[str, Any]
) -> None:
    """Add to a report what other timings show; a run that broke off has nothing to compare."""
    from npuemu.shuffle import shuffle as run_shuffled

    codes = {row["code"] for row in report["diagnostics"]}
    if codes & BROKEN_OFF:
        return
    result = run_shuffled(session, fresh, done, options, count, codes)
    report["timings"] = result.report()
    report["diagnostics"] += [d.row() for d in result.found]


__all__ = [
    "KernelInfo",
    "NpuemuError",
    "Program",
    "Run",
    "UserError",
    "assemble",
    "list_kernels",
    "list_machines",
    "load",
    "machine",
    "run",
]

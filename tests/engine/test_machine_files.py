"""Machine files: a user's own changes the clock; one that makes no sense is refused by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

import npuemu
from npuemu.data import folder
from npuemu.errors import UserError
from npuemu.machine import MachineError, load, names
from npuemu.machine.load import FEATURES
from tests.engine.harness import pipe, registers, run, spans

MMADS = registers({1: 0}) + "\n" + "    mmad.f16 r1, r1, r1, 16, 16, 160, zero\n" * 40
ADDS = "    li r1, 0\n    li r2, 65792\n    vadd.f32 r1, r1, r2, rep=64\n"
MOVE = "    li r1, 0\n    li r2, IN\n    mov_gm_l1 r1, r2, len=65536\n"
GM = ".tensor IN u8 [65536] in"


def own(folder_: Path, text: str, name: str = "mine", base: str = "ascend910b1") -> str:
    """Path of a user's machine file."""
    path = folder_ / f"{name}.toml"
    path.write_text(f'name = "{name}"\nbase = "{base}"\n{text}\n')
    return str(path)


def figure(value: int) -> str:
    return f'{{ value = {value}, source = "test" }}'


@pytest.mark.parametrize("name", names)
def test_built_in_machines_load_and_show_their_sources(name: str) -> None:
    machine = npuemu.machine(name)
    assert machine.name == name and machine.features <= set(FEATURES)
    assert machine.groups > 0 and machine.clock_mhz > 0
    assert all(row.source for row in machine.file.timing.values())


def test_base_alone_changes_nothing_but_the_name(tmp_path: Path) -> None:
    path = own(tmp_path, "")
    mine, theirs = run(MMADS, machine=path).report, run(MMADS).report
    assert mine.pop("machine") == "mine" and theirs.pop("machine") == "ascend910b1"
    assert mine == theirs


def test_one_changed_figure_changes_cycles(tmp_path: Path) -> None:
    slower = own(tmp_path, "[timing.mmad]\ncycles = [3, 1]\nsource = 'test'")
    starts = [s for s, _ in spans(run(MMADS, machine=slower, record=True), "mmad")]
    assert starts[5] - starts[4] == 3 * 10 + 2, "the fixed part and the head come from the base"
    assert starts[1] - starts[0] == 11 + 3 * 10 + 2


@pytest.mark.parametrize(
    ("text", "key", "factor"),
    [
        ("[timing.vadd]\ncycles = [2, 1]\nsource = 'x'", "vadd", 2),
        ("[timing.'vadd.f32']\ncycles = [5, 1]\nsource = 'x'", "vadd", 5),
        ("[timing.vector]\ncycles = [1, 2]\nsource = 'x'", "vadd", 0.5),
    ],
)
def test_vector_twice_as_wide(tmp_path: Path, text: str, key: str, factor: float) -> None:
    done = run(vector=ADDS, machine=own(tmp_path, text), record=True)
    start, end = spans(done, key, "0.aiv0")[0]
    assert end - start == 22 + 64 * factor


def test_queue_depth(tmp_path: Path) -> None:
    path = own(tmp_path, f"[die]\nqueue_depth = {figure(4)}")
    shallow, deep = (pipe(run(MMADS, machine=m), "S")["stalls"] for m in (path, "ascend910b1"))
    assert shallow["queue_full"] > deep["queue_full"] > 0


def test_rates_of_global_memory(tmp_path: Path) -> None:
    path = own(
        tmp_path,
        "[timing.mov_gm_l1]\nbytes_per_cycle = 64\nmiss_bytes_per_cycle = 32\nsource = 'x'",
    )
    ((start, end),) = spans(run(MOVE, head=GM, machine=path, record=True), "mov_gm_l1")
    assert end - start == 205 + 65536 // 32


def test_shared_bandwidth(tmp_path: Path) -> None:
    path = own(tmp_path, f"[global_memory]\nhbm_bytes_per_cycle = {figure(16)}")
    done = run(MOVE, head=GM, machine=path)
    own_work = -(-65536 // 85)
    assert pipe(done, "MTE2")["stalls"]["shared_bandwidth"] == 65536 // 16 - own_work


def test_smaller_memory_is_enforced(tmp_path: Path) -> None:
    path = own(tmp_path, f"[memory]\nL1 = {figure(65536 - 64)}")
    done = run(MOVE, head=GM, machine=path, clean=False)
    assert [d["code"] for d in done.diagnostics] == ["E103"]


def test_layout_is_the_machines(tmp_path: Path) -> None:
    """The same text gives the same product with L0A in either order."""
    from tests.engine.micro import KERNELS

    text = KERNELS[0].text.replace("ascend910b1", "ascend910b1, ascend950pr")
    runs = []
    for machine in ("ascend910b1", own(tmp_path, "[layout]\nl0a = 'NZ'"), "ascend950pr"):
        runs.append(npuemu.run(npuemu.assemble(text, machine=machine), machine).report["outputs"])
    assert runs[0] == runs[1] == runs[2]


def test_a_base_beside_the_file(tmp_path: Path) -> None:
    own(tmp_path, f"[die]\ngroups = {figure(2)}", "parent")
    child = own(tmp_path, f"[die]\nclock_mhz = {figure(1000)}", "child", "parent")
    machine = load(child)
    assert (machine.name, machine.groups, machine.clock_mhz) == ("child", 2, 1000)
    with pytest.raises(UserError):
        run(MMADS, machine=child, blocks=3)


LARGE = [
    ("sync", "cross_core_latency"),
    ("scalar", "cycles"),
    ("scalar", "load_local"),
    ("scalar", "load_global"),
    ("global_memory", "misaligned_percent"),
    ("global_memory", "smallest_request"),
    ("global_memory", "limit"),
    ("die", "clock_mhz"),
]
BAD = [
    ("[die]\ngroups = { value = 0, source = 'x' }", "die.groups"),
    ("[die]\ngroups = { value = 43, source = 'x' }", "die.groups"),
    ("[die]\ngroups = { value = 2.5, source = 'x' }", "die.groups"),
    ("[die]\ngroups = 3", "die.groups"),
    ("[die]\ngroups = { value = 3 }", "die.groups"),
    ("[die]\ngroups = { value = 3, source = '' }", "die.groups"),
    ("[die]\nclock = { value = 3, source = 'x' }", "die"),
    (f"[die]\nqueue_depth = {figure(1025)}", "die.queue_depth"),
    (f"[memory]\nL2 = {figure(1024)}", "memory.L2"),
    (f"[memory]\nGM = {figure(1024)}", "memory.GM"),
    (f"[memory]\nUB = {figure(100)}", "memory.UB"),
    (f"[memory]\nUB = {figure(1 << 27)}", "memory.UB"),
    (f"[memory]\nUB = {figure(-64)}", "memory.UB"),
    ("[layout]\nl0a = 'ZZ'", "layout.l0a"),
    ("[arithmetic]\naccumulation = 'magic'", "arithmetic.accumulation"),
    ("[types]\ncube = ['fp8']", "types.cube"),
    ("[types]\nvector = ['f64']", "types.vector"),
    ("[casts.pairs]\ns8_bf16 = ['rint']", "casts.pairs.s8_bf16"),
    ("[casts.pairs]\nf32_f16 = ['up']", "casts.pairs.f32_f16"),
    ("[casts.pairs]\nf32_f16 = []", "casts.pairs.f32_f16"),
    ("[protection]\npipes = { value = ['X'], source = 'x' }", "protection.pipes"),
    (f"[banks]\ngroups = {figure(12)}", "banks.groups"),
    (f"[banks]\nbanks = {figure(64)}", "banks.banks"),
    (f"[banks]\ngroup_shift = {figure(41)}", "banks.group_shift"),
    (f"[global_memory]\nline = {figure(500)}", "global_memory.line"),
    (f"[global_memory]\nalign = {figure(100)}", "global_memory.align"),
    *((f"[{t}]\n{k} = {figure(1 << 62)}", f"{t}.{k}") for t, k in LARGE),
    ("[timing.vaddd]\ncycles = [1, 1]\nsource = 'x'", "timing.vaddd"),
    ("[timing.vadd]\ncycles = [1, 0]\nsource = 'x'", "timing.vadd"),
    ("[timing.vadd]\ncycles = [1]\nsource = 'x'", "timing.vadd"),
    ("[timing.vadd]\nhead = -1\nsource = 'x'", "timing.vadd.head"),
    ("[timing.vadd]\nhead = 9999999\nsource = 'x'", "timing.vadd.head"),
    ("[timing.vadd]\nhead = 5", "timing.vadd"),
    ("[timing.vadd]\nkind = 'magic'\nsource = 'x'", "timing.vadd.kind"),
    ("[timing.vadd]\nkind = 'global'\nsource = 'x'", "timing.vadd"),
    ("[timing.'vadd.f64']\ncycles = [1, 1]\nsource = 'x'", "timing.vadd.f64"),
    ("[timing.'vadd.f32.x']\ncycles = [1, 1]\nsource = 'x'", "timing.vadd.f32.x"),
    ("[surprise]\nx = 1", "surprise"),
    ("title = 5", "title"),
]


@pytest.mark.parametrize(("text", "key"), BAD)
def test_a_file_that_makes_no_sense_is_refused_with_its_key(
    tmp_path: Path, text: str, key: str
) -> None:
    path = own(tmp_path, text)
    with pytest.raises(MachineError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message and path in message and f"key {key}" in message


@pytest.mark.parametrize(
    ("top", "key"),
    [
        ('features = ["warp"]', "features"),
        ('features = ["mx"]', "memory.L0A_MX"),
        ('features = ["ub_l1"]', "timing.mov_ub_l1"),
    ],
)
def test_features_are_checked(tmp_path: Path, top: str, key: str) -> None:
    with pytest.raises(MachineError, match=key):
        load(own(tmp_path, top))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 'x'\nbase = 'ascend910'", "did you mean"),
        ("name = 'x'\nbase = 5", "key base"),
        ("name = 'mine'\nbase = 'mine'", "key base"),
        ("name = 'X Y'\nbase = 'ascend910b1'", "key name"),
        ("name = ", "not a TOML file"),
        ("name = 'x'", "key"),
        ("", "key"),
    ],
)
def test_files_that_are_no_machine(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(MachineError) as caught:
        load(str(path))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_paths_and_names_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="did you mean ascend950pr"):
        load("ascend950")
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(MachineError):
            load(f"{path}/" if path.is_dir() else str(path))


def test_every_data_instruction_of_every_machine_has_a_time() -> None:
    from npuemu.isa.table import load as isa

    for name in names:
        machine = load(name)
        for record in isa().records:
            if record.is_data and record.requires <= machine.features:
                defaults = {o.name: o.default or 0 for o in record.operands}
                assert machine.timing(record, defaults).source
    assert (folder("machines") / "ascend910b1.toml").is_file()

"""Words that are kept from one expansion to the next are those that a fresh look would give."""

from __future__ import annotations

from tests.asm.helpers import build, fails, kernel, listing
from tests.asm.machines import BARE, EVERYTHING

MACRO = ".macro put(where, what)\n li where, what\n.endmacro\n"


def test_a_line_means_what_its_names_mean_now() -> None:
    text = ".macro both(op, what)\n op.f32 r2, r3, what\n.endmacro\nboth vadd, r4\nboth vsub, r5"
    lines = listing(build(kernel(text)))
    assert [line.split()[0] for line in lines[:2]] == ["vadd.f32", "vsub.f32"]
    lines = listing(build(kernel(f"{MACRO}put r1, 1\nput r2, 1\nput r1, 2\nput r1, 1")))
    assert lines[:4] == ["li r1, 1", "li r2, 1", "li r1, 2", "li r1, 1"]


def test_a_number_that_equals_a_kept_one_is_still_looked_at() -> None:
    assert listing(build(kernel(f"{MACRO}put r1, 2")))[0] == "li r1, 2"
    fails(kernel(f"{MACRO}put r1, 2\nput r1, 2.0"), "A305", 5, 12)
    fails(kernel(f"{MACRO}put r1, 2\nput 1, 2"), "A305", 5, 5)


def test_a_machine_refuses_what_another_has_taken() -> None:
    text = kernel(" vexp.f32 r2, r3").replace("everything", "everything, bare")
    for _ in range(2):
        assert listing(build(text))[0].startswith("vexp.f32")
        fails(text, "A308", 4, 2, machine=BARE)
    assert build(text, machine=EVERYTHING).code == build(text).code

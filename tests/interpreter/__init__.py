"""A second opinion on the instruction set: a plain interpreter, written from the manual alone.

It shares nothing with the emulator but the assembled program. It has no clock: at each step any
unit that may act is chosen by chance, so a program whose result depends on time shows it.
"""

from tests.interpreter.order import Event
from tests.interpreter.run import Outcome, TooManySteps, interpret

__all__ = ["Event", "Outcome", "TooManySteps", "interpret"]

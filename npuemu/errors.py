"""The one family of failures a user can cause: each is a clear message, never a traceback."""

from __future__ import annotations


class NpuemuError(Exception):
    """A failure with a message for a person; ``str()`` is the whole of it.

    The command line prints it and exits with 2. The first line says what is wrong; a source line
    with a caret, what was expected, and help may follow.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UserError(NpuemuError):
    """Bad usage or input: an unknown name, a file that cannot be read, a value out of range."""

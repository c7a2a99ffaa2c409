"""Progress of long work: a bar on a terminal; what is being compiled is always said, on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress:
    """Receives events of a run: call it with a dictionary.

    ``{"text": "compiling ..."}`` is a line to show; ``{"done": n, "total": n or None}`` moves the
    bar (cycles, cases, or steps, which ``step`` names).
    """

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, event: dict[str, Any]) -> None:
        if "text" in event:
            self._say(str(event["text"]))
        if "done" in event and sys.stderr.isatty():
            self._move(event["done"], event.get("total"), str(event.get("step", "running")))

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(
                text, highlight=False, markup=False, emoji=False, soft_wrap=True
            )
        else:
            print(text, file=sys.stderr, flush=True)

    def _move(self, done: float, total: float | None, step: str) -> None:
        if self._bar is None:
            self._bar = self._new_bar()
            self._bar.start()
            self._task = self._bar.add_task(step, total=total)
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total, description=step)

    @staticmethod
    def _new_bar() -> RichProgress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        return RichProgress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip

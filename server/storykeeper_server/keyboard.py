"""Lines that a person types, with the keys of a shell where there is a terminal; Ctrl-C and Ctrl-D are told apart."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

TICK = 0.1  # seconds


class Interrupted(Exception):
    """Ctrl-C at a prompt."""


@dataclass(slots=True)
class Keyboard:
    """`ended`: nothing more will be typed."""

    ended: bool = False
    _interrupt: Callable[[], object] | None = field(default=None, repr=False)
    _pressed: int = 0  # how often Ctrl-C, without having been told
    _reading: bool = False

    @property
    def there(self) -> bool:
        """Whether somebody types, rather than a script."""
        return sys.stdin.isatty() and sys.stdout.isatty()

    def remember(self, lines: Sequence[str]) -> None:
        """Earlier lines, for the arrow keys."""
        if self.there:
            import readline  # input() edits lines and remembers them as soon as this is loaded

            for line in lines[-100:]:
                readline.add_history(line.replace("\n", " "))

    def line(self, prompt: str) -> str | None:
        """The next line, None at the end. Nothing else goes on meanwhile. Raises Interrupted for Ctrl-C."""
        try:
            self._hear()
            return self._typed(prompt)
        except (EOFError, OSError, ValueError):  # the terminal was closed, or what was typed is no text
            self.ended = True
        except KeyboardInterrupt:
            self._pressed = max(self._pressed - 1, 0)
            raise Interrupted from None
        return None

    @contextmanager
    def listening(self, interrupt: Callable[[], None]) -> Generator[None]:
        """Ctrl-C calls `interrupt`, but at a prompt."""
        self._interrupt = partial(asyncio.get_running_loop().call_soon_threadsafe, interrupt)
        self._hear()
        try:
            yield
        finally:
            self._interrupt = None

    def _typed(self, prompt: str) -> str:
        """From here on Ctrl-C raises; what was pressed before is looked for after that, so that none falls between."""
        try:
            self._reading = True
            _tick(TICK)
            if self._pressed:
                raise KeyboardInterrupt
            return input(prompt) if self.there else _read(prompt)
        finally:
            self._reading = False
            _tick(0)

    def _hear(self) -> None:
        signal.signal(signal.SIGINT, self._heard)

    def _heard(self, number: int, frame: object) -> None:
        """Between prompts it is kept for the next one; whoever presses again can't wait for that."""
        if self._interrupt and not self._reading:
            self._interrupt()
            return
        self._pressed += 1
        if self._pressed == (1 if self._reading else 2):
            raise KeyboardInterrupt


def _tick(seconds: float) -> None:
    """A signal just before the system waits for keys doesn't end that waiting: it is seen at the next tick."""
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def _read(prompt: str) -> str:
    """From a script, and shown, so that what is printed reads as the whole conversation."""
    text = sys.stdin.readline()
    if not text:
        raise EOFError
    print(f"{prompt}{text.rstrip()}", flush=True)
    return text

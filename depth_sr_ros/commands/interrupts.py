"""Ctrl-C ends a command quietly, whatever it is doing."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130  # the status that a shell gives for a command that SIGINT ended
_IMPORTING = "importlib._bootstrap"


def handle_interrupts() -> None:
    """Let SIGINT raise KeyboardInterrupt, but end the process where a module is being imported.

    Libraries catch what is raised while they are imported, or print it, and there is nothing to put away yet.
    """
    signal.signal(signal.SIGINT, _interrupt)


def die_of_interrupts() -> None:
    """Let SIGINT end the process at once: when all is done, while Python puts itself away."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_globals.get("__name__") == _IMPORTING:
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt

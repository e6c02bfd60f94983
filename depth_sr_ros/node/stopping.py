"""SIGINT and SIGTERM as an event that loops look at, also while nothing spins yet. Imports next to nothing."""

import signal
import threading


class Interrupted(Exception):
    """A program was asked to end before it was ready."""


def stop_on_signals() -> threading.Event:
    """Return an event that is set from the first SIGINT or SIGTERM on; call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def raise_if(stop: threading.Event) -> None:
    """Raise Interrupted where the event is set: between the steps of a start that takes seconds."""
    if stop.is_set():
        raise Interrupted

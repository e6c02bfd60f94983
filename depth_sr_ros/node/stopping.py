"""SIGINT and SIGTERM as an event that loops look at, also while nothing spins yet."""

import signal
import threading


def stop_on_signals() -> threading.Event:
    """Return an event that is set from the first SIGINT or SIGTERM on; call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop

"""rclpy.signals: SIGINT and SIGTERM shut contexts down."""

import signal
import threading
from enum import IntFlag
from typing import Any


class SignalHandlerOptions(IntFlag):
    """Which signals rclpy handles."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


_SIGNALS = {SignalHandlerOptions.SIGINT: signal.SIGINT, SignalHandlerOptions.SIGTERM: signal.SIGTERM}
_previous: dict[int, Any] = {}


def _handle(number: int, frame: Any) -> None:
    """Shut down what is running, then do what was done before: for SIGINT, Python's KeyboardInterrupt."""
    from .context import live_contexts

    for context in live_contexts():
        context.invalidate(f"signal {signal.Signals(number).name}")
    if callable(_previous.get(number)):
        _previous[number](number, frame)


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """Take effect in the main thread only: elsewhere Python cannot handle signals."""
    if threading.current_thread() is not threading.main_thread():
        return
    for option, number in _SIGNALS.items():
        if option in options and number not in _previous:
            _previous[number] = signal.signal(number, _handle)


def uninstall_signal_handlers() -> None:
    if threading.current_thread() is threading.main_thread():
        while _previous:
            number, handler = _previous.popitem()
            signal.signal(number, handler)

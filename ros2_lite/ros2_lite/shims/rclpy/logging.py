"""rclpy.logging: the console in ROS 2's format, and /rosout."""

import inspect
import os
import sys
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from .clock import Clock


class LoggingSeverity(IntEnum):
    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


_COLOURS = {
    LoggingSeverity.DEBUG: "\033[32m",
    LoggingSeverity.WARN: "\033[33m",
    LoggingSeverity.ERROR: "\033[31m",
    LoggingSeverity.FATAL: "\033[31m",
}
_FORMAT = os.environ.get("RCUTILS_CONSOLE_OUTPUT_FORMAT") or "[{severity}] [{time}] [{name}]: {message}"
_lock = threading.Lock()
_levels: dict[str, LoggingSeverity] = {"": LoggingSeverity.INFO}
_sinks: dict[str, Callable[..., None]] = {}  # logger name -> its node's /rosout
_console = True


def _stream() -> Any:
    return sys.stdout if os.environ.get("RCUTILS_LOGGING_USE_STDOUT") == "1" else sys.stderr


def _is_coloured() -> bool:
    return {"1": True, "0": False}.get(os.environ.get("RCUTILS_COLORIZED_OUTPUT", ""), _stream().isatty())


def get_logging_severity_from_string(name: str) -> LoggingSeverity:
    """Raises RuntimeError for a name that is no severity."""
    try:
        return LoggingSeverity[name.upper()]
    except KeyError:
        known = ", ".join(level.name.lower() for level in LoggingSeverity)
        raise RuntimeError(f"{name!r} is no log level; known: {known}") from None


def set_logger_level(name: str, level: int, detailed_error: bool = False) -> None:
    _levels[name] = LoggingSeverity(level)


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """The level set for the logger or the nearest of its ancestors."""
    while name:
        if level := _levels.get(name):
            return level
        name = name.rpartition(".")[0]
    return _levels[""]


def set_console(enabled: bool) -> None:
    global _console
    _console = enabled


def add_sink(name: str, sink: Callable[..., None]) -> None:
    """Send what the logger and its children say to `sink(stamp_ns, severity, logger, message, frame)` too."""
    _sinks[name] = sink


def remove_sink(name: str) -> None:
    _sinks.pop(name, None)


def _sink_of(name: str) -> Callable[..., None] | None:
    while name and name not in _sinks:
        name = name.rpartition(".")[0]
    return _sinks.get(name)


class RcutilsLogger:
    """A named logger. `once`, `skip_first` and `throttle_duration_sec` count for each calling line."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._calls: dict[tuple[str, int], dict[str, Any]] = {}

    def get_child(self, name: str) -> "RcutilsLogger":
        if not name:
            raise ValueError("Child logger name must not be empty")
        return RcutilsLogger(f"{self.name}.{name}" if self.name else name)

    def set_level(self, level: int) -> None:
        set_logger_level(self.name, level)

    def get_effective_level(self) -> LoggingSeverity:
        return get_logger_effective_level(self.name)

    def is_enabled_for(self, severity: int) -> bool:
        return severity >= self.get_effective_level()

    def log(
        self,
        message: str,
        severity: int,
        name: str | None = None,
        *,
        once: bool = False,
        skip_first: bool = False,
        throttle_duration_sec: float | None = None,
        throttle_time_source_type: Clock | None = None,
    ) -> bool:
        """Log unless the level or the filters are against it; whether it was logged."""
        severity = LoggingSeverity(severity)
        if not self.is_enabled_for(severity):
            return False
        frame = inspect.currentframe().f_back
        while frame.f_code.co_filename == __file__:
            frame = frame.f_back
        if (once or skip_first or throttle_duration_sec is not None) and not self._passes(
            (frame.f_code.co_filename, frame.f_lineno),
            once,
            skip_first,
            throttle_duration_sec,
            throttle_time_source_type,
        ):
            return False
        self._emit(str(message), severity, name or self.name, frame)
        return True

    def _passes(self, where: tuple, once: bool, skip_first: bool, span: float | None, clock: Clock | None) -> bool:
        now = clock.now().nanoseconds if clock else time.monotonic_ns()
        with _lock:
            state = self._calls.setdefault(where, {"first": True, "last": None})
            first, state["first"] = state["first"], False
            if (once and not first) or (skip_first and first):
                return False
            if span is not None:
                if state["last"] is not None and 0 <= now - state["last"] < span * 1e9:
                    return False
                state["last"] = now
        return True

    @staticmethod
    def _emit(message: str, severity: LoggingSeverity, name: str, frame: Any) -> None:
        stamp = time.time_ns()
        if _console:
            line = _FORMAT.format_map(
                {
                    "severity": severity.name,
                    "name": name,
                    "message": message,
                    "function_name": frame.f_code.co_name,
                    "time": f"{stamp // 10**9}.{stamp % 10**9:09d}",
                    "time_as_nanoseconds": stamp,
                    "file_name": frame.f_code.co_filename,
                    "line_number": frame.f_lineno,
                }
            )
            colour = _COLOURS.get(severity) if _is_coloured() else None
            with _lock:
                print(f"{colour}{line}\033[0m" if colour else line, file=_stream(), flush=True)
        if sink := _sink_of(name):
            sink(stamp, severity, name, message, frame)

    def debug(self, message: str, **filters: Any) -> bool:
        return self.log(message, LoggingSeverity.DEBUG, **filters)

    def info(self, message: str, **filters: Any) -> bool:
        return self.log(message, LoggingSeverity.INFO, **filters)

    def warning(self, message: str, **filters: Any) -> bool:
        return self.log(message, LoggingSeverity.WARN, **filters)

    warn = warning

    def error(self, message: str, **filters: Any) -> bool:
        return self.log(message, LoggingSeverity.ERROR, **filters)

    def fatal(self, message: str, **filters: Any) -> bool:
        return self.log(message, LoggingSeverity.FATAL, **filters)


_loggers: dict[str, RcutilsLogger] = {}


def get_logger(name: str) -> RcutilsLogger:
    """The logger of this name, one for the whole process."""
    return _loggers.setdefault(name, RcutilsLogger(name))

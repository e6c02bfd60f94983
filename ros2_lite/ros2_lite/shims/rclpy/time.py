"""rclpy.time: a point on one of the clocks."""

from functools import total_ordering
from typing import Any

from .clock_type import ClockType
from .duration import S_TO_NS, Duration


@total_ordering
class Time:
    """Nanoseconds of a clock, never negative. Times of different clocks cannot be compared: TypeError."""

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        if seconds < 0 or nanoseconds < 0:
            raise ValueError("Seconds and nanoseconds value must not be negative")
        self._nanoseconds = int(seconds * S_TO_NS) + int(nanoseconds)
        if self._nanoseconds >= 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C time point.")
        self.clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        return self._nanoseconds

    def seconds_nanoseconds(self) -> tuple[int, int]:
        return divmod(self._nanoseconds, S_TO_NS)

    def to_msg(self) -> Any:
        from builtin_interfaces.msg import Time as Message

        seconds, nanoseconds = self.seconds_nanoseconds()
        return Message(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, message: Any, clock_type: ClockType = ClockType.ROS_TIME) -> "Time":
        return cls(seconds=message.sec, nanoseconds=message.nanosec, clock_type=clock_type)

    def _of_same_clock(self, other: "Time") -> int:
        if self.clock_type != other.clock_type:
            raise TypeError(
                f"Can't compare or subtract times of different clock types: {self.clock_type.name} and {other.clock_type.name}"
            )
        return other._nanoseconds

    def __add__(self, other: Duration) -> "Time":
        if not isinstance(other, Duration):
            return NotImplemented
        return Time(nanoseconds=self._nanoseconds + other.nanoseconds, clock_type=self.clock_type)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            return Duration(nanoseconds=self._nanoseconds - self._of_same_clock(other))
        if isinstance(other, Duration):
            return Time(nanoseconds=self._nanoseconds - other.nanoseconds, clock_type=self.clock_type)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        return self._nanoseconds == self._of_same_clock(other) if isinstance(other, Time) else NotImplemented

    def __lt__(self, other: "Time") -> bool:
        return self._nanoseconds < self._of_same_clock(other) if isinstance(other, Time) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._nanoseconds, self.clock_type))

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self._nanoseconds}, clock_type={self.clock_type.name})"

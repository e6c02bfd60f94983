"""rclpy.duration: a span of time in nanoseconds."""

from functools import total_ordering
from typing import Any

S_TO_NS = 1_000_000_000


@total_ordering
class Duration:
    """A span of time: seconds and nanoseconds are added up. Raises OverflowError beyond 64 bits."""

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        self._nanoseconds = int(seconds * S_TO_NS) + int(nanoseconds)
        if not -(2**63) <= self._nanoseconds < 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C duration.")

    @property
    def nanoseconds(self) -> int:
        return self._nanoseconds

    def to_msg(self) -> Any:
        from builtin_interfaces.msg import Duration as Message

        seconds, nanoseconds = divmod(self._nanoseconds, S_TO_NS)
        return Message(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, message: Any) -> "Duration":
        return cls(seconds=message.sec, nanoseconds=message.nanosec)

    def __eq__(self, other: object) -> bool:
        return self._nanoseconds == other._nanoseconds if isinstance(other, Duration) else NotImplemented

    def __lt__(self, other: "Duration") -> bool:
        return self._nanoseconds < other._nanoseconds if isinstance(other, Duration) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._nanoseconds)

    def __repr__(self) -> str:
        return f"Duration(nanoseconds={self._nanoseconds})"


class Infinite(Duration):
    """Longer than anything."""

    def __init__(self) -> None:
        super().__init__(nanoseconds=2**63 - 1)

"""Rate and bandwidth of a stream, in the words of ROS 2's command."""
import collections
import statistics


class Rate:
    """Over the last `window` messages."""

    def __init__(self, window):
        self._times = collections.deque(maxlen=window)
        self._reported = 0
        self._count = 0

    def add(self, time_s, _size):
        self._times.append(time_s)
        self._count += 1

    def report(self):
        """The text to show, or None where nothing has come since the last one or there are not two messages yet."""
        if self._count == self._reported or len(self._times) < 2:
            return None
        self._reported = self._count
        times = list(self._times)
        gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
        return (f"average rate: {len(gaps) / (times[-1] - times[0]):.3f}\n\tmin: {min(gaps):.3f}s max: {max(gaps):.3f}s "
                f"std dev: {statistics.pstdev(gaps):.5f}s window: {len(times)}")


class Bandwidth:
    """Over the last `window` messages, until now."""

    def __init__(self, window):
        self._messages = collections.deque(maxlen=window)
        self._fresh = False

    def add(self, time_s, size):
        self._messages.append((time_s, size))
        self._fresh = True

    def report(self):
        """The text to show, or None where nothing has come since the last one or there are not two messages yet."""
        if not self._fresh or len(self._messages) < 2:
            return None
        self._fresh = False
        sizes = [size for _, size in self._messages]
        rate = sum(sizes[1:]) / (self._messages[-1][0] - self._messages[0][0])
        return (f"{_scaled(rate)}/s from {len(sizes)} messages\n\tMessage size mean: {_scaled(statistics.fmean(sizes))} "
                f"min: {_scaled(min(sizes))} max: {_scaled(max(sizes))}")


def _scaled(octets):
    """Decimal units, as ROS 2 has them."""
    for unit in ("B", "KB"):
        if octets < 1000:
            return f"{octets:.2f} {unit}"
        octets /= 1000
    return f"{octets:.2f} MB"

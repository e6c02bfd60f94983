"""rclpy.service and, because it is the other half of the same framing, what rclpy.client needs.

A request and its reply each begin with the client's id (uint64) and a sequence number (int64); the server echoes both.
"""

import time
from collections.abc import Callable
from typing import Any

from ros2_lite import types

from .qos import SERVICE_QOS, to_dds
from .waitable import Waitable


class ServiceEnd(Waitable):
    """One end of a service: reads one of the two topics and writes the other."""

    def __init__(self, node: Any, srv_type: Any, name: str, group: Any, reads: str, writes: str) -> None:
        super().__init__(node, group)
        self.srv_type, self.srv_name, self.service_name = srv_type, name, name
        self._logger = node.get_logger()
        topics = {"Request": f"rq{name}Request", "Response": f"rr{name}Reply"}
        kinds = {part: types.topic_type(f"{srv_type.__rostype__}_{part}", service=True) for part in topics}
        participant = node.context.participant
        self._read_type = f"{srv_type.__rostype__}_{reads}"
        self._writer = participant.writer(topics[writes], kinds[writes], to_dds(SERVICE_QOS))
        self._reader = participant.reader(topics[reads], kinds[reads], to_dds(SERVICE_QOS, writes=False))

    def start(self) -> None:
        """Begin to listen, once the node knows this end."""
        self._reader.listen(lambda _: self.flag())
        self.flag()

    @property
    def guids(self) -> tuple[bytes, bytes]:
        return self._reader.guid, self._writer.guid

    def _decode(self, payload: memoryview) -> tuple[int, int, Any]:
        header = types.SERVICE_HEADER
        if len(payload) < 4 + header.size:
            raise ValueError(f"payload of {len(payload)} octets is too short for the header of a service")
        identity, number = header.unpack_from(payload, 4)
        return identity, number, types.deserialise(self._read_type, payload, skip=header.size)

    def _send(self, identity: int, number: int, message: Any) -> None:
        self._writer.write(types.serialise(message, types.SERVICE_HEADER.pack(identity, number)))

    def _take(self) -> Callable[[], Any] | None:
        try:
            taken = self._reader.take(self._decode)
        except ValueError as error:
            complaint = f"{self.srv_name}: {error}"
            return lambda: self._logger.error(complaint, throttle_duration_sec=5.0)
        return None if taken is None else self._job(*taken[0])

    def _close(self) -> None:
        self._reader.close()
        self._writer.close()


class Service(ServiceEnd):
    """Answers requests: callback(request, response) fills the response and returns it."""

    def __init__(self, node: Any, srv_type: Any, name: str, callback: Callable, group: Any) -> None:
        super().__init__(node, srv_type, name, group, reads="Request", writes="Response")
        self.callback = callback

    def _job(self, identity: int, number: int, message: Any) -> Callable[[], Any]:
        def answer() -> None:
            response = self.callback(message, self.srv_type.Response())
            if not isinstance(response, self.srv_type.Response):
                raise TypeError(f"callback of {self.srv_name} must return {self.srv_type.Response}, got {response!r}")
            self._wait_for_clients()
            self._send(identity, number, response)

        return answer

    def _wait_for_clients(self) -> None:
        """Until every client that can ask can also be answered, at most for a second.

        DDS makes the two ends of a client known in any order, and a reply sent in between would reach nobody.
        """
        give_up = time.monotonic() + 1.0
        while len(self._writer.matched()) < len(self._reader.matched()) and time.monotonic() < give_up:
            time.sleep(0.001)

"""A lowered recording on disk, ready to be played without work, and what a node answered to it."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from depth_sr_ros.replay.lowered import Lowered
from depth_sr_ros.replay.recording import COMPRESSED, IMAGE, INFO, TRANSFORMS, Recording

TRANSFORM = "tf2_msgs/msg/TFMessage"


def write_prepared(path: Path, recording: Recording, lowered: Lowered, progress: Callable[[], None]) -> None:
    """Write what is played as a rosbag2 recording; topics are called as the kinds of events are."""
    writer = BagWriter(path)
    with writer:
        for event in lowered:
            message = event.message
            kind = COMPRESSED if hasattr(message, "format") else IMAGE
            kind = {"rgb_info": INFO, "depth_info": INFO, **dict.fromkeys(TRANSFORMS, TRANSFORM)}.get(event.kind, kind)
            writer.write(event.kind, kind, event.time_ns, recording.serialize(message))
            if event.kind == "depth_image":
                progress()


def read_bag(path: Path) -> Iterator[tuple[str, str, int, bytes]]:
    """Topic, type, time in nanoseconds and octets of every message of a recording, in its order."""
    from rosbags.rosbag2 import Reader

    with Reader(path) as reader:
        for connection, time_ns, data in reader.messages():
            yield connection.topic, connection.msgtype, time_ns, bytes(data)


def stamp_of(octets: bytes) -> int:
    """The header's stamp in nanoseconds of a message with a header, in CDR."""
    order = "<" if octets[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", octets, 4)
    return seconds * 1_000_000_000 + nanoseconds


class BagWriter:
    """Writes a rosbag2 recording (MCAP); topics are made as they come."""

    def __init__(self, path: Path) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import Stores, get_typestore

        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> BagWriter:
        """Begin."""
        self._writer.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish, which writes the index."""
        self._writer.close()

    def write(self, topic: str, kind: str, time_ns: int, octets: bytes) -> None:
        """Write a message. Thread-safe."""
        with self._lock:
            if topic not in self._connections:
                self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._store)
            self._writer.write(self._connections[topic], time_ns, octets)

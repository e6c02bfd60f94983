"""A recording of a colour and a depth camera: rosbag2 (MCAP, SQLite) or a ROS 1 bag, read message by message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from depth_sr_ros.files.encodings import DEPTH_LAYOUTS

IMAGE, COMPRESSED, INFO = (f"sensor_msgs/msg/{name}" for name in ("Image", "CompressedImage", "CameraInfo"))
TRANSFORMS = ("/tf", "/tf_static")
# Where a recording has several, the one nearer to what the node is for: words of topics' names, best first.
PREFERRED = {"rgb": ("color", "colour", "rgb"), "depth": ("aligned_depth", "depth_registered", "depth")}


class RecordingError(ValueError):
    """A recording cannot be read or lacks something; the message says what, and what would be right."""


@dataclass(frozen=True)
class Topics:
    """Names of the topics that are taken from a recording; None for a camera_info that it does not have."""

    rgb_image: str
    depth_image: str
    rgb_info: str | None
    depth_info: str | None


class Recording:
    """An open recording.

    Attributes:
        path: of the file or folder.
        topics: what is taken from it.
        duration_s: from the first message to the last.
        counts: messages by topic.
    """

    def __init__(self, path: Path, reader: Any, wanted: Mapping[str, str]) -> None:
        self.path = path
        self._reader = reader
        self._kinds = {connection.topic: connection.msgtype for connection in reader.connections}
        self._types = _ros2_types()
        self.counts = {topic: info.msgcount for topic, info in reader.topics.items()}
        self.duration_s = reader.duration / 1e9 if self.counts else 0.0
        self.topics = self._find(wanted)

    @property
    def length(self) -> int:
        """How many depth images it has."""
        return self.counts[self.topics.depth_image]

    def messages(self) -> Iterator[tuple[str, int, Any]]:
        """Topic, time of recording in nanoseconds, and message, in the order of recording: images, infos and transforms.

        Raises:
            RecordingError: the recording breaks off or a message is damaged.
        """
        names = {name for name in vars(self.topics).values() if name} | set(TRANSFORMS)
        chosen = [connection for connection in self._reader.connections if connection.topic in names]
        with _errors_of(self.path):
            for connection, stamp, data in self._reader.messages(chosen):
                yield connection.topic, stamp, self._read(connection, data)

    def new_image(self) -> Any:
        """An empty sensor_msgs/Image of the kind that `serialize` takes."""
        return self._types.types[IMAGE](None, 0, 0, "", 0, 0, None)

    def serialize(self, message: Any) -> bytes:
        """A message that `messages` gave, or one like it, as ROS 2 has it on the wire (CDR)."""
        return bytes(self._types.serialize_cdr(message, message.__msgtype__))

    def deserialize(self, octets: bytes, kind: str) -> Any:
        """The message that `serialize` made octets of."""
        return self._types.deserialize_cdr(octets, kind)

    def _read(self, connection: Any, data: bytes) -> Any:
        message = self._reader.deserialize(data, connection.msgtype)
        if connection.msgtype != INFO or hasattr(message, "k"):
            return message
        matrices = {name.lower(): getattr(message, name) for name in "DKRP"}  # as ROS 1 calls them
        same = {name: value for name, value in vars(message).items() if name not in "DKRP"}
        return self._types.types[INFO](**same, **matrices)

    def first(self, topics: Sequence[str | None]) -> Iterator[tuple[str, int, Any]]:
        """The first message of each of these topics that the recording has, as if at its beginning. Raises RecordingError."""
        for topic in filter(None, topics):
            connections = [connection for connection in self._reader.connections if connection.topic == topic]
            with _errors_of(self.path):
                for connection, _, data in self._reader.messages(connections) if connections else ():
                    yield topic, self._reader.start_time, self._read(connection, data)
                    break

    def sha256(self) -> str:
        """SHA-256 in hex of all of the recording's files, in the order of their names."""
        digest = hashlib.sha256()
        for file in sorted(self.path.rglob("*")) if self.path.is_dir() else [self.path]:
            if file.is_file():
                with file.open("rb") as content:
                    while block := content.read(1 << 20):
                        digest.update(block)
        return digest.hexdigest()

    def _find(self, wanted: Mapping[str, str]) -> Topics:
        known = [field.name for field in fields(Topics)]
        if unknown := set(wanted) - set(known):
            raise RecordingError(f"there is no topic {', '.join(sorted(unknown))} to be named; there are: {', '.join(known)}")
        for name, topic in wanted.items():
            if topic not in self.counts:
                raise RecordingError(f"{self.path} has no {topic} for {name}; it has: {self._all()}")
        images = {stream: wanted.get(f"{stream}_image") or self._image(stream) for stream in ("rgb", "depth")}
        infos = {stream: wanted.get(f"{stream}_info") or self._info(images[stream]) for stream in images}
        return Topics(images["rgb"], images["depth"], infos["rgb"], infos["depth"])

    def _image(self, stream: str) -> str:
        found = [
            topic
            for topic, kind in self._kinds.items()
            if kind in (IMAGE, COMPRESSED) and self.counts[topic] and self._is_depth(topic, kind) == (stream == "depth")
        ]
        if not found:
            what = "depth" if stream == "depth" else "colour"
            raise RecordingError(f"{self.path} has no {what} images; it has: {self._all()}")
        rank = {topic: self._rank(topic, stream) for topic in found}
        best = [topic for topic in found if rank[topic] == min(rank.values())]
        if len(best) > 1:
            raise RecordingError(
                f"{self.path} has several topics with {stream} images: {', '.join(sorted(best))}; name one as {stream}_image"
            )
        return best[0]

    def _rank(self, topic: str, stream: str) -> tuple[int, bool]:
        words = PREFERRED[stream]
        place = next((index for index, word in enumerate(words) if word in topic), len(words))
        return place, self._kinds[topic] == COMPRESSED

    def _is_depth(self, topic: str, kind: str) -> bool:
        connections = [connection for connection in self._reader.connections if connection.topic == topic]
        with _errors_of(self.path):
            message = next(
                self._reader.deserialize(data, connection.msgtype) for connection, _, data in self._reader.messages(connections)
            )
        encoding = message.encoding if kind == IMAGE else message.format.partition(";")[0].strip()
        if encoding in ("mono16", "png", "tiff"):  # an infrared guide or depth: the name tells
            return "depth" in topic
        return encoding in DEPTH_LAYOUTS

    def _info(self, image: str) -> str | None:
        """The camera_info beside an image topic, behind whose name a compressed one has the transport's."""
        base = image.rpartition("/")[0]
        for parent in (base, base.rpartition("/")[0]):
            if self._kinds.get(f"{parent}/camera_info") == INFO:
                return f"{parent}/camera_info"
        return None

    def _all(self) -> str:
        return ", ".join(f"{topic} ({self._kinds[topic].rpartition('/')[2]})" for topic in sorted(self.counts)) or "nothing"


@contextmanager
def open_recording(path: Path, topics: Mapping[str, str] | None = None) -> Iterator[Recording]:
    """Open a recording.

    Args:
        path: a folder with metadata.yaml, or a .bag file.
        topics: names for some of the fields of `Topics`; the others are found by what the recording holds.

    Raises:
        RecordingError: it is none, is damaged, or lacks images of either camera.
    """
    from rosbags.highlevel import AnyReader

    if not path.exists():
        raise RecordingError(f"there is no recording {path}")
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        raise RecordingError(f"{path} has no metadata.yaml: `ros2 bag reindex` makes it anew")
    if path.is_file() and path.suffix != ".bag":
        raise RecordingError(f"{path} is a file: name the folder of a rosbag2 recording, or a .bag file of ROS 1")
    with ExitStack() as stack:
        with _errors_of(path):
            reader = stack.enter_context(AnyReader([path], default_typestore=_ros2_types()))
            recording = Recording(path, reader, topics or {})
        yield recording


def _ros2_types() -> Any:
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_JAZZY)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Turn what reading raises, which is whatever its parts raise for damaged data, into one line."""
    try:
        yield
    except RecordingError:
        raise
    except Exception as error:  # noqa: BLE001
        text = " ".join(str(error).split()) or type(error).__name__
        raise RecordingError(f"recording {path} cannot be read: {text}") from error

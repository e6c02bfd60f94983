"""`ros2 bag`: what was recorded comes out again octet for octet, in its timing and QoS, and gets in that way."""

import threading
import time

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from ros2_process import Running, ros2, wait_until
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Int32

START_NS = 1_700_000_000 * 10**9
STORE = get_typestore(Stores.ROS2_JAZZY)


def recorded_qos(reliability, durability):
    zero = QosTime(0, 0)
    return Qos(QosHistory.UNKNOWN, 0, reliability, durability, zero, zero, QosLiveliness.AUTOMATIC, zero, False)


def write_bag(path, count=20, period_s=0.05, storage="MCAP", qos=()):
    """/number (Int32: 0, 1 ...) and /image (3 x 11, filled with the number + 1) every period."""
    with Writer(path, version=9, storage_plugin=StoragePlugin[storage]) as bag:
        number = bag.add_connection("/number", "std_msgs/msg/Int32", typestore=STORE, offered_qos_profiles=qos)
        image = bag.add_connection("/image", "sensor_msgs/msg/Image", typestore=STORE)
        for i in range(count):
            stamp = START_NS + round(i * period_s * 1e9)
            bag.write(number, stamp, bytes(serialize_message(Int32(data=i))))
            picture = Image(height=11, width=3, encoding="mono8", step=3, data=bytes([i + 1]) * 33)
            bag.write(image, stamp, bytes(serialize_message(picture)).rstrip(b"\0"))  # not every writer pads
    return path


def read_bag(path, topic):
    """[(stamp, octets)] of the topic."""
    with Reader(path) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        return [(stamp, bytes(data)) for _, stamp, data in reader.messages(connections)] if connections else []


@pytest.fixture
def node():
    """A node that is spun beside the test."""
    rclpy.init()
    node = rclpy.create_node("listener")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def heard(node):
    """Subscribes; returns the list that fills."""

    def subscribe(kind, topic, **qos):
        messages = []
        node.create_subscription(kind, topic, messages.append, QoSProfile(depth=100, **qos))
        return messages

    return subscribe


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
def test_play_publishes_everything_in_order(tmp_path, heard, storage):
    numbers, images = heard(Int32, "/number"), heard(Image, "/image")
    began = time.monotonic()
    done = ros2("bag", "play", write_bag(tmp_path / "bag", storage=storage))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began >= 19 * 0.05
    wait_until(lambda: len(images) >= 20)
    assert [message.data for message in numbers] == list(range(20))
    assert [bytes(message.data) for message in images] == [bytes([i + 1]) * 33 for i in range(20)]


def test_play_rate_topics_remap_and_offset(tmp_path, heard):
    original, renamed, images = heard(Int32, "/number"), heard(Int32, "/other/number"), heard(Image, "/image")
    bag = write_bag(tmp_path / "bag", count=100, period_s=60.0)
    done = ros2(
        "bag",
        "play",
        bag,
        "--rate",
        "3000",
        "--topics",
        "/number",
        "--remap",
        "/number:=/other/number",
        "--start-offset",
        str(90 * 60),
    )
    assert done.returncode == 0, done.stderr
    wait_until(lambda: len(renamed) >= 10)
    assert [message.data for message in renamed] == list(range(90, 100))
    assert not original
    assert not images


def test_play_loops_until_a_ctrl_c_which_is_a_good_end(tmp_path, heard):
    numbers = heard(Int32, "/number")
    with Running("bag", "play", "--loop", write_bag(tmp_path / "bag", count=5)) as player:
        wait_until(lambda: len(numbers) >= 12)
        assert player.end() == 0
        assert "Traceback" not in player.text
    assert [message.data for message in numbers] == [i % 5 for i in range(len(numbers))]


def test_play_publishes_the_time_of_the_bag(tmp_path, heard):
    times = heard(Clock, "/clock", reliability=QoSReliabilityPolicy.BEST_EFFORT)
    assert ros2("bag", "play", "--clock", "100", write_bag(tmp_path / "bag")).returncode == 0
    seconds = [message.clock.sec + message.clock.nanosec / 1e9 - START_NS / 1e9 for message in times]
    assert len(seconds) > 20
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0
    assert 0.5 < seconds[-1] < 5


@pytest.mark.parametrize(
    "reliability, durability, reliable, latched",
    [
        (QosReliability.BEST_EFFORT, QosDurability.VOLATILE, False, False),
        (QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, True, True),
        (None, None, True, False),
    ],
)
def test_play_offers_the_qos_that_was_recorded(tmp_path, node, reliability, durability, reliable, latched):
    qos = [recorded_qos(reliability, durability)] if reliability else []
    with Running("bag", "play", "--loop", write_bag(tmp_path / "bag", qos=qos)):
        wait_until(lambda: [p.node_name for p in node.get_publishers_info_by_topic("/number")] == ["rosbag2_player"])
        (publisher,) = node.get_publishers_info_by_topic("/number")
    assert (publisher.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE) is reliable
    assert (publisher.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL) is latched


def test_info(tmp_path):
    done = ros2("bag", "info", write_bag(tmp_path / "bag"))
    assert done.returncode == 0, done.stderr
    lines = {line.split(":")[0]: line.split(":", 1)[1].strip() for line in done.stdout.splitlines()}
    assert lines["Files"] == "bag.mcap"
    assert lines["Storage id"] == "mcap"
    assert lines["Duration"] == "0.950000000s"
    assert lines["Start"].endswith("(1700000000.000000000)")
    assert lines["Messages"] == "40"
    assert "Topic: /number | Type: std_msgs/msg/Int32 | Count: 20 | Serialization Format: cdr" in done.stdout
    alone = ros2("bag", "info", tmp_path / "bag" / "bag.mcap").stdout
    assert alone.splitlines()[4:] == done.stdout.splitlines()[4:]  # that is all but the distribution, which only the folder has


@pytest.mark.parametrize("verb", ["info", "play"])
def test_what_is_no_bag_is_named_in_one_line(tmp_path, verb):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metadata.yaml").write_text("nothing: here")
    (tmp_path / "empty.mcap").touch()
    for name in ("nowhere", "broken", "empty.mcap", "."):
        done = ros2("bag", verb, tmp_path / name)
        assert done.returncode == 1
        assert str(tmp_path / name) in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--topics", "/nothing"], "/image, /number"),
        (["--start-offset", "100"], "100"),
        (["--rate", "0"], "0"),
        (["--remap", "a"], "a"),
    ],
)
def test_wrong_wishes_are_refused(tmp_path, arguments, says):
    done = ros2("bag", "play", write_bag(tmp_path / "bag"), *arguments)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_record_keeps_every_message_and_its_qos(tmp_path, node, storage):
    publisher = node.create_publisher(
        Int32,
        "/count",
        QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL),
    )
    unwanted = node.create_publisher(Int32, "/unwanted", 10)
    sent = []

    def publish():
        sent.append(len(sent))
        publisher.publish(Int32(data=sent[-1]))
        unwanted.publish(Int32())

    with Running("bag", "record", "-o", tmp_path / "bag", "-s", storage, "/count", "/comes/later") as recorder:
        recorder.wait_for("Subscribed to topic '/count'")
        node.create_timer(0.005, publish)
        wait_until(lambda: len(sent) > 100)
        later = node.create_publisher(Image, "/comes/later", 10)
        recorder.wait_for("Subscribed to topic '/comes/later'")
        wait_until(lambda: later.get_subscription_count() == 1)
        later.publish(Image(width=7))
        so_far = len(sent)
        wait_until(lambda: len(sent) > so_far + 100)
        assert recorder.end() == 0
    numbers = [deserialize_message(data, Int32).data for _, data in read_bag(tmp_path / "bag", "/count")]
    assert len(numbers) >= so_far
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [deserialize_message(data, Image).width for _, data in read_bag(tmp_path / "bag", "/comes/later")] == [7]
    with Reader(tmp_path / "bag") as reader:
        assert {connection.topic for connection in reader.connections} == {"/count", "/comes/later"}
        (qos,) = next(c for c in reader.connections if c.topic == "/count").ext.offered_qos_profiles
        assert (qos.reliability, qos.durability) == (QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL)


def test_record_all_of_a_played_bag_gives_the_same_octets(tmp_path):
    original = write_bag(tmp_path / "original", count=40)
    with Running("bag", "record", "--all", "-o", tmp_path / "copy") as recorder:
        recorder.wait_for("Recording")
        assert ros2("bag", "play", original).returncode == 0
        assert recorder.end() == 0
    for topic in ("/number", "/image"):
        written, copied = read_bag(original, topic), read_bag(tmp_path / "copy", topic)
        assert len(copied) > 20
        for (_, copy), (_, original_) in zip(copied, written[-len(copied) :], strict=True):
            assert copy.rstrip(b"\0") == original_.rstrip(b"\0")


def test_record_refuses_what_it_cannot_do(tmp_path):
    assert "at least one topic" in ros2("bag", "record", "-o", tmp_path / "new").stderr
    done = ros2("bag", "record", "-a", "-o", tmp_path)
    assert done.returncode == 1
    assert "exists already" in done.stderr

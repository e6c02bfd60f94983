"""`ros2 node`, `ros2 topic`, `ros2 param` on a node of another process."""

import threading

import pytest
import rclpy
import yaml
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from ros2_process import Running, ros2, wait_until
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Int32


@pytest.fixture(scope="module")
def shop():
    """/street/shop: parameters, a reliable counter, best-effort images, a subscription; spun beside the tests."""
    rclpy.init()
    node = rclpy.create_node("shop", namespace="/street")
    node.declare_parameter("method", "fdkn", ParameterDescriptor(description="How.", additional_constraints="fdkn or ahmf"))
    node.declare_parameter("scale", 8, ParameterDescriptor(integer_range=[IntegerRange(from_value=2, to_value=16, step=2)]))
    node.declare_parameter(
        "depth.max",
        10.0,
        ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=0.5, to_value=100.0)]),
    )
    node.declare_parameter("fixed", True, ParameterDescriptor(read_only=True))
    node.declare_parameter("names", ["a", "b"])

    def refuse(parameters):
        wrong = [p.value for p in parameters if p.name == "method" and p.value not in ("fdkn", "ahmf")]
        return SetParametersResult(successful=not wrong, reason=f"unknown method {wrong[0]}" if wrong else "")

    node.add_on_set_parameters_callback(refuse)
    count = node.create_publisher(Int32, "/count", 10)
    image = node.create_publisher(Image, "image", qos_profile_sensor_data)
    info = node.create_publisher(CameraInfo, "camera_info", 10)
    node.create_subscription(Int32, "/orders", lambda message: None, 10)

    def publish():
        count.publish(Int32(data=3))
        image.publish(Image(height=20, width=20, encoding="mono8", step=20, data=bytes(400)))
        info.publish(CameraInfo(width=7, distortion_model="plumb_bob", d=[0.5]))

    node.create_timer(0.02, publish)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown()


def said(*arguments):
    done = ros2(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_node_list(shop):
    assert said("node", "list").splitlines() == ["/street/shop"]
    assert any(name.startswith("/_ros2cli") for name in said("node", "list", "--all").splitlines())


def test_node_info(shop):
    text = said("node", "info", "/street/shop")
    assert text.startswith("/street/shop\n  Subscribers:\n    /orders: std_msgs/msg/Int32\n")
    publishers, services = text.partition("  Service Servers:")[::2]
    assert "    /street/image: sensor_msgs/msg/Image\n" in publishers
    assert "    /street/shop/set_parameters: rcl_interfaces/srv/SetParameters\n" in services


def test_topic_list(shop):
    assert {"/count", "/street/image", "/orders"} <= set(said("topic", "list").splitlines())
    assert "/street/image [sensor_msgs/msg/Image]" in said("topic", "list", "-t").splitlines()


def test_topic_info(shop):
    assert said("topic", "info", "/count") == "Type: std_msgs/msg/Int32\nPublisher count: 1\nSubscription count: 0\n"
    text = said("topic", "info", "-v", "/street/image")
    assert "Node name: shop\nNode namespace: /street\nTopic type: sensor_msgs/msg/Image\n" in text
    assert "Reliability: BEST_EFFORT" in text


def test_topic_hz(shop):
    with Running("topic", "hz", "/street/image") as watching:
        rate = float(watching.wait_for("average rate").split()[-1])
        watching.wait_for("window")
        watching.end()
        assert "Traceback" not in watching.text
    assert 0 < rate < 1000


def test_topic_echo_once(shop):
    assert said("topic", "echo", "--once", "/count") == "data: 3\n---\n"
    message = yaml.safe_load(said("topic", "echo", "--once", "/street/camera_info").removesuffix("---\n"))
    assert list(message)[:4] == ["header", "height", "width", "distortion_model"]
    assert (message["width"], message["d"], message["k"]) == (7, [0.5], [0.0] * 9)


def test_topic_echo_of_arrays(shop):
    message = yaml.safe_load(said("topic", "echo", "--once", "/street/image").removesuffix("---\n"))
    assert message["data"] == [0] * 128 + ["..."]
    assert len(yaml.safe_load(said("topic", "echo", "--once", "-f", "/street/image").removesuffix("---\n"))["data"]) == 400
    assert "data: '<sequence type: uint8, length: 400>'" in said("topic", "echo", "--once", "--no-arr", "/street/image")


def test_topic_echo_goes_on_until_it_is_ended(shop):
    with Running("topic", "echo", "/count") as watching:
        wait_until(lambda: watching.text.count("data: 3") > 3)
        watching.end()
        assert "Traceback" not in watching.text


def test_topic_delay(shop):
    with Running("topic", "delay", "/street/camera_info") as watching:
        assert float(watching.wait_for("average delay").split()[-1]) > 1e9  # their stamps are 0
        watching.end()
        assert "Traceback" not in watching.text


def test_topic_pub(shop):
    heard = []
    subscription = shop.create_subscription(CameraInfo, "/published", lambda message: heard.append(message), 10)
    values = "{header: {frame_id: here}, width: 5, d: [1, 2.5], distortion_model: plumb_bob}"
    said("topic", "pub", "--once", "/published", "sensor_msgs/msg/CameraInfo", values)
    wait_until(lambda: heard)
    shop.destroy_subscription(subscription)
    assert (heard[0].header.frame_id, heard[0].width, list(heard[0].d)) == ("here", 5, [1.0, 2.5])
    refused = ros2("topic", "pub", "--once", "/published", "sensor_msgs/msg/CameraInfo", "{widht: 5}")
    assert refused.returncode == 1 and "widht" in refused.stderr and "Traceback" not in refused.stderr


def test_param_list(shop):
    one = said("param", "list", "/street/shop").splitlines()
    assert {"  method", "  scale", "  depth.max", "  use_sim_time"} <= set(one)
    assert said("param", "list").splitlines() == ["/street/shop:", *one]


@pytest.mark.parametrize(
    "name, text",
    [
        ("method", "String value is: fdkn"),
        ("scale", "Integer value is: 8"),
        ("depth.max", "Double value is: 10.0"),
        ("fixed", "Boolean value is: True"),
        ("names", "String values are: ['a', 'b']"),
    ],
)
def test_param_get(shop, name, text):
    assert said("param", "get", "/street/shop", name).strip() == text


def test_param_set(shop):
    assert said("param", "set", "/street/shop", "scale", "4") == "Set parameter successful\n"
    assert shop.get_parameter("scale").value == 4
    said("param", "set", "street/shop", "depth.max", "2.5")
    assert shop.get_parameter("depth.max").value == 2.5
    said("param", "set", "/street/shop", "names", "[c]")
    assert list(shop.get_parameter("names").value) == ["c"]
    assert said("param", "set", "/street/shop", "method", "ahmf")


@pytest.mark.parametrize(
    "name, value, reason",
    [
        ("method", "best", "unknown method best"),
        ("scale", "text", "Wrong parameter type"),
        ("fixed", "false", "read-only"),
        ("depth.max", "1000.0", "depth.max"),
        ("nothing", "1", "undeclared"),
    ],
)
def test_a_refused_value_is_said_with_its_reason(shop, name, value, reason):
    before = shop.get_parameter_or(name)
    done = ros2("param", "set", "/street/shop", name, value)
    assert done.returncode == 1
    assert done.stderr.startswith("Setting parameter failed: ")
    assert reason in done.stderr
    assert shop.get_parameter_or(name).value == before.value


def test_param_describe(shop):
    assert said("param", "describe", "/street/shop", "method") == (
        "Parameter name: method\n  Type: string\n  Description: How.\n"
        "  Constraints:\n    Additional constraints: fdkn or ahmf\n"
    )
    text = said("param", "describe", "/street/shop", "scale", "fixed")
    assert "    Min value: 2\n    Max value: 16\n    Step: 2\n" in text
    assert "  Type: boolean\n  Constraints:\n    Read only: true\n" in text


def test_param_describe_names_what_there_is_not(shop):
    done = ros2("param", "describe", "/street/shop", "method", "metod")
    assert done.returncode == 1 and not done.stdout
    assert "/street/shop has no parameter method or metod" in done.stderr


def test_param_dump_and_load(shop, tmp_path):
    dumped = yaml.safe_load(said("param", "dump", "/street/shop"))["/street/shop"]["ros__parameters"]
    assert dumped["method"] == shop.get_parameter("method").value
    assert dumped["depth"] == {"max": shop.get_parameter("depth.max").value}
    file = tmp_path / "parameters.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "/**": {"ros__parameters": {"scale": 2}},
                "/other": {"ros__parameters": {"scale": 16}},
                "/street/shop": {"ros__parameters": {"depth": {"max": 5.0}}},
            }
        )
    )
    assert said("param", "load", "/street/shop", file) == (
        "Set parameter scale successful\nSet parameter depth.max successful\n"
    )
    assert shop.get_parameter("scale").value == 2
    assert shop.get_parameter("depth.max").value == 5.0


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["node", "info", "/nobody"], "/street/shop"),
        (["topic", "info", "/nothing"], "Unknown topic '/nothing'"),
        (["param", "get", "/nobody", "x"], "/nobody"),
        (["param", "get", "/street/shop", "nothing"], "Parameter not set"),
        (["param", "load", "/street/shop", "/not/there.yaml"], "/not/there.yaml"),
        (["topic", "echo", "--once", "/count", "no_msgs/msg/No"], "no_msgs/msg/No"),
        (["topic", "hz", "/nothing"], "/nothing"),
    ],
)
def test_what_is_not_there_is_said_and_is_an_error(shop, arguments, says):
    done = ros2(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_verbs():
    assert "launch" in said("--help")
    assert "record" in said("bag", "--help")
    assert ros2("dance").returncode == 2

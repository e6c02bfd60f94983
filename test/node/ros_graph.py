"""The other end of the wire: the node in a process of its own, and a camera that also looks at the results."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from make_messages import camera_info, image
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter as Value
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

PERIOD_NS = 33_333_333
TIMEOUT_S = 60.0  # on a machine that has better things to do
SCALE = 4
MM = np.linspace(1000, 3000, 96).reshape(8, 12).astype(np.uint16)
RGB = np.random.default_rng(0).integers(0, 256, (8 * SCALE, 12 * SCALE, 3), np.uint8)


def start_node(*parameters, remaps=(), arguments=(), log=subprocess.DEVNULL):
    """The node's process, with `name:=value` parameters, behind other ROS arguments."""
    arguments = [*arguments, *(word for parameter in parameters for word in ("-p", parameter))]
    arguments += [word for remap in remaps for word in ("-r", remap)]
    return subprocess.Popen(
        [sys.executable, "-m", "depth_sr_ros.node.depth_sr_node", "--ros-args", *arguments],
        stderr=log,
        stdout=log,
        text=True,
        env=os.environ,
    )


def stop_node(process, number=signal.SIGINT):
    """Ask the node to end and return its exit status."""
    process.send_signal(number)
    try:
        return process.wait(TIMEOUT_S)
    finally:
        process.kill()


@contextmanager
def running_node(*parameters, number=signal.SIGINT, **options):
    """A node that must end well on the signal, and does not outlive a test that fails."""
    process = start_node(*parameters, **options)
    try:
        yield
    except BaseException:
        process.kill()
        raise
    assert stop_node(process, number) == 0


def wait_until(condition, what, timeout_s=TIMEOUT_S):
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(0.005)
    return value


def catches_sigterm(pid):
    """Whether a process handles signals by itself: Python alone does not handle this one."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


class Camera:
    """Publishes colour and depth as a driver does and keeps what /depth_sr answers."""

    def __init__(self, qos=QoSProfile(depth=10), info_qos=None, listen=True):
        self.node = rclpy.create_node("test_camera")
        self.images, self.infos, self.diagnostics = {}, {}, {"message": ""}
        self.depth_now = MM
        self._stamp = time.time_ns()
        self.rgb = self.node.create_publisher(Image, "rgb/image", qos)
        self.depth = self.node.create_publisher(Image, "depth/image", qos)
        self.rgb_info = self.node.create_publisher(CameraInfo, "rgb/camera_info", info_qos or qos)
        self.depth_info = self.node.create_publisher(CameraInfo, "depth/camera_info", info_qos or qos)
        self._listening = []
        if listen:
            self.listen()
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnosed, 10)
        self._set = self.node.create_client(SetParametersAtomically, "/depth_sr/set_parameters_atomically")
        self._get = self.node.create_client(GetParameters, "/depth_sr/get_parameters")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._running = True
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while self._running:
            self._executor.spin_once(timeout_sec=0.05)

    def listen(self, wanted=True):
        """Subscribe what the node gives out, or do not any more."""
        while self._listening:
            self.node.destroy_subscription(self._listening.pop())
        if wanted:
            for message_type, name, kept in ((Image, "image", self.images), (CameraInfo, "camera_info", self.infos)):
                keep = partial(self._keep, kept)
                self._listening.append(self.node.create_subscription(message_type, f"/depth_sr/{name}", keep, 10))

    def close(self):
        self._running = False
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()

    @staticmethod
    def _keep(where, message):
        where[message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec] = message

    def _diagnosed(self, message):
        status = message.status[0]
        values = {item.key: item.value for item in status.values}
        self.diagnostics = {"level": status.level, "message": status.message, **values}

    def next_stamp(self):
        self._stamp += PERIOD_NS
        return self._stamp

    def send(self, rgb=None, depth=None, infos=True, rgb_stamp=None, depth_stamp=None):
        """One frame; what is not given is as it should be, what is False is not sent. Returns the depth image's stamp."""
        stamp = self.next_stamp()
        depth_stamp = depth_stamp or stamp
        rgb = image(RGB, "rgb8") if rgb is None else rgb
        depth = image(self.depth_now, "16UC1") if depth is None else depth
        if infos:
            self.send_infos(stamp)
        for publisher, message, at in ((self.rgb, rgb, rgb_stamp or stamp), (self.depth, depth, depth_stamp)):
            if message:
                message.header.stamp.sec, message.header.stamp.nanosec = divmod(at, 1_000_000_000)
                publisher.publish(message)
        return depth_stamp

    def send_infos(self, stamp=0):
        """The camera_info of both cameras."""
        height, width = self.depth_now.shape
        self.rgb_info.publish(camera_info(48, 32, 40.0, stamp_ns=stamp))
        self.depth_info.publish(camera_info(width, height, 10.0, stamp_ns=stamp))

    def good(self, **options):
        """Send good frames until one is answered; return the image and the camera_info of the answer."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            stamp = self.send(**options)
            try:
                wait_until(lambda: stamp in self.images and stamp in self.infos, "an answer", 0.5)
                return self.images[stamp], self.infos[stamp]
            except AssertionError:
                continue
        raise AssertionError(f"no answer to good frames; diagnostics: {self.diagnostics}")

    def drops(self):
        return {k.removeprefix("drops."): int(v) for k, v in self.diagnostics.items() if k.startswith("drops.")}

    def fresh_diagnostics(self):
        """What the node reports of the time after this call."""
        for _ in range(2):  # the first one may be of before
            self.diagnostics = {}
            wait_until(lambda: self.diagnostics, "/diagnostics")
        return self.diagnostics

    def set(self, **values):
        """Set parameters together; return the reason of a refusal, or an empty text."""
        request = SetParametersAtomically.Request()
        request.parameters = [
            Parameter(name=name, value=Value(name, value=value).to_parameter_msg().value) for name, value in values.items()
        ]
        result = self.call(self._set, request).result
        return "" if result.successful else result.reason

    def get(self, name) -> ParameterValue:
        return self.call(self._get, GetParameters.Request(names=[name])).values[0]

    def call_in_vain(self, service_type, name, request):
        """Call a service that has no answer to that."""
        client = self.node.create_client(service_type, name)
        assert client.wait_for_service(timeout_sec=TIMEOUT_S)
        client.call_async(request)

    @staticmethod
    def call(client, request):
        assert client.wait_for_service(timeout_sec=TIMEOUT_S)
        future = client.call_async(request)
        wait_until(future.done, "a service's answer")
        return future.result()


@contextmanager
def camera(**options):
    it = Camera(**options)
    try:
        yield it
    finally:
        it.close()

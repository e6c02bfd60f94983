"""The executable camera_node: the node /camera, a simulated colour and depth camera, as a process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Event

from depth_sr_ros.node.runner import Program, run
from depth_sr_ros.node.stopping import raise_if

DESCRIPTION = "A simulated colour camera and a low-resolution depth camera that move through a scene: the node /camera."


def start(stop: Event) -> Program:
    """Make the node and its frames."""
    from rclpy.node import Node

    from depth_sr_ros.demo.simulated_camera import Camera
    from depth_sr_ros.node.runner import SpinningNode

    raise_if(stop)
    node = Node("camera")
    try:
        Camera(node, stop)  # its timer keeps it
    except BaseException:
        node.destroy_node()
        raise
    return SpinningNode(node, stop)


def main(args: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 1 where the node cannot start."""
    return run("camera", DESCRIPTION, start, args)


if __name__ == "__main__":
    sys.exit(main())

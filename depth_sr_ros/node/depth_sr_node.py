"""The executable depth_sr_node: the node /depth_sr as a process. Imports nothing heavy before signals are handled."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Event

from depth_sr_ros.node.runner import Program, run
from depth_sr_ros.node.stopping import raise_if

DESCRIPTION = "Upsamples a low-resolution depth image with the help of a colour image: the node /depth_sr, managed (lifecycle)."


def start(stop: Event) -> Program:
    """Make the node, and configure and activate it unless autostart is false."""
    from depth_sr_ros.node.managed_node import ManagedNode
    from depth_sr_ros.node.runner import SpinningNode

    raise_if(stop)
    node = ManagedNode("depth_sr")
    if node.autostart:
        try:
            node.start(stop)
        except Exception:
            node.close()
            node.destroy_node()
            raise
    return SpinningNode(node, stop, node.close)


def main(args: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 1 where the node cannot start."""
    return run("depth_sr", DESCRIPTION, start, args)


if __name__ == "__main__":
    sys.exit(main())

"""The executable demo_node: the node /demo, which measures and draws what /depth_sr does, as a process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Event

from depth_sr_ros.node.runner import Program, run
from depth_sr_ros.node.stopping import raise_if

DESCRIPTION = "Watches the simulated camera and /depth_sr, prints what it measured, draws it, and ends: the node /demo."


def start(stop: Event) -> Program:
    """Make the demo."""
    from depth_sr_ros.demo.course import Demo

    raise_if(stop)
    return Demo(stop)


def main(args: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1, and a line on stderr, where there is nothing to show."""
    return run("demo", DESCRIPTION, start, args)


if __name__ == "__main__":
    sys.exit(main())

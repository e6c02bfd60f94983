"""The heartbeat by which nav2's lifecycle manager knows that a node is alive; optional, as its package is."""

from __future__ import annotations

import importlib.util
from typing import Any

from rclpy.node import Node

TOPIC = "bond"  # nav2's
HEARTBEAT_PERIOD_S, HEARTBEAT_TIMEOUT_S = 0.1, 4.0  # likewise


def bond_of(node: Node) -> Any | None:
    """A started bond of the node's name with its manager, if any waits; None where the package bondpy is not installed."""
    if importlib.util.find_spec("bondpy") is None:
        return None
    from bondpy.bondpy import Bond

    bond = Bond(node, TOPIC, node.get_name())
    bond.set_heartbeat_period(HEARTBEAT_PERIOD_S)
    bond.set_heartbeat_timeout(HEARTBEAT_TIMEOUT_S)
    bond.start()
    return bond

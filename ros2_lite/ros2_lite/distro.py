"""Everything on the wire that depends on the ROS 2 distribution (ROS_DISTRO; Jazzy where it is not set)."""

import os

from rosbags.typesys import Stores

NAME = os.environ.get("ROS_DISTRO") or "jazzy"

_STORES = {store.value.removeprefix("ros2_"): store for store in Stores if store.value.startswith("ros2_")}
STORE = _STORES.get(NAME, Stores.ROS2_JAZZY)

_BEFORE_IRON = NAME in ("foxy", "galactic", "humble")

# Octets of a gid in rmw_dds_common/Gid: the DDS GUID, zero-padded to 24 until Humble.
GID_SIZE = 24 if _BEFORE_IRON else 16

# Iron introduced REP-2016 type hashes, announced in an endpoint's USER_DATA.
HAS_TYPE_HASHES = not _BEFORE_IRON

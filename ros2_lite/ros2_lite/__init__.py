"""The part of ROS 2's Python API that depth_sr_ros uses, on Cyclone DDS, in ROS 2's own wire format."""

"""What no package registry has of ROS 2's Python side, for the real rclpy that one has."""

"""What the machine has, its threads, and where the package's own files lie. No ROS."""

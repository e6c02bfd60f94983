"""The simulated camera and the watcher of the demo, as ROS nodes."""

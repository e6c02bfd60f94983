"""Generated scenes and simulated sensors: what training and the demo look at. No ROS."""

"""Images and depth in files, their headers, and pictures of them. No ROS."""

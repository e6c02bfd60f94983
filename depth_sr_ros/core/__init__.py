"""What is done to a frame, on arrays: upsampling, geometry, fill and clip. No ROS."""

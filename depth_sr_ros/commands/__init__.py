"""Commands of `depth-sr`: one file each. See `depth_sr_ros.cli` for what such a file holds."""

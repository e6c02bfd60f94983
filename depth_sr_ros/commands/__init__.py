"""Commands of `depth-sr`: one file each. See `depth_sr_ros.commands.main` for what such a file holds."""

"""depth_sr_ros: guided depth super-resolution, as a library and as a ROS 2 node."""

import importlib

__version__ = "0.1.0"
_PUBLIC = {
    "Upsampler": "core.upsampler",
    "FrameOptions": "core.options",
    "DepthResult": "core.result",
    "FrameError": "core.result",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    """Import the public classes when they are first asked for: `import depth_sr_ros` alone stays instant."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)

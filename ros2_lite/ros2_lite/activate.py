"""Makes rclpy and its companions importable where ROS 2 is not installed.

A `.pth` file imports this module at every start of Python, so it does next to nothing: it puts a finder on
`sys.meta_path`. Whatever exists as a real package is found before; and where a real rclpy can be imported the finder
stays out altogether, so that no half of ROS 2 is ever mixed with ours. It stands before Python's own path finder and
asks that first, because Python takes any folder of a name for a namespace package: a ROS package's `launch/` in the
working directory would hide our `launch`, though it does not hide a real one.
"""

import importlib.abc
import importlib.util
import sys
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_SHIMS = Path(__file__).parent / "shims"
_SHIM_NAMES = frozenset(folder.name for folder in _SHIMS.iterdir())


class _Messages(importlib.abc.Loader):
    """Loads a message package (`sensor_msgs`) and its parts (`sensor_msgs.msg`): classes are made when first asked
    for."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        package, _, kind = module.__name__.partition(".")
        if not kind:
            return
        from . import types

        known = types.names(package, kind)
        make = types.service_class if kind == "srv" else types.message_class

        def get(name: str) -> type:
            if name not in known:
                raise AttributeError(f"module '{module.__name__}' has no attribute '{name}'")
            setattr(module, name, make(f"{package}/{kind}/{name}"))
            return vars(module)[name]

        module.__getattr__ = get
        module.__dir__ = lambda: known
        module.__all__ = known


class ShimFinder(importlib.abc.MetaPathFinder):
    """Finds the shim packages beside this file, and the message packages of rosbags."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        top, _, rest = name.partition(".")
        if top in _SHIM_NAMES:
            if rest or _is_real("rclpy") or _is_real(top):
                return None  # a shim's own submodules are found by Python, on the package's __path__
            folder = _SHIMS / top
            return importlib.util.spec_from_file_location(
                name, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
        if not _may_be_messages(top) or rest not in ("", "msg", "srv") or _is_real("rclpy") or _is_real(top):
            return None
        from . import types

        if top not in types.packages() or (rest and not types.names(top, rest)):
            return None
        return ModuleSpec(name, _Messages(), is_package=True)


@cache
def _is_real(package: str) -> bool:
    """Whether Python finds it as more than a folder without __init__.py."""
    found = PathFinder.find_spec(package)
    return found is not None and found.loader is not None


def _may_be_messages(package: str) -> bool:
    """A cheap test, so that a failing import of anything else does not load rosbags."""
    return package.endswith(("_msgs", "_interfaces", "_srvs", "_dds_common"))


if not any(isinstance(finder, ShimFinder) for finder in sys.meta_path):
    sys.meta_path.insert(sys.meta_path.index(PathFinder), ShimFinder())

"""Makes launch, message_filters and their companions importable beside an rclpy that came without them.

A `.pth` file imports this module at every start of Python, so it does next to nothing: it sets what is missing in the
environment and puts a finder on `sys.meta_path`. Whatever exists as a real package wins over its stand-in. The finder
stands before Python's own path finder and asks that first, because Python takes any folder of a name for a namespace
package: a ROS package's `launch/` in the working directory would hide our `launch`, though it does not hide a real one.
"""

import importlib.abc
import importlib.util
import sys
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from ros2_lite import environment

_SHIMS = Path(__file__).parent / "shims"
_SHIM_NAMES = frozenset(folder.name for folder in _SHIMS.iterdir())


class ShimFinder(importlib.abc.MetaPathFinder):
    """Finds the packages in shims/."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a stand-in; None where there is a real package, and for its submodules."""
        if name not in _SHIM_NAMES or _is_real(name):
            return None
        folder = _SHIMS / name
        return importlib.util.spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])


@cache
def _is_real(package: str) -> bool:
    """Whether Python finds it as more than a folder without __init__.py."""
    found = PathFinder.find_spec(package)
    return found is not None and found.loader is not None


environment.prepare()
if not any(isinstance(finder, ShimFinder) for finder in sys.meta_path):
    sys.meta_path.insert(sys.meta_path.index(PathFinder), ShimFinder())

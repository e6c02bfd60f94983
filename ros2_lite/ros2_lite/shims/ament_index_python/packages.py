"""Where packages are installed: the prefixes in AMENT_PREFIX_PATH, then the Python environment (pip's `data_files`)."""

import importlib.metadata
import json
import os
import sys
import urllib.parse
from pathlib import Path


class PackageNotFoundError(KeyError):
    """No prefix has the package."""

    def __str__(self):
        return self.args[0]


def get_search_paths():
    """The prefixes that are searched, the first one wins."""
    given = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [path for path in (*given, sys.prefix) if path and os.path.isdir(path)]


def get_package_prefix(package_name):
    """The prefix where the package is installed; PackageNotFoundError where there is none."""
    for prefix in get_search_paths():
        if Path(prefix, "share/ament_index/resource_index/packages", package_name).is_file():
            return prefix
    if _editable_source(package_name):
        return sys.prefix
    raise PackageNotFoundError(f"package '{package_name}' not found, searching: {get_search_paths()}")


def get_package_share_directory(package_name):
    """The package's folder for launch files, configuration and other data."""
    return str(_editable_source(package_name) or Path(get_package_prefix(package_name), "share", package_name))


def _editable_source(package_name):
    """The source folder of a ROS package that `pip install -e` has put here: pip leaves its data files there."""
    try:
        origin = importlib.metadata.distribution(package_name).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None
    origin = json.loads(origin or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    source = Path(urllib.parse.unquote(urllib.parse.urlparse(origin["url"]).path))
    return source if (source / "package.xml").is_file() else None

"""Where the files that travel with the package lie: weights, recipes, launch files."""

import itertools
import re
from pathlib import Path

PACKAGE = "depth_sr_ros"


def share_directory() -> Path:
    """Return the package's share directory, whether it was installed by colcon, by pip, or is a source tree.

    Both installers put the module below PREFIX/lib/... and the shared files into PREFIX/share/depth_sr_ros; in a
    source tree (also one linked by `colcon build --symlink-install` or `pip install -e`) they lie beside the module.

    Raises:
        FileNotFoundError: neither place exists; the message names where it looked.
    """
    module = Path(__file__).resolve().parents[1]
    if (module.parent / "package.xml").is_file():
        return module.parent
    for prefix in module.parents:
        share = prefix / "share" / PACKAGE
        if share.is_dir():
            return share
    raise FileNotFoundError(f"no share/{PACKAGE} above {module}: reinstall {PACKAGE} with pip or colcon")


def recipes_directory() -> Path:
    """Return the folder of the recipes that come with the package."""
    return share_directory() / "config" / "recipes"


def known_recipes() -> list[str]:
    """Return their names, sorted."""
    return sorted(path.stem for path in recipes_directory().glob("*.yaml"))


def recipe_purpose(name: str) -> str:
    """Return what a recipe that came with the package is for: the first sentence of the comment that it begins with."""
    text = (recipes_directory() / f"{name}.yaml").read_text(encoding="utf-8")
    comment = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return re.split(r"(?<=\.)\s", " ".join(line.lstrip("# ") for line in comment), maxsplit=1)[0]

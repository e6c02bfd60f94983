"""What the package declares that it needs: setup.py, package.xml and the requirements files, read without running them."""

import ast
import xml.etree.ElementTree
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def setup_keyword(name: str):
    """Return a literal argument of the call of setup() in setup.py."""
    calls = [node for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if isinstance(node, ast.Call)]
    (call,) = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "setup"]
    return ast.literal_eval(next(keyword.value for keyword in call.keywords if keyword.arg == name))


def pip_requirements(*extras: str) -> dict[str, Requirement]:
    """Return what pip installs with the package and these of its extras, by lower-case name."""
    lines = setup_keyword("install_requires") + [line for extra in extras for line in setup_keyword("extras_require")[extra]]
    return _by_name(lines)


def requirements_file(name: str) -> dict[str, list[Requirement]]:
    """Return the requirements in a file at the root, by lower-case name: several where Python's version decides."""
    lines = [line.split(" #")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    found: dict[str, list[Requirement]] = {}
    for line in lines:
        if line and not line.startswith(("#", "-")):
            found.setdefault(Requirement(line).name.lower(), []).append(Requirement(line))
    return found


def rosdep_keys(kind: str) -> set[str]:
    """Return what package.xml names in elements of a kind, such as exec_depend."""
    root = xml.etree.ElementTree.parse(ROOT / "package.xml").getroot()
    return {element.text or "" for element in root.findall(kind)}


def imported_packages(file: Path) -> set[str]:
    """Return the top-level names that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
    return found


def _by_name(lines: list[str]) -> dict[str, Requirement]:
    return {Requirement(line).name.lower(): Requirement(line) for line in lines}

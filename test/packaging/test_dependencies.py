"""Everything that is imported is declared, for pip and for rosdep, in ranges that agree."""

import sys
from pathlib import Path

import pytest
from declarations import ROOT, imported_packages, pip_requirements, requirements_file, rosdep_keys

PACKAGE = "depth_sr_ros"
WITH_ROS = ("node", "demo", "replay")  # the rooms that may import ROS
# How pip and rosdep call what a module is imported as. None: rosdep has no key, so pip brings it everywhere.
NAMES = {
    "catkin_pkg": ("catkin_pkg", "python3-catkin-pkg-modules"),
    "cv2": ("opencv-contrib-python-headless", "python3-opencv"),
    "numba": ("numba", "python3-numba"),
    "numpy": ("numpy", "python3-numpy"),
    "openvino": ("openvino", None),
    "packaging": ("packaging", "python3-packaging"),
    "PIL": ("pillow", "python3-pil"),
    "pytest": ("pytest", "python3-pytest"),
    "rosbags": ("rosbags", None),
    "safetensors": ("safetensors", None),
    "torch": ("torch", "python3-torch"),
    "tqdm": ("tqdm", "python3-tqdm"),
    "yaml": ("pyyaml", "python3-yaml"),
}
OPTIONAL = {"bondpy"}  # tried, and done without: Humble has none
IMPORTED_BY_OTHERS = {"packaging"}  # OpenVINO's converter imports it, and names it in none of its requirements


def modules() -> list[Path]:
    return sorted((ROOT / PACKAGE).rglob("*.py"))


def foreign(file: Path) -> set[str]:
    """What a module needs that is neither Python's nor the package's own."""
    return imported_packages(file) - sys.stdlib_module_names - {PACKAGE} - OPTIONAL


def room(file: Path) -> str:
    return file.relative_to(ROOT / PACKAGE).parts[0]


def test_every_import_is_declared_for_pip_or_is_ros_in_a_room_for_it():
    declared = pip_requirements("openvino", "replay")
    undeclared = {}
    for file in modules():
        ros = rosdep_keys("exec_depend") if room(file) in WITH_ROS else set()
        for name in foreign(file) - ros:
            if NAMES.get(name, (name,))[0] not in declared:
                undeclared[f"{file.relative_to(ROOT)}: {name}"] = "declare it in setup.py, or in package.xml if it is ROS"
    assert not undeclared


def test_launch_files_import_what_package_xml_names():
    for file in (ROOT / "launch").glob("*.py"):
        assert foreign(file) <= rosdep_keys("exec_depend"), file


def test_what_is_declared_is_imported():
    imported = set().union(*(foreign(file) for file in [*modules(), *(ROOT / "launch").glob("*.py")])) | IMPORTED_BY_OTHERS
    pip = {NAMES.get(name, (name,))[0] for name in imported}
    rosdep = {NAMES.get(name, (name, name))[1] for name in imported}
    assert set(pip_requirements("openvino", "replay")) <= pip
    assert rosdep_keys("exec_depend") <= rosdep


def test_what_pip_brings_comes_by_rosdep_or_the_requirements_of_ros_too():
    keys, by_pip = rosdep_keys("exec_depend"), requirements_file("requirements-ros.txt")
    for pip_name, key in NAMES.values():
        if pip_name in pip_requirements("openvino", "replay"):
            assert key in keys or pip_name in by_pip, f"{pip_name}: neither in package.xml nor in requirements-ros.txt"


def test_tests_import_what_is_declared():
    declared = set(pip_requirements("openvino", "replay", "test"))
    keys = rosdep_keys("exec_depend") | rosdep_keys("test_depend")
    helpers = {file.stem for file in (ROOT / "test").rglob("*.py")}
    for file in (ROOT / "test").rglob("*.py"):
        for name in foreign(file) - helpers - keys:
            pip, key = NAMES.get(name, (None, name))  # what is not pip's is ROS
            assert pip is None or pip in declared, f"{file.name} imports {name}: declare it in the extra `test` of setup.py"
            assert key is None or key in keys, f"{file.name} imports {name}: declare it as a test_depend in package.xml"


@pytest.mark.parametrize("file", ["requirements-ros.txt", "requirements.txt"])
def test_ranges_agree(file):
    """What a file asks for is within the ranges of setup.py; the pinned set meets them."""
    for name, needed in pip_requirements("openvino", "replay", "test").items():
        for requirement in requirements_file(file).get(name, []):
            (first, *_) = sorted(str(item) for item in requirement.specifier if item.operator in ("==", ">="))
            assert needed.specifier.contains(first.lstrip("=<>")), f"{file}: {requirement}, setup.py: {needed}"


def test_the_pinned_set_has_everything():
    assert set(pip_requirements("openvino", "replay", "test")) <= set(requirements_file("requirements.txt"))

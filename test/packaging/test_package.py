"""The package as colcon, bloom and rosdep see it, and what is installed with it."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import parse_package
from declarations import ROOT, setup_keyword

import depth_sr_ros

# From rosdep's rosdep/python.yaml: keys that have a package on Ubuntu 22.04 and 24.04. The list is kept here, as tests need
# no network.
ROSDEP_KEYS = {
    "python3-catkin-pkg-modules",
    "python3-numba",
    "python3-numpy",
    "python3-opencv",
    "python3-packaging",
    "python3-pil",
    "python3-pytest",
    "python3-torch",
    "python3-tqdm",
    "python3-yaml",
}


def test_package_xml_is_of_format_3_and_without_warnings():
    """A wrong e-mail address is enough for colcon to take the package for plain Python without a word."""
    warnings = []
    package = parse_package(str(ROOT), warnings=warnings)
    package.validate(warnings=warnings)
    assert warnings == [] and package.package_format == 3
    assert package.get_build_type() == "ament_python"


def test_rosdep_keys_are_known():
    package = parse_package(str(ROOT))
    keys = {depend.name for depend in package.exec_depends + package.test_depends if depend.name.startswith("python3-")}
    assert keys and keys <= ROSDEP_KEYS


def test_the_version_is_the_same_everywhere():
    versions = {
        "package.xml": parse_package(str(ROOT)).version,
        "setup.py": setup_keyword("version"),
        "depth_sr_ros": depth_sr_ros.__version__,
        "CITATION.cff": str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]),
        "CHANGELOG.rst": changelog_versions()[0],
    }
    assert set(versions.values()) == {depth_sr_ros.__version__}, versions


def changelog_versions() -> list[str]:
    """The released versions in CHANGELOG.rst as catkin's tools read it, newest first."""
    changelog = get_changelog_from_path(str(ROOT / "CHANGELOG.rst"), parse_package(str(ROOT)).name)
    versions = [version for version, _, entries in changelog.foreach_version() if entries and version != "Forthcoming"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    return sorted(versions, key=lambda version: tuple(map(int, version.split("."))), reverse=True)


def test_licences_agree():
    package = parse_package(str(ROOT))
    (licence,) = package.licenses
    assert setup_keyword("license") == licence == yaml.safe_load((ROOT / "CITATION.cff").read_text())["license"]
    assert "Apache License\n" in (ROOT / licence.file).read_text()


def test_all_files_of_the_package_are_installed():
    """setup.py names data files by patterns, which a new folder or ending slips through."""
    script = (
        "import json; from distutils.core import run_setup; "
        "print(json.dumps(run_setup('setup.py', stop_after='init').data_files))"
    )
    code = f"import setuptools; {script}"  # setuptools brings distutils where Python has it no more
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    installed = {file for _, files in json.loads(printed.splitlines()[-1]) for file in files}
    wanted = {
        str(file.relative_to(ROOT))
        for folder in ("config", "launch", "weights")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert wanted and wanted <= installed | {"weights/README.md"}


@pytest.mark.parametrize("package", ["depth_sr_ros", "ros2_lite"])
def test_a_folder_of_the_packages_name_does_not_stand_in_for_it(package, tmp_path):
    """As the clone does, for whoever works in the folder above it."""
    (tmp_path / package).mkdir()
    found = subprocess.run(
        [sys.executable, "-c", f"import {package}; print({package}.__file__)"], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.stdout.strip().endswith(f"{package}/__init__.py"), found.stdout + found.stderr

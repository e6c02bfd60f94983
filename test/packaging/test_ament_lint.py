"""ament's linters, where a ROS 2 installation brings them; `make lint` has ruff and mypy everywhere."""

import urllib.request

import pytest
from declarations import ROOT


def test_flake8():
    """By the rules of setup.cfg, which leave to ruff what ruff formats."""
    flake8 = pytest.importorskip("ament_flake8.main")
    folders = [str(ROOT / name) for name in ("depth_sr_ros", "launch", "test")]
    status, errors = flake8.main_with_errors(["--config", str(ROOT / "setup.cfg"), *folders])
    assert status == 0, "\n".join(errors)


def test_pep257():
    """Every module has a docstring, and those there are end and begin as PEP 257 has it."""
    pep257 = pytest.importorskip("ament_pep257.main")
    checked = "D100,D104,D200,D207,D208,D209,D210,D211,D300,D419"
    assert pep257.main([str(ROOT / "depth_sr_ros"), "--select", checked]) == 0


def test_copyright():
    """The licence is Apache-2.0 to ament too. It holds for the whole package, files repeat no notice."""
    ament_copyright = pytest.importorskip("ament_copyright.main")
    assert ament_copyright.main([str(ROOT / "LICENSE")]) == 0


def test_xmllint():
    """Against the schema that package.xml names, which xmllint fetches."""
    xmllint = pytest.importorskip("ament_xmllint.main")
    try:
        urllib.request.urlopen("http://download.ros.org/schema/package_format3.xsd", timeout=5).close()
    except OSError as error:
        pytest.skip(f"the schema of package.xml is not to be had: {error}")
    assert xmllint.main([str(ROOT / "package.xml")]) == 0

"""Build the package with colcon in new environments, in every layout and with each setuptools, and use what it installs.

python test/packaging/try_colcon.py [--setuptools 59.6.0 68.1.2 79.0.1]

An environment gets colcon and a setuptools of its own. All other libraries it borrows from the environment that runs this, so
that it takes seconds; try_pip.py is for what is declared. 59.6 is Ubuntu 22.04's, 68.1 Ubuntu 24.04's, 79 the last that colcon
can take.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "depth_sr_ros"
COLCON = ("colcon-core", "colcon-ros", "colcon-bash", "colcon-metadata", "colcon-recursive-crawl", "colcon-test-result")
LAYOUTS = {"isolated": [], "symlinked": ["--symlink-install"], "merged": ["--merge-install"]}
EXECUTABLES = {"depth-sr", "depth_sr_node", "camera_node", "demo_node"}
SHARED_FOLDERS = ("config", "launch", "weights")
LIST_SHARED_FILES = """
from depth_sr_ros.system.package_files import share_directory
share = share_directory()
print("\\n".join(str(file.relative_to(share)) for folder in {folders} for file in (share / folder).rglob("*")))
"""


def main() -> int:
    """Try every setuptools in every layout; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setuptools", nargs="+", default=["59.6.0", "68.1.2", "79.0.1"])
    for version in parser.parse_args().setuptools:
        if version.startswith("59.") and sys.version_info >= (3, 12):
            print(
                f"setuptools {version}: left out, it does not run on Python {sys.version_info.major}.{sys.version_info.minor}"
            )
            continue
        with tempfile.TemporaryDirectory(prefix="try_colcon_") as folder:
            try_setuptools(version, Path(folder))
    return 0


def try_setuptools(version: str, folder: Path) -> None:
    """Build, look at what was installed and run it, in every layout; then run some tests by `colcon test`."""
    python = make_environment(folder / "environment", version)
    workspace = folder / "workspace"
    copy_sources(workspace / "src" / PACKAGE)
    for layout, options in LAYOUTS.items():
        for name in ("build", "install", "log"):
            shutil.rmtree(workspace / name, ignore_errors=True)
        run([python, "-m", "colcon", "build", *options], workspace)
        check_installed(workspace, python, merged=layout == "merged")
        print(f"setuptools {version}, {layout}: ok", flush=True)
    run([python, "-m", "colcon", "test", "--merge-install", "--pytest-args", "-k", "test_camera or test_package"], workspace)
    said = run([python, "-m", "colcon", "test-result", "--all"], workspace)
    tests = next(line for line in said.splitlines() if line.startswith("Summary:"))
    check("Summary: 0 tests" not in tests and " 0 errors, 0 failures" in tests, f"colcon test: {said}")
    print(f"setuptools {version}, colcon test: {tests}", flush=True)


def make_environment(folder: Path, setuptools: str) -> str:
    """Make a virtual environment with colcon and this setuptools, and everything else from the running one."""
    run([sys.executable, "-m", "venv", str(folder)])
    python = str(folder / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", f"setuptools=={setuptools}", "wheel", *COLCON])
    site = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    lender = sysconfig.get_path("purelib")  # added as a site, so that its own .pth files count: ros2_lite's is one
    (site / "borrowed.pth").write_text(f"import site; site.addsitedir({lender!r})\n")
    return python


def copy_sources(target: Path) -> None:
    """Copy what git tracks or would track, as a clone has it."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.splitlines()):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def check_installed(workspace: Path, python: str, merged: bool) -> None:
    """Raise AssertionError where an executable, a shared file or the path to `depth-sr` is missing or wrong."""
    prefix = workspace / "install" if merged else workspace / "install" / PACKAGE
    scripts = {file.name: file for file in (prefix / "lib" / PACKAGE).iterdir()}
    check(set(scripts) == EXECUTABLES, f"executables: {sorted(scripts)}")
    for script in scripts.values():
        first = script.read_text().splitlines()[0]
        check(first == f"#!{python}", f"{script} begins with {first}, not with the environment's Python")
    found = in_workspace(workspace, "command -v depth-sr").strip()
    check(found == str(scripts["depth-sr"]), f"depth-sr on the path: {found or 'none'}")
    methods = in_workspace(workspace, "depth-sr methods")
    check("x4 x8 x16" in methods, f"no weights are found: {methods}")
    ros2 = f"PATH=$PATH:{Path(sys.executable).parent} ros2"
    check("usage: depth-sr" in in_workspace(workspace, f"{ros2} run {PACKAGE} depth-sr --help"), "ros2 run finds no depth-sr")
    check("method" in in_workspace(workspace, f"{ros2} launch {PACKAGE} sr.launch.py --show-args"), "no arguments are shown")
    listed = in_workspace(workspace, f"{python} -c {shlex.quote(LIST_SHARED_FILES.format(folders=SHARED_FOLDERS))}")
    missing = shared_files(ROOT) - set(listed.splitlines())
    check(not missing, f"not installed: {sorted(missing)}")


def shared_files(root: Path) -> set[str]:
    """Return the files that are to be found where the package is installed."""
    files = (file for folder in SHARED_FOLDERS for file in (root / folder).rglob("*"))
    return {str(file.relative_to(root)) for file in files if file.is_file() and "__pycache__" not in file.parts}


def in_workspace(workspace: Path, command: str) -> str:
    """Run a shell command where the workspace's setup.bash is sourced, and nothing else of this environment is on the path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    return run(["bash", "-c", f"source install/setup.bash && {command}"], workspace, environment)


def run(command: list[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed; where it fails, raise AssertionError with all that it said."""
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def check(fine: bool, what: str) -> None:
    """Raise AssertionError with a text, also where Python runs without assertions."""
    if not fine:
        raise AssertionError(what)


if __name__ == "__main__":
    sys.exit(main())

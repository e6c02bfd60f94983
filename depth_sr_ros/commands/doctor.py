"""`depth-sr doctor`: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.system.package_files import share_directory
from depth_sr_ros.system.system_info import cpu_flags, cpu_model, package_versions

if TYPE_CHECKING:
    from depth_sr_ros.backends import Backend

RECEIVE_BUFFER = 4 << 20  # bytes; with Linux's 208 KiB, images come late or not at all
DEFAULT_MIDDLEWARE = "rmw_fastrtps_cpp"
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")  # of Fast DDS 2 and 3
Finding = tuple[str, str, bool]  # what, how it is, whether that is fine


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("doctor", help="say what this machine has and what it lacks; status 1 where it matters")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found, faults marked with an exclamation mark; return 1 where there are any."""
    healthy = True
    for what, state, fine in _findings():
        print(f"{' ' if fine else '!'} {what:<16} {state}")
        healthy &= fine
    return 0 if healthy else 1


def _findings() -> Iterator[Finding]:
    yield "python", f"{platform.python_version()} on {platform.platform()}", True
    yield from _versions()
    flags = " ".join(cpu_flags()) or "no vector extensions found"
    yield "cpu", f"{cpu_model()}, {os.cpu_count()} cores, {flags}", True
    yield "gpu", _gpu(), True
    yield from _backends()
    yield from _ros()
    yield from _receive_buffer()
    yield from _weights()


def _versions() -> Iterator[Finding]:
    from depth_sr_ros import __version__

    yield "depth_sr_ros", __version__, True
    import cv2

    yield "opencv", cv2.__version__ + ("" if hasattr(cv2, "ximgproc") else ", without ximgproc"), True
    for package, version in package_versions().items():
        yield package, version or "not installed", True


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none that PyTorch can use"


def _backends() -> Iterator[Finding]:
    from depth_sr_ros.backends import known_backends, make_backend

    usable = 0
    for name in known_backends():
        backend = make_backend(name)
        if reason := backend.unavailable():
            yield f"  {name}", reason, True
        elif fault := _fault(backend):
            yield f"  {name}", f"cannot compile, so it is left out: {fault}", False
        else:
            usable += 1
            yield f"  {name}", f"compiles on {backend.device}, {' or '.join(backend.precisions())}", True
    if not usable:
        yield "backends", "none can be used: nothing will run", False


def _fault(backend: Backend) -> str | None:
    """Why a backend does not compile a network of two layers, or computes something else; None where it does right.

    It is built anew, past the engines on disk.
    """
    import torch

    from depth_sr_ros.backends.base import TOLERANCE, relative_error, run_eager

    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 3, padding=1)
    network, inputs = torch.nn.Sequential(*layers).eval(), (torch.linspace(0, 1, 256).reshape(1, 1, 16, 16),)
    precision = backend.precisions()[0]
    try:
        difference = relative_error(backend.build(network, inputs, precision)(*inputs), run_eager(network, inputs))
    except Exception as error:  # of any kind that a runtime that is half installed comes up with
        return " ".join(str(error).split()) or type(error).__name__
    return None if difference <= TOLERANCE[precision] else f"at {precision} it differs from PyTorch by {difference:.2g}"


def _ros() -> Iterator[Finding]:
    spec = importlib.util.find_spec("rclpy")
    if spec is None or spec.origin is None:
        yield "ros", "no rclpy, which only the node needs: see docs/installation.md", True
        return
    yield "ros", f"ROS_DISTRO {os.environ.get('ROS_DISTRO', 'is not set')}, rclpy from {Path(spec.origin).parent}", True
    middleware = os.environ.get("RMW_IMPLEMENTATION") or DEFAULT_MIDDLEWARE
    yield "rmw", middleware, True
    if "fastrtps" in middleware:
        yield _fast_dds_profile()


def _fast_dds_profile() -> Finding:
    """What Fast DDS reads; its own defaults lose images of some megabytes."""
    named = {name: os.environ[name] for name in PROFILE_VARIABLES if os.environ.get(name)}
    if not named:
        profile = share_directory() / "config" / "fastdds.xml"
        return "fast dds", f"no profile, so large images may be lost: export {PROFILE_VARIABLES[0]}={profile}", True
    for name, path in named.items():
        if not Path(path).is_file():
            return "fast dds", f"{name} is {path}, which is no file: its defaults hold, and large images may be lost", False
    return "fast dds", f"profile {', '.join(sorted(set(named.values())))}", True


def _receive_buffer(setting: Path = Path("/proc/sys/net/core/rmem_max")) -> Iterator[Finding]:
    try:
        size = int(setting.read_text())
    except (OSError, ValueError):
        return
    advice = f", small for images over DDS: sudo sysctl -w net.core.rmem_max={RECEIVE_BUFFER}"
    yield "rmem_max", f"{size} bytes{advice if size < RECEIVE_BUFFER else ''}", True


def _weights() -> Iterator[Finding]:
    from depth_sr_ros.methods.errors import MethodError
    from depth_sr_ros.methods.registry import weights_directory
    from depth_sr_ros.methods.weights import read_manifest, sha256_of

    try:
        paths = sorted(weights_directory().glob("*.safetensors"))
    except OSError as error:
        yield "weights", str(error), False
        return
    if not paths:
        yield "weights", f"none in {weights_directory()}: only the baselines work", False
    for path in paths:
        try:
            intact = read_manifest(path).sha256 == sha256_of(path)
            yield (
                "weights",
                f"{path.name}: {'intact' if intact else 'damaged: its sha256 is not that of its manifest'}",
                intact,
            )
        except MethodError as error:
            yield "weights", str(error), False

"""`depth-sr doctor`: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from depth_sr_ros.system.system_info import cpu_flags, cpu_model, package_versions

RECEIVE_BUFFER = 4 << 20  # bytes; with Linux's 208 KiB, images come late or not at all
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
    yield "ros", _ros(), True
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
        reason = backend.unavailable()
        usable += reason is None
        state = f"ready on {backend.device}, {' or '.join(backend.precisions())}" if reason is None else reason
        yield f"  {name}", state, True
    if not usable:
        yield "backends", "none can be used: nothing will run", False


def _ros() -> str:
    spec, lite = importlib.util.find_spec("rclpy"), importlib.util.find_spec("ros2_lite")
    if spec is None or spec.origin is None:
        return "no rclpy, which only the node needs: source a ROS 2 installation, or install ros2_lite"
    if lite is not None and lite.origin is not None and Path(lite.origin).parent in Path(spec.origin).parents:
        return f"ros2_lite {importlib.metadata.version('ros2_lite')} in place of ROS 2"
    distro = os.environ.get("ROS_DISTRO", "(ROS_DISTRO is not set)")
    return f"ROS 2 {distro}, rclpy from {Path(spec.origin).parent}"


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

"""What a machine is and what is installed on it: what a measurement must be read with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

CPU_FLAGS = (  # those that matter to networks
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "sve",
    "i8mm",
    "bf16",
)
PACKAGES = ("numpy", "torch", "numba", "safetensors", "openvino", "rosbags")
CPUINFO = Path("/proc/cpuinfo")


def cpu_flags(cpuinfo: Path = CPUINFO) -> list[str]:
    """The flags that matter to networks, as Linux names them on x86 ("flags") and ARM ("Features")."""
    found = (_field(cpuinfo, "flags") or _field(cpuinfo, "Features")).split()
    return [flag for flag in CPU_FLAGS if flag in found]


def cpu_model(cpuinfo: Path = CPUINFO) -> str:
    """The processor's name; its architecture where Linux gives it no name."""
    return _field(cpuinfo, "model name") or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def package_versions() -> dict[str, str | None]:
    """The versions of the packages that results depend on; None for those that are not installed."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def system_info() -> dict[str, object]:
    """Processor, cores that may be used, flags, system, versions: what a result is filed with."""
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "flags": cpu_flags(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
    }


def _field(cpuinfo: Path, name: str) -> str:
    """The value of the first line `name : value`; empty where there is none."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == name), "")

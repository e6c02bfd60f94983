"""Measure /depth_sr as a process, fed over DDS by the simulated camera: rates, latency, drops, memory.

    python benchmark/stream.py --method fdkn --seconds 60 -o stream.json

Exit status 1 where no result came, or the node's memory grew by more than --growth MB after the first third.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor

from depth_sr_ros.demo.figures import drops_between, latency_percentiles
from depth_sr_ros.demo.observer import Observer
from depth_sr_ros.system.system_info import system_info

START_S = 300.0  # until the first result: the scene may have to be made, the network to be compiled
CAMERA = {
    "rgb/image": "/camera/color/image_raw",
    "rgb/camera_info": "/camera/color/camera_info",
    "depth/image": "/camera/depth/image_raw",
    "depth/camera_info": "/camera/depth/camera_info",
}


@contextmanager
def node(module, parameters, *arguments):
    """A node of the package in a process of its own, ended as ctrl-c ends it."""
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    process = subprocess.Popen([sys.executable, "-m", f"depth_sr_ros.{module}", "--ros-args", *arguments, *words])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def resident_mb(pid):
    """Memory of a process that is in RAM, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def cpu_s(pid):
    """Seconds that a process has computed, on all cores together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def spinning(watcher):
    """Serve a node's callbacks in a thread."""
    executor = SingleThreadedExecutor()
    executor.add_node(watcher)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join()


def next_report(process, observer, timeout_s=10.0):
    """Wait until the node reports on /diagnostics, which it does every second."""
    count, deadline = observer.reports, time.monotonic() + timeout_s
    while observer.reports == count:
        if process.poll() is not None:
            raise SystemExit(f"the node ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise SystemExit(f"no report on /diagnostics within {timeout_s:g} s")
        time.sleep(0.005)
    return observer.report


def measure(options, process, observer):
    """Watch from one report to another, for options.seconds; another thread fills the observer."""
    deadline = time.monotonic() + START_S
    while not observer.results:
        next_report(process, observer, START_S)
        if time.monotonic() > deadline:
            raise SystemExit(f"no result within {START_S:g} s")
    time.sleep(options.warm_up)
    before = next_report(process, observer)
    observer.restart()
    pid = process.pid
    computed, start = cpu_s(pid), time.monotonic()
    memory = []
    while (elapsed := time.monotonic() - start) < options.seconds:
        memory.append(resident_mb(pid))
        print(
            f"{elapsed:4.0f} s: {len(observer.results)} of {len(observer.inputs)} frames, {memory[-1]:g} MB",
            flush=True,
        )
        time.sleep(1)
    after = next_report(process, observer)
    elapsed = time.monotonic() - start
    if not observer.results:
        raise SystemExit("results stopped coming")
    return {
        "machine": system_info(),
        "running": {name: after[name] for name in ("method", "scale", "backend")},
        "seconds": round(elapsed, 1),
        "input_hz": round(len(observer.inputs) / elapsed, 2),
        "output_hz": round(len(observer.results) / elapsed, 2),
        "latency_ms": latency_percentiles(list(observer.results.values())),
        "stages_ms": {name: float(value) for name, value in after.items() if name.startswith("ms.")},
        "drops": drops_between(before, after),
        "cores_used": round((cpu_s(pid) - computed) / elapsed, 2),
        "memory_mb": memory,
        "memory_growth_mb": round(max(memory) - max(memory[: max(1, len(memory) // 3)]), 1),
    }


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="fdkn")
    parser.add_argument("--scale", type=int, default=8)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--rate", type=float, default=30.0, help="of the camera, frames a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="(default: %(default)s)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds (default: %(default)s)")
    parser.add_argument("--growth", type=float, default=20.0, help="MB that memory may grow (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, help="JSON file of all that was measured")
    return parser.parse_args()


def main():
    """Start, measure, stop, write."""
    options = parse()
    rclpy.init()
    settings = {"method": options.method, "scale": options.scale, "backend": options.backend}
    remaps = [word for ours, theirs in CAMERA.items() for word in ("-r", f"{ours}:={theirs}")]
    with ExitStack() as stack:
        stack.enter_context(node("demo.camera_node", {"rate": options.rate, "scale": options.scale}))
        upsampler = stack.enter_context(node("node.depth_sr_node", settings, *remaps))
        watcher = rclpy.create_node("benchmark")
        observer = Observer(watcher)
        stack.enter_context(spinning(watcher))
        figures = measure(options, upsampler, observer)
    rclpy.try_shutdown()
    text = json.dumps(figures, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")
    return int(figures["memory_growth_mb"] > options.growth)


if __name__ == "__main__":
    sys.exit(main())

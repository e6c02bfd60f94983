"""Compiled loops: what lies on disk never fails a call, and two threads may run parallel loops at once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = """
import logging
import sys
import threading

import numpy as np

logging.basicConfig(level=logging.WARNING)


def total():
    import numba

    from depth_sr_ros.system.compiled import compiled

    @compiled()
    def square(value):
        return value * value

    @compiled(parallel=True)
    def squares(values, out):
        for i in numba.prange(values.size):
            out[i] = square(values[i])

    return squares


def run(loop):
    values = np.arange(5000.0)
    out = np.empty_like(values)
    for _ in range(50):
        loop(values, out)
        assert np.array_equal(out, values**2)


if __name__ == "__main__":
    loop = total()
    threads = [threading.Thread(target=run, args=(loop,)) for _ in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("right")
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "loops" / "loops.py"
    path.parent.mkdir()
    path.write_text(MODULE)
    return path


def run(script, threads=1, **environment):
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(script.parent), **environment}
    return subprocess.run([sys.executable, script, str(threads)], capture_output=True, text=True, env=environment)


def test_damaged_code_on_disk_is_compiled_anew_and_said_once(script):
    assert run(script).stdout == "right\n"
    files = [path for ending in ("nbi", "nbc") for path in (script.parent / "__pycache__").glob(f"*.{ending}")]
    assert len(files) == 4
    whole = {path: path.read_bytes() for path in files}
    for damage in (lambda data: b"", lambda data: data[: len(data) // 2], lambda data: bytes(255 - b for b in data[:200])):
        for ending in ("nbi", "nbc"):
            for path, data in whole.items():
                path.write_bytes(damage(data) if path.suffix == f".{ending}" else data)
            found = run(script)
            assert found.returncode == 0 and found.stdout == "right\n", found.stderr
            assert found.stderr.count("compiled loops cannot be kept or read") == 1
    mended = run(script)
    assert mended.stdout == "right\n" and not mended.stderr, "the damaged files have been replaced"


def test_loops_run_where_no_folder_can_be_written(script):
    (script.parent / "__pycache__").write_text("a file is no folder")
    found = run(script, HOME="/dev/null", XDG_CACHE_HOME="/dev/null", NUMBA_CACHE_DIR="/dev/null/cache")
    assert found.stdout == "right\n", found.stderr
    assert found.stderr.count("compiled loops cannot be kept or read") == 1


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_two_threads_may_run_parallel_loops_at_once(script, layer):
    found = run(script, threads=3, NUMBA_NUM_THREADS="2", NUMBA_THREADING_LAYER=layer)
    assert found.returncode == 0 and found.stdout == "right\n", found.stderr

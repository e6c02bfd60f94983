"""Ctrl-C while a command starts, works and ends."""

import os
import signal
import subprocess
import sys

import pytest
from shadowed_modules import run_with_module

from depth_sr_ros.commands.interrupts import handle_interrupts

INTERRUPT = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept BaseException:\n    pass\n"


def test_an_interrupt_ends_a_command_that_still_imports(tmp_path):
    """Also where a library catches everything that is raised while it is imported, as some do."""
    done = run_with_module(tmp_path, "cv2", INTERRUPT, "doctor")
    assert done.returncode == 130 and done.stderr == ""


def test_an_interrupt_while_python_ends_is_quiet(tmp_path):
    """It comes from what Python calls at its end, after the command has failed."""
    late = "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)\nraise OSError('no cv2')\n"
    done = run_with_module(tmp_path, "cv2", late, "doctor")
    assert done.returncode == -signal.SIGINT and "Traceback" not in done.stderr


def test_an_interrupt_of_work_can_be_caught_to_put_things_away():
    before = signal.getsignal(signal.SIGINT)
    try:
        handle_interrupts()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_output_that_nobody_reads_any_more_is_no_error():
    """As `depth-sr methods | head -1` has it."""
    command = [sys.executable, "-m", "depth_sr_ros.commands.main", "methods"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141

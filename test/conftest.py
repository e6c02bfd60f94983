"""Settings and fixtures that tests share."""

import os
from pathlib import Path

import pytest

# Tests run on small machines beside other work: one thread each ends sooner than threads that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)  # a graph of this run's own


@pytest.fixture(scope="session", autouse=True)
def engines(tmp_path_factory) -> Path:
    """A folder for the engines of this run, not the user's: what one test compiled the next one reads."""
    folder = tmp_path_factory.mktemp("engines")
    os.environ["DEPTH_SR_ENGINES"] = str(folder)
    return folder


@pytest.fixture(scope="module")
def ros():
    """rclpy, for a module's tests."""
    import rclpy

    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    """A folder for rendered scenes."""
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture
def short_runs_on_the_cpu(monkeypatch):
    """Short validation; and no GPU, whose results are not the same to the last bit: see test_training_gpu.py."""
    import torch

    from depth_sr_ros.training import trainer

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(trainer, "VALIDATION_SAMPLES", 1)
    monkeypatch.setattr(trainer, "VALIDATE_EVERY", 2)

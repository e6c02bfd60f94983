"""benchmark/registration.py on small recordings."""

import json
import os

from benchmark_script import run_script
from recordings import DEPTH_FRAME, write_recording


def test_each_way_of_using_a_recording_is_measured(tmp_path):
    """The raw recording says that its depth camera stands aside, where in truth it does not: projected, depth is moved off."""
    raw = write_recording(tmp_path / "raw", 2, depth_frame=DEPTH_FRAME, offset_m=0.2)
    registered = write_recording(tmp_path / "registered", 2)
    names = ("--raw", str(raw), "--registered", str(registered), "--reference", str(registered))
    pictures = tmp_path / "pictures"
    done = run_script(
        "registration.py", *names, "--method", "bicubic", "--scale", "4", "--every", "1", "--pictures", str(pictures),
        environment=os.environ, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    unregistered, projected, fed = report.values()
    assert unregistered["rmse_m"] == fed["rmse_m"] < 0.7 * projected["rmse_m"]
    assert (unregistered["way"], projected["way"], fed["way"]) == ("reduced", "projected", "reduced")
    assert fed["gradient_at_edges"] > 1.5 * projected["gradient_at_edges"] and fed["frames"] == 2
    assert len(list(pictures.glob("*.png"))) == 3

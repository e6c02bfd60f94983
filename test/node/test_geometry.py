"""The geometry stage in a node: whose view the result has, and what cannot be brought into it."""

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from make_messages import camera_info, image, set_header
from ros_graph import camera, running_node, wait_until

from depth_sr_ros.core.calibration import extrinsics_of
from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.lens import Lens
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.core.working_grid import Rig
from depth_sr_ros.node.messages import decode_depth

SCALE, BASELINE = 4, "0.05 0 0 0 0 0"
COLOUR, DEPTH = "colour_frame", "depth_frame"
MM = np.full((12, 16), 1500, np.uint16)
MM[3:8, 4:9] = 900


@pytest.fixture(scope="module")
def running(ros):
    """A node whose depth camera stands beside the colour camera."""
    parameters = "method:=bicubic", f"scale:={SCALE}", f"depth_to_colour:='{BASELINE}'", "clip_to_measured:=false"
    with running_node(*parameters), camera() as it:
        yield it


class Pair:
    """A colour image of 50 x 40 pixels and MM, with their camera_info, in two frames."""

    def __init__(self, colour_size=(50, 40), depth=MM, frames=(COLOUR, DEPTH), d=(0.0,) * 5, f=12.0):
        self.frames, self.depth = frames, depth
        self.colour = np.random.default_rng(0).integers(0, 256, (*colour_size[::-1], 3), np.uint8)
        self.infos = camera_info(*colour_size, 40.0, frame=frames[0]), camera_info(*depth.shape[::-1], f, frame=frames[1])
        self.infos[0].d = list(d)

    def send(self, it, infos=(True, True)):
        publishers = it.rgb_info, it.depth_info
        stamp = it.next_stamp()
        for publisher, info, wanted in zip(publishers, self.infos, infos, strict=True):
            if wanted:
                publisher.publish(set_header(info, stamp, info.header.frame_id))
        it.rgb.publish(set_header(image(self.colour, "rgb8"), stamp, self.frames[0]))
        it.depth.publish(set_header(image(self.depth, "16UC1"), stamp, self.frames[1]))
        return stamp

    def answer(self, it, **options):
        """Send until an answer comes: its image and, where there is one, its camera_info."""
        sent = set()

        def answered():
            sent.add(self.send(it, **options))
            return sent & set(it.images)

        stamp = max(wait_until(answered, "an answer"))
        return it.images[stamp], it.infos.get(stamp)

    def dropped(self, it, reason):
        """Send until it is dropped for that reason; the line that the diagnostics have for it."""
        before = it.drops().get(reason, 0)
        wait_until(lambda: self.send(it) and it.drops().get(reason, 0) > before, f"a drop for {reason}")


def expected(pair, lens=None):
    size = pair.colour.shape[1], pair.colour.shape[0]
    colour = PinholeCamera(*size, 40.0, 40.0, (size[0] - 1) / 2, (size[1] - 1) / 2, lens=lens or Lens())
    depth = PinholeCamera(16, 12, 12.0, 12.0, 7.5, 5.5)
    return Rig(colour, depth, extrinsics_of([float(word) for word in BASELINE.split()]), SCALE).bring(pair.depth)


def is_upsampled(message, pair, grid):
    """Whether a message's depth is what bicubic makes of a grid."""
    wanted = Upsampler("bicubic", SCALE, clip_to_measured=False)(pair.colour, grid).depth
    depth = decode_depth(message)
    return depth.shape == wanted.shape and np.allclose(depth, wanted, atol=1e-5, equal_nan=True)


def become(running, pair, grid):
    """Wait until the answer to a pair is what bicubic makes of a grid, and return it: a change takes a moment."""
    found = []

    def answered():
        found[:] = pair.answer(running)
        return is_upsampled(found[0], pair, grid)

    wait_until(answered, "the result to be that of the grid")
    return found


def test_the_result_has_the_colour_cameras_view_and_size(running):
    pair = Pair()
    out, info = pair.answer(running)
    assert (out.width, out.height) == (info.width, info.height) == (50, 40)
    assert out.header.frame_id == info.header.frame_id == COLOUR
    np.testing.assert_array_equal(info.k, pair.infos[0].k)
    assert is_upsampled(out, pair, expected(pair))


def test_the_colour_cameras_lens_is_heeded(running):
    d = (0.3, 0.1, 0.0, 0.0, 0.0)
    pair = Pair(d=d)
    _, info = become(running, pair, expected(pair, Lens("plumb_bob", d)))
    assert tuple(info.d) == d


def test_depth_at_the_colour_images_size_gives_the_colour_images_size(running):
    pair = Pair((64, 48), np.kron(MM, np.ones((4, 4), np.uint16)), (COLOUR, COLOUR), f=40.0)
    assert running.set(depth_to_colour="tf") == ""
    try:
        out, _ = become(running, pair, MM)
        assert (out.width, out.height) == (64, 48)
    finally:
        assert running.set(depth_to_colour=BASELINE) == ""


def test_a_lens_that_is_not_known_matters_only_where_views_may_differ(running):
    pair = Pair((64, 48), frames=(COLOUR, COLOUR), f=10.0)
    for info in pair.infos:
        info.distortion_model, info.d = "double_sphere", [0.1] * 6
    pair.dropped(running, "bad_camera_info")
    assert running.set(depth_to_colour="tf") == ""
    try:
        become(running, pair, MM)
    finally:
        assert running.set(depth_to_colour=BASELINE) == ""


def test_frames_without_a_transform_are_counted_and_registration_none_trusts_the_user(running):
    assert running.set(depth_to_colour="tf") == ""
    try:
        pair = Pair((64, 48))
        pair.dropped(running, "no_transform")
        assert running.set(registration="none") == ""
        out, info = become(running, pair, MM)
        assert out.header.frame_id == info.header.frame_id == COLOUR
    finally:
        assert running.set(depth_to_colour=BASELINE, registration="auto") == ""


def transform(parent, child, xyz, quaternion=(0.0, 0.0, 0.0, 1.0)):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = map(float, xyz)
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, quaternion)
    return message


def test_the_depth_camera_stands_where_tf_says(running):
    """By way of a frame that both have in common; one that is not rigid is none."""
    pytest.importorskip("tf2_msgs")  # without which /tf is not read
    tf2_ros = pytest.importorskip("tf2_ros")
    assert running.set(depth_to_colour="tf") == ""
    try:
        Pair().dropped(running, "no_transform")
        links = [transform("body", COLOUR, (0.1, 0.2, 0.3)), transform("body", DEPTH, (0.15, 0.2, 0.3))]
        broadcaster = tf2_ros.StaticTransformBroadcaster(running.node)
        broadcaster.sendTransform(links)
        pair = Pair()
        become(running, pair, expected(pair))
        broadcaster.sendTransform([transform("body", "tilted", (0, 0, 0), (0.0, 0.0, 0.0, 0.5))])
        Pair(frames=(COLOUR, "tilted")).dropped(running, "no_transform")  # TF itself does not take it
    finally:
        assert running.set(depth_to_colour=BASELINE) == ""


def test_depth_that_lands_nowhere_is_counted(running):
    assert running.set(depth_to_colour="50 0 0 0 0 0") == ""
    try:
        Pair().dropped(running, "no_overlap")
    finally:
        assert running.set(depth_to_colour=BASELINE) == ""
        Pair().answer(running)


def test_sizes_may_change_in_mid_stream(running):
    for size in ((50, 40), (64, 48), (33, 29)):
        pair = Pair(size)
        out, info = become(running, pair, expected(pair))
        assert (out.width, out.height) == (info.width, info.height) == size


def test_output_depth_is_scale_times_the_depth_image(running):
    assert running.set(output="depth") == ""
    try:
        pair = Pair((64, 48))
        wait_until(lambda: pair.answer(running)[0].header.frame_id == DEPTH, "the depth camera's view")
        out, info = pair.answer(running)
        assert (out.width, out.height) == (info.width, info.height) == (64, 48)
        np.testing.assert_allclose(info.k[0], SCALE * 12.0)
    finally:
        assert running.set(output="colour") == ""


def test_a_scale_of_0_follows_from_the_cameras(running):
    """The colour image has 3.3, then 1.7 times the depth camera's resolution."""
    assert running.set(scale=0) == ""
    try:
        Pair().answer(running)
        wait_until(lambda: running.fresh_diagnostics()["scale"] == "4" and Pair().answer(running), "scale 4")
        fine = Pair(depth=np.kron(MM, np.ones((2, 2), np.uint16)), f=24.0)
        wait_until(lambda: fine.send(running) and running.fresh_diagnostics()["scale"] == "2", "scale 2")
        assert "2 to 32" in running.set(scale=1)
    finally:
        assert running.set(scale=SCALE) == ""
        wait_until(lambda: Pair().answer(running) and running.fresh_diagnostics()["scale"] == "4", "the scale of before")


@pytest.mark.parametrize("text", ["1 2 3", "a b c d e f", "", "1 2 3 4 5 nan"])
def test_extrinsics_that_are_none_are_refused(running, text):
    assert "six numbers" in running.set(depth_to_colour=text)

"""What drivers really send, to the node on the wire."""

import cv2
import numpy as np
import pytest
from make_messages import camera_info, image, set_header
from ros_graph import MM, RGB, SCALE, camera, running_node, wait_until
from sensor_msgs.msg import CompressedImage

from depth_sr_ros.files.rvl import encode_rvl
from depth_sr_ros.node.compressed import decode_compressed_depth
from depth_sr_ros.node.messages import decode_depth


@pytest.fixture(scope="module")
def running(ros):
    """A node that is served by a camera; every test leaves its parameters as they were."""
    with running_node("method:=bicubic", f"scale:={SCALE}"), camera() as it:
        it.good()
        yield it


def sent(running, **options):
    """The image that answers one frame, whether or not a camera_info does; frames are sent until one is answered."""

    def answered():
        stamp = running.send(**options)
        try:
            return wait_until(lambda: running.images.get(stamp), "an answer", 0.5)
        except AssertionError:
            return None

    return wait_until(answered, "any answer")


def test_an_image_goes_out_whose_camera_info_is_for_another_size(running):
    out = sent(running, rgb=image(RGB[:24, :36], "rgb8"), depth=image(MM[:6, :9], "16UC1"))
    stamp = out.header.stamp.sec * 1_000_000_000 + out.header.stamp.nanosec
    assert (out.width, out.height) == (36, 24) and stamp not in running.infos
    message = running.fresh_diagnostics()["message"]
    assert "rgb: image is 36 x 24 pixels, its camera_info is for 48 x 32; the result's is withheld" in message
    assert "depth: image is 9 x 6 pixels, its camera_info is for 12 x 8" in message
    running.good()
    assert "withheld" not in running.fresh_diagnostics()["message"]


def test_a_camera_info_of_the_undecimated_size_is_scaled_and_told_of(running):

    def told():  # once what is kept of the right size is forgotten
        running.depth_info.publish(camera_info(24, 16, 20.0))
        return sent(running, infos=False) and "taken for decimated by 2" in running.diagnostics["message"]

    wait_until(told, "the note")
    out = sent(running, infos=False)
    stamp = out.header.stamp.sec * 1_000_000_000 + out.header.stamp.nanosec
    info = wait_until(lambda: running.infos.get(stamp), "its camera_info")
    assert (info.width, info.height) == (out.width, out.height) == (48, 32)
    np.testing.assert_allclose(info.k, [40, 0, 23.5, 0, 40, 15.5, 0, 0, 1])
    running.good()


def test_a_useless_camera_info_costs_itself_and_its_fault_is_told(running):
    useless = camera_info(12, 8, 10.0)
    useless.k, useless.p = np.full(9, np.nan), np.zeros(12)

    def told():
        running.depth_info.publish(useless)
        return sent(running, infos=False) and "camera_info cannot be used" in running.diagnostics["message"]

    wait_until(told, "the fault")
    running.good()


def test_units_and_values_of_no_return_are_live_parameters(running):
    depth = MM.copy()
    depth[0, 0], depth[0, 1] = 65535, 9999
    wait_until(lambda: np.isnan(decode_depth(sent(running, depth=image(depth, "16UC1")))[:4, :4]).all(), "65535 as no return")
    assert running.set(no_return=[9999.0, 65535.0], depth_unit=0.0002) == ""
    try:
        wait_until(
            lambda: np.isnan(decode_depth(sent(running, depth=image(depth, "16UC1")))[:4, :8]).all(), "9999 as no return"
        )
        np.testing.assert_allclose(decode_depth(sent(running))[16, 24], 2.016 / 5, atol=0.01)
    finally:
        assert running.set(no_return=[65535.0], depth_unit=0.001) == ""
    assert "depth_unit" in running.set(depth_unit=-1.0)


def test_a_unit_that_cannot_be_is_told_of_with_the_likely_one(running):
    millimetres = image(MM.astype(np.float32), "32FC1")
    wait_until(lambda: sent(running, depth=millimetres) and "is it millimetres?" in running.diagnostics["message"], "the doubt")
    figures = "the nearest 1000 m"
    assert figures in running.diagnostics["message"]
    farther = image(MM.astype(np.float32) * 1.5, "32FC1")
    sent(running, depth=farther)
    assert figures in running.fresh_diagnostics()["message"]  # one warning, not another one for each image's figures
    running.good()
    assert "millimetres" not in running.fresh_diagnostics()["message"]


def test_stamps_that_stand_still_are_told_of_and_pair_by_arrival(running):
    useless = {"rgb_stamp": 1, "depth_stamp": 1}
    wait_until(lambda: running.send(**useless) and "sync:=arrival would pair" in running.diagnostics["message"], "the advice")
    running.images.clear()
    assert running.set(sync="arrival", sync_tolerance_ms=200.0) == ""
    try:
        wait_until(lambda: running.send(**useless) and 1 in running.images, "an image by arrival")
    finally:
        assert running.set(sync="stamps", sync_tolerance_ms=20.0) == ""
        running.good()


def test_the_result_goes_out_as_compressed_depth_where_somebody_listens(running):
    received = []
    topic = "/depth_sr/image/compressedDepth"
    subscription = running.node.create_subscription(CompressedImage, topic, received.append, 10)
    try:
        for codec, encoding in (("png", "32FC1"), ("rvl", "16UC1")):
            assert running.set(compressed_codec=codec, output_encoding=encoding) == ""
            form = f"{encoding}; compressedDepth {codec}"
            wait_until(lambda: sent(running) and received and received[-1].format == form, form)
            metres = decode_compressed_depth(received[-1]) * (0.001 if encoding == "16UC1" else 1)
            raw = decode_depth(sent(running)) * (0.001 if encoding == "16UC1" else 1)
            np.testing.assert_allclose(metres, raw, atol=1e-3)
            assert received[-1].header.frame_id == "camera_optical_frame"
    finally:
        running.node.destroy_subscription(subscription)
        assert running.set(compressed_codec="png", output_encoding="32FC1") == ""


@pytest.mark.parametrize(
    ("transport", "form", "encode"),
    [
        ("compressedDepth", "16UC1; compressedDepth rvl", lambda: bytes(12) + encode_rvl(MM)),
        ("compressed", "16UC1; tiff compressed ", lambda: cv2.imencode(".tiff", MM)[1].tobytes()),
    ],
)
def test_depth_comes_in_as_the_transports_send_it(ros, transport, form, encode):
    with running_node("method:=bicubic", f"scale:={SCALE}", f"depth_transport:={transport}"), camera() as it:
        publisher = it.node.create_publisher(CompressedImage, f"/depth/image/{transport}", 10)

        def answered():
            stamp = it.send(depth=False)
            message = set_header(CompressedImage(format=form, data=encode()), stamp)
            publisher.publish(message)
            try:
                return wait_until(lambda: it.images.get(stamp), "an answer", 0.5)
            except AssertionError:
                return None

        out = wait_until(answered, "any answer")
        np.testing.assert_allclose(decode_depth(out)[16, 24], 2.016, atol=0.04)

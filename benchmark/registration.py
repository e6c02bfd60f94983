"""Measure what registration is worth on recordings of a colour and a depth camera that do not share a view.

    python benchmark/registration.py --raw RAW --registered LOW --reference FULL --method fdkn --scale 8 -o registration.json

RAW is a recording as the sensor sends it, with /tf_static; LOW the same frames with depth already in the colour camera's view;
FULL the same at the colour image's resolution, which results are compared with where both are valid. Each way of using them
gets the mean colour gradient along the result's depth edges (steps of more than 5 %), in units of the image's mean gradient:
1 is chance. --pictures writes one frame of each way.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from depth_sr_ros.core.calibration import camera_of
from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.rigid import from_quaternion
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.core.working_grid import Rig
from depth_sr_ros.files.depth_units import from_uint16_mm
from depth_sr_ros.files.previews import colour_depth

STEP = 0.05  # relative, between neighbours


@dataclass
class Frame:
    """One pair of a recording."""

    rgb: np.ndarray  # (H, W, 3) uint8
    depth: np.ndarray  # (h, w) uint16 millimetres
    colour_camera: PinholeCamera
    depth_camera: PinholeCamera
    depth_to_colour: np.ndarray | None  # None: both are in one frame


def frames(recording: Path) -> Iterator[Frame]:
    """The pairs of a recording, by order of arrival."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    latest, transform = {}, None
    with AnyReader([recording], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        for connection, _, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            if connection.msgtype == "tf2_msgs/msg/TFMessage":
                (link,) = message.transforms
                t, q = link.transform.translation, link.transform.rotation
                transform = from_quaternion((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))
                continue
            kind = ("depth" if "depth" in connection.topic else "colour", connection.msgtype.rsplit("/", 1)[1])
            latest[kind] = message
            if kind == ("depth", "CameraInfo") and len(latest) == 4:
                yield _frame(latest, transform)
                latest = {}


def _frame(latest, transform) -> Frame:
    rgb, depth = latest["colour", "Image"], latest["depth", "Image"]
    cameras = [
        camera_of(
            {"width": info.width, "height": info.height, "k": info.k, "d": info.d, "distortion_model": info.distortion_model}
        )
        for info in (latest["colour", "CameraInfo"], latest["depth", "CameraInfo"])
    ]
    same = rgb.header.frame_id == depth.header.frame_id
    pixels = rgb.data.reshape(rgb.height, rgb.width, 3)
    return Frame(pixels, depth.data.view(np.uint16).reshape(depth.height, depth.width), *cameras, None if same else transform)


def gradient_at_edges(rgb: np.ndarray, depth: np.ndarray) -> float:
    """Mean colour gradient at the depth's steps, by the image's mean."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    edges = np.zeros(depth.shape, bool)
    with np.errstate(invalid="ignore"):
        edges[:, 1:] |= np.abs(np.diff(depth, axis=1)) > STEP * np.minimum(depth[:, 1:], depth[:, :-1])
        edges[1:] |= np.abs(np.diff(depth, axis=0)) > STEP * np.minimum(depth[1:], depth[:-1])
    return float(gradient[edges].mean() / gradient.mean()) if edges.any() else float("nan")


def measure(upsampler: Upsampler, recording: Path, reference: Path, registration: str, every: int):
    """The figures of one way, and its first frame's picture."""
    rig, rows, picture = None, [], None
    for number, (frame, exact) in enumerate(zip(frames(recording), frames(reference), strict=True)):
        if number % every:
            continue
        if rig is None:
            cameras = frame.colour_camera, frame.depth_camera, frame.depth_to_colour
            rig = Rig(*cameras, upsampler.scale, registration=registration)
        result = upsampler(frame.rgb, rig.bring(frame.depth))
        truth = from_uint16_mm(exact.depth)
        both = result.valid & (truth > 0)
        error = result.depth[both] - truth[both]
        rows.append((gradient_at_edges(frame.rgb, result.depth), np.sqrt(np.mean(error**2)), np.abs(error).mean(), both.mean()))
        if picture is None:
            picture = _picture(frame.rgb, result.depth)
    gradient, rmse, mae, compared = np.mean(rows, axis=0)
    figures = {"gradient_at_edges": gradient, "rmse_m": rmse, "mae_m": mae, "compared": compared}
    return {"way": rig.way, "frames": len(rows), **{name: round(float(value), 4) for name, value in figures.items()}}, picture


def _picture(rgb: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Colour image, depth, and the depth's steps on the colour image, side by side."""
    near, far = np.nanpercentile(depth, (1, 99))
    marked = rgb.copy()
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(depth, axis=1)) > STEP * np.minimum(depth[:, 1:], depth[:, :-1])
    marked[:, 1:][steps] = (255, 0, 0)
    return np.hstack([rgb, colour_depth(depth, near, far), marked])


def main() -> None:
    """Measure every way and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--registered", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--method", default="fdkn")
    parser.add_argument("--scale", type=int, default=8)
    parser.add_argument("--every", type=int, default=10, help="take one of so many frames (default: %(default)s)")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each way")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    ways = {
        "unregistered": (options.raw, "none"),
        "projected": (options.raw, "auto"),
        "fed with registered depth": (options.registered, "auto"),
    }
    report = {}
    for method in dict.fromkeys((options.method, "bicubic")):
        upsampler = Upsampler(method, options.scale)
        for way, (recording, registration) in ways.items():
            report[f"{method}, {way}"], picture = measure(upsampler, recording, options.reference, registration, options.every)
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                path = options.pictures / f"{method}_{way.replace(' ', '_')}.png"
                cv2.imwrite(str(path), picture[..., ::-1])
    text = json.dumps(report, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

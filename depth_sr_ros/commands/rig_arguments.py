"""Arguments that tell of a colour and a depth camera that do not share a view."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_sr_ros.core.calibration import Calibration
    from depth_sr_ros.core.camera import PinholeCamera
    from depth_sr_ros.core.working_grid import Rig


def add_rig(parser: argparse.ArgumentParser) -> None:
    """Add --camera, or --colour-info, --depth-info and --extrinsics, and --reduction."""
    group = parser.add_argument_group("cameras", "without these the depth image is taken for the colour image's view")
    group.add_argument(
        "--camera", metavar="FILE", help="calibration of both cameras, as in config/cameras, or the name of a file there"
    )
    group.add_argument(
        "--colour-info",
        type=Path,
        metavar="FILE",
        help="the colour camera's camera_info, by camera_calibration or `ros2 topic echo --once`",
    )
    group.add_argument("--depth-info", type=Path, metavar="FILE", help="the depth camera's camera_info")
    group.add_argument(
        "--extrinsics",
        type=float,
        nargs=6,
        metavar=("X", "Y", "Z", "ROLL", "PITCH", "YAW"),
        help="of points from the depth camera's optical frame into the colour camera's, metres and radians (default: none)",
    )
    group.add_argument(
        "--reduction", default="median", help="median or mean: how depth finer than the grid is reduced (default: %(default)s)"
    )


class Cameras:
    """What brings images of two cameras together: known cameras, or images that are trusted to be registered.

    Args:
        calibration: of both, for images of their aspect ratio; None for images of one view, of any size.
        scale, reduction: of the rigs, see `working_grid.Rig`.
    """

    def __init__(self, calibration: Calibration | None, scale: int, reduction: str) -> None:
        self._calibration = calibration
        self._scale, self._reduction = scale, reduction
        self._rigs: dict[tuple, Rig] = {}

    def rig(self, colour_shape: tuple[int, int], depth_shape: tuple[int, int]) -> Rig:
        """The rig of images of these shapes.

        Raises:
            ValueError: an image is of another ratio than its camera, or than the other image, where no cameras are known.
        """
        shapes = colour_shape, depth_shape
        if shapes not in self._rigs:
            self._rigs = {shapes: self._made(*shapes)}
        return self._rigs[shapes]

    def _made(self, colour_shape: tuple[int, int], depth_shape: tuple[int, int]) -> Rig:
        from depth_sr_ros.core.working_grid import Rig, registered_rig

        known = self._calibration
        if known is None:
            return registered_rig(colour_shape, depth_shape, self._scale, reduction=self._reduction)
        cameras = _fitted("colour", known.colour, colour_shape), _fitted("depth", known.depth, depth_shape)
        return Rig(*cameras, known.depth_to_colour, self._scale, reduction=self._reduction)


def cameras_of(arguments: argparse.Namespace) -> Cameras:
    """What the arguments tell of cameras.

    Raises:
        ValueError: the arguments do not go together, or a file is none.
        OSError: a file cannot be read.
    """
    from depth_sr_ros.core.calibration import Calibration, extrinsics_of, read_calibration, read_camera

    calibration: Calibration | None
    colour, depth, extrinsics = arguments.colour_info, arguments.depth_info, arguments.extrinsics
    if arguments.camera:
        if colour or depth or extrinsics:
            raise ValueError("--camera tells all that --colour-info, --depth-info and --extrinsics tell: give it or them")
        calibration = read_calibration(_camera_file(arguments.camera))
    elif colour and depth:
        calibration = Calibration(read_camera(colour), read_camera(depth), extrinsics_of(extrinsics or (0.0,) * 6))
    elif colour or depth or extrinsics:
        raise ValueError("--colour-info and --depth-info are both needed to bring depth into the colour image's view")
    else:
        calibration = None
    return Cameras(calibration, arguments.scale, arguments.reduction)


def _fitted(name: str, camera: PinholeCamera, shape: tuple[int, int]) -> PinholeCamera:
    height, width = shape
    if width * camera.height != height * camera.width:
        raise ValueError(
            f"{name} image is {width} x {height} pixels, its calibration is for {camera.width} x {camera.height}: "
            "another part of the sensor; give the calibration of this very mode"
        )
    return camera.resized(width, height)


def _camera_file(name: str) -> Path:
    from depth_sr_ros.system.package_files import share_directory

    path = Path(name)
    if path.is_file() or path.suffix == ".yaml":
        return path
    folder = share_directory() / "config" / "cameras"
    if not (folder / f"{name}.yaml").is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise ValueError(f"--camera {name!r} is no file; known cameras are {known}")
    return folder / f"{name}.yaml"

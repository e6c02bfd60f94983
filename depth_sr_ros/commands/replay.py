"""`depth-sr replay`: what each method makes of a recording."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_sr_ros.commands.arguments import check_outputs, names

if TYPE_CHECKING:
    from depth_sr_ros.replay.variants import Variant

DESCRIPTION = """\
Plays a recording (rosbag2 with MCAP or SQLite, compressed or not, or a ROS 1 bag) of a colour and a depth camera and measures
what each method makes of it. The recorded depth is the reference: the methods get it lowered by the scale, as a sensor of low
resolution would send it. With --degradation none they get it as it is, and only what needs no reference is measured."""


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("replay", help="compare methods on a recording of a robot", description=DESCRIPTION)
    parser.add_argument("recording", type=Path, help="folder of a rosbag2 recording, or a .bag file of ROS 1")
    parser.add_argument("--methods", nargs="+", default=["fdkn", "bicubic"], help="names, with commas or spaces between them")
    parser.add_argument("--scale", type=int, default=8, help="by which depth is lowered and upsampled (default: 8)")
    parser.add_argument(
        "--degradation", default="median", help="median (default), mean, decimated, bicubic, tof or none: how depth is lowered"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of the node; several values with commas are tried in turn: iterations=16,64",
    )
    for name in ("rgb_image", "rgb_info", "depth_image", "depth_info"):
        help_text = f"topic of the {name.replace('_', ' ')} in the recording (default: found by what it holds)"
        parser.add_argument(f"--{name.replace('_', '-')}", help=help_text)
    parser.add_argument(
        "--faster-than-real-time",
        action="store_true",
        help="frame by frame without a node: every pair is used, and two runs give the same figures",
    )
    parser.add_argument("--rate", type=float, default=1.0, help="how much faster than recorded it is played to the node")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--html", type=Path, help="write a page with pictures and curves here")
    parser.add_argument("--bag-out", type=Path, help="write the results here, a recording for each method (not frame by frame)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Replay, print a table, write what was asked for. What is wrong is found before the first frame."""
    import sys

    from tqdm import tqdm

    from depth_sr_ros.evaluation.lowering import DEGRADATIONS
    from depth_sr_ros.replay.pictures import Pictures
    from depth_sr_ros.replay.recording import open_recording
    from depth_sr_ros.replay.report import print_table, write_html, write_json

    if arguments.degradation not in DEGRADATIONS:
        raise ValueError(f"unknown degradation {arguments.degradation!r}: known are {', '.join(DEGRADATIONS)}")
    if not 0 < arguments.rate < float("inf"):
        raise ValueError(f"--rate is {arguments.rate:g}; it must be above 0")
    check_outputs({"--json": arguments.json, "--html": arguments.html}, {})
    if arguments.bag_out and (arguments.faster_than_real_time or arguments.bag_out.exists()):
        reason = "it is there already" if arguments.bag_out.exists() else "only a node's answers are kept"
        raise ValueError(f"cannot write --bag-out {arguments.bag_out}: {reason}")
    compared = _variants(arguments)
    topics = {name: getattr(arguments, name) for name in ("rgb_image", "rgb_info", "depth_image", "depth_info")}
    with open_recording(arguments.recording, {name: topic for name, topic in topics.items() if topic}) as recording:
        content = {
            "recording": arguments.recording.name,
            "recording_sha256": recording.sha256(),
            "degradation": arguments.degradation,
            "mode": "frame by frame" if arguments.faster_than_real_time else f"node, rate {arguments.rate:g}",
            **{name: topic for name, topic in vars(recording.topics).items() if topic},
        }
        pictures = Pictures(recording.length) if arguments.html else None
        with tqdm(
            total=recording.length * (1 if arguments.faster_than_real_time else len(compared)), unit="frame", disable=None
        ) as bar:

            def say(line: str) -> None:
                bar.write(line, file=sys.stderr)

            figures = _replay(arguments, recording, compared, say, bar.update, pictures)
    print_table(figures)
    if arguments.json:
        write_json(arguments.json, content, figures)
    if arguments.html:
        write_html(arguments.html, content, figures, pictures.frames if pictures else [])


def _replay(arguments, recording, compared: Sequence[Variant], say, progress, pictures) -> list:
    if arguments.faster_than_real_time:
        from depth_sr_ros.replay.offline import replay_offline

        return replay_offline(recording, compared, arguments.degradation, say=say, progress=progress, pictures=pictures)
    from depth_sr_ros.replay.live import replay_live

    return replay_live(
        recording,
        compared,
        arguments.degradation,
        arguments.rate,
        say=say,
        progress=progress,
        pictures=pictures,
        bag_out=arguments.bag_out,
    )


def _variants(arguments: argparse.Namespace) -> list[Variant]:
    from depth_sr_ros.replay.variants import variants

    common: dict[str, Any] = {}
    swept: dict[str, list[Any]] = {}
    for setting in arguments.set:
        name, separator, text = setting.partition("=")
        if not separator:
            raise ValueError(f"--set takes NAME=VALUE, got {setting!r}")
        values = [_typed(name, one) for one in text.split(",")]
        if len(values) > 1:
            swept[name] = values
        else:
            common[name] = values[0]
    return variants(names(arguments.methods), arguments.scale, common, swept)


def _typed(name: str, text: str) -> Any:
    """A value in the parameter's own kind; a name that is none is left to `variants`, which lists the known."""
    from depth_sr_ros.node.config import ROWS
    from depth_sr_ros.node.launch_arguments import typed

    return typed(name, text, ROWS[name].type) if name in ROWS else text

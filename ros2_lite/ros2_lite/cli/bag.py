"""ros2 bag"""

import time
from pathlib import Path

from rosbags.rosbag2 import Reader, ReaderError

from ros2_lite.cli import CliError, bag_play, bag_record, verbs

BAG = ("bag_path", {"type": Path, "help": "folder of the bag, or its .mcap or .db3 file"})


def add_arguments(parser):
    verbs(
        parser,
        info=(info, "show what is in a bag", BAG),
        play=(play, "publish what is in a bag, in its timing", BAG, *bag_play.ARGUMENTS),
        record=(bag_record.record, "write topics into a bag", *bag_record.ARGUMENTS),
    )


def play(args):
    with open_bag(args.bag_path) as reader:
        return bag_play.play(reader, args)


def open_bag(path):
    """A reader, to be used as a context; CliError where there is no readable bag."""
    try:
        reader = Reader(path)
        reader.open()
        reader.close()
    except FileNotFoundError as error:
        raise CliError(f"Bag path '{path}' does not exist or is no bag: {error}") from error
    except ReaderError as error:
        raise CliError(f"Cannot read bag '{path}': {error}") from error
    return reader


def info(args):
    path = args.bag_path
    with open_bag(path) as reader:
        count = reader.message_count
        start, end = (reader.start_time, reader.start_time + max(reader.duration - 1, 0)) if count else (0, 0)
        files = [path] if path.is_file() else sorted(f for f in path.iterdir() if f.suffix in (".mcap", ".db3", ".zstd"))
        rows = {
            "Files": "\n".join(file.name for file in files),
            "Bag size": _size(sum(file.stat().st_size for file in files)),
            "Storage id": "sqlite3" if ".db3" in files[0].name else "mcap",
            "ROS Distro": reader.ros_distro or "unknown",
            "Duration": f"{(end - start) / 1e9:.9f}s",
            "Start": _time(start),
            "End": _time(end),
            "Messages": count,
            "Topic information": "\n".join(
                f"Topic: {c.topic} | Type: {c.msgtype} | Count: {c.msgcount} | "
                f"Serialization Format: {c.ext.serialization_format}"
                for c in sorted(reader.connections, key=lambda c: c.topic)
            ),
        }
    for title, text in rows.items():
        print(f"{title + ':':19}" + str(text).replace("\n", "\n" + " " * 19))


def _time(stamp_ns):
    seconds, rest = divmod(stamp_ns, 10**9)
    return f"{time.strftime('%b %d %Y %H:%M:%S', time.localtime(seconds))}.{rest:09d} ({seconds}.{rest:09d})"


def _size(octets):
    for unit in ("B", "KiB", "MiB"):
        if octets < 1024:
            return f"{octets:.1f} {unit}"
        octets /= 1024
    return f"{octets:.1f} GiB"

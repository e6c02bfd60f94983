"""`depth-sr engines`: the compiled engines that are kept on disk."""

from __future__ import annotations

import argparse
import time


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("engines", help="list the compiled engines that are kept on disk, or remove them")
    parser.add_argument("action", choices=("list", "prune"), help="list them, or remove all (or what --most-mb leaves over)")
    parser.add_argument(
        "--most-mb", type=float, default=0.0, metavar="MB", help="prune: keep the ones used last, up to so many megabytes"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line an engine, or what was removed."""
    from depth_sr_ros.backends.engine_store import EngineStore, engines_directory

    store = EngineStore(engines_directory())
    if arguments.action == "prune":
        if not arguments.most_mb >= 0:
            raise ValueError(f"--most-mb is {arguments.most_mb:g}: it must be 0 or more")
        removed = store.prune(round(arguments.most_mb * 1e6))
        print(f"{len(removed)} removed from {store.directory}")
        return
    print(f"{'method':<14}{'scale':<7}{'depth':<12}{'backend':<22}{'precision':<11}{'MB':>7}  last used")
    for one in store.entries():
        facts = one.facts
        words = [facts.get(key, "?") for key in ("method", "scale", "depth", "backend", "precision")]
        print(
            f"{words[0]:<14}{'x' + words[1]:<7}{words[2]:<12}{words[3]:<22}{words[4]:<11}"
            f"{one.size / 1e6:>7.1f}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(one.used))}"
        )
    print(f"in {store.directory}")

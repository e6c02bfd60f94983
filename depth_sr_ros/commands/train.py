"""`depth-sr train`: from a recipe to a weights file."""

import argparse
import itertools
import math
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from depth_sr_ros.commands.arguments import check_has_folder
from depth_sr_ros.system.package_files import known_recipes, recipe_purpose

MOST_THREADS, MOST_WORKERS = 1024, 256  # beyond what a machine has use for

WIDTH, NAME = 100, 17  # characters: of the list of recipes, and of the names in it


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "train", help="train a method on generated scenes", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="a .yaml file, or the name of one that came with the package: they are listed below")
    parser.add_argument(
        "--scale",
        type=int,
        nargs="+",
        help="which of the recipe's scales (default: all); not where weights serve any scale",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("training_output"),
        help="checkpoint and weights go here (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_whole(0, MOST_WORKERS),
        help="processes that make samples (default: 1 on a CPU, one a core for a GPU; 0: none)",
    )
    parser.add_argument(
        "--threads", type=_whole(1, MOST_THREADS), help="CPU threads for network and teachers (default: one a core)"
    )
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=math.inf,
        help="stop at a checkpoint after so long; the same command goes on",
    )
    parser.set_defaults(run=run)
    parser.format_help = lambda: _help(parser)


def _help(parser: argparse.ArgumentParser) -> str:
    """The help with the recipes: looked up when it is asked for, as other commands must start without them."""
    listed = (f"  {name:<{NAME}}{recipe_purpose(name)}" for name in known_recipes())
    parser.epilog = "\n".join(
        ["recipes:", *(textwrap.fill(line, WIDTH, subsequent_indent=" " * (2 + NAME)) for line in listed)]
    )
    return type(parser).format_help(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train every scale in turn, until the time is over; a run that was stopped goes on."""
    if arguments.threads:  # a teacher's loops run on numba's threads, whose number numba reads when it is imported
        os.environ["NUMBA_NUM_THREADS"] = str(arguments.threads)

    import torch

    from depth_sr_ros.training.recipe import load_recipe
    from depth_sr_ros.training.trainer import Trainer, check_scale, files_of, runs

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = True  # on a GPU: every step has the same sizes
    # Moments of units without gradients shrink for ever: after some 1,700 steps a CPU would take twice as long.
    torch.set_flush_denormal(True)
    recipe = load_recipe(arguments.recipe)
    end = time.monotonic() + 60 * arguments.minutes
    scales = arguments.scale or runs(recipe)
    for scale in scales:  # before hours are spent on the first
        check_scale(recipe, scale)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for path in itertools.chain.from_iterable(files_of(recipe, scale, arguments.output) for scale in scales):
        check_has_folder(path)
    for scale in scales:
        trainer = Trainer(recipe, scale, arguments.output, arguments.workers)
        try:
            manifest = trainer.run(end - time.monotonic())
        except KeyboardInterrupt:
            print(f"\ninterrupted after {trainer.done} steps; the same command goes on from {_where(trainer.saved)}")
            raise
        print(f"{trainer.result}: validation RMSE {manifest.accuracy['validation_rmse_255']} of 255 levels")
        if trainer.done < trainer.recipe.steps:
            print(f"time is over after {trainer.done} of {trainer.recipe.steps} steps: the same command goes on from there")
            return


def _where(saved: int) -> str:
    return f"the checkpoint of step {saved}" if saved else "the beginning, as there is no checkpoint yet"


def _whole(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a whole number in that range."""

    def read(text: str) -> int:
        digits = text.isdecimal() and len(text) <= len(str(high))
        if not digits or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return read


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not minutes >= 0:  # which NaN is not
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes: 0 or more")
    return minutes

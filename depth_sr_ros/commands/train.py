"""`depth-sr train`: from a recipe to a weights file."""
import argparse
import math
import time
from pathlib import Path


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("train", help="train a method on generated scenes")
    parser.add_argument("recipe", help="a name from config/recipes, or a .yaml file")
    parser.add_argument(
        "--scale", type=int, nargs="+",
        help="which of the recipe's scales (default: all); not where weights serve any scale",
    )
    parser.add_argument("--output", type=Path, default=Path("training_output"), help="checkpoint and weights go here")
    parser.add_argument(
        "--workers", type=int, help="processes that make samples (default: 1 on a CPU, one a core for a GPU; 0: none)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads for the network (default: torch's)")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop at a checkpoint after so long; the same command goes on"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train every scale in turn, until the time is over; a run that was stopped goes on."""
    import torch

    from ..training.recipe import load_recipe
    from ..training.trainer import Trainer, runs

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = True  # on a GPU: every step has the same sizes
    recipe = load_recipe(arguments.recipe)
    end = time.monotonic() + 60 * arguments.minutes
    for scale in arguments.scale or runs(recipe):
        trainer = Trainer(recipe, scale, arguments.output, arguments.workers)
        manifest = trainer.run(end - time.monotonic())
        print(f"{trainer.result}: validation RMSE {manifest.accuracy['validation_rmse_255']} of 255 levels")
        if trainer.done < trainer.recipe.steps:
            print(f"time is over after {trainer.done} of {trainer.recipe.steps} steps: the same command goes on from there")
            return

"""`depth-sr evaluate`: accuracy of methods on a data set of pairs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.commands.arguments import add_degradation, check_outputs, names, weights_by_method, weights_files

if TYPE_CHECKING:
    from depth_sr_ros.evaluation.datasets import PairFolder
    from depth_sr_ros.evaluation.estimator import Estimator
    from depth_sr_ros.evaluation.protocol import Summary
    from depth_sr_ros.evaluation.report import Report
    from depth_sr_ros.methods.base import Method

LAYOUTS = """\
A data set is a folder of pairs, in one of these layouts:
  rgb/NAME.png + disparity/NAME.png (or depth/NAME.npy; colour, image, gt ... are known folder names too)
  NAME.color.jpg + NAME.depth.png, NAME_RGB.jpg + NAME_HR_gt.png, rgb.jpg + depth_m.npy
8-bit images are disparities in grey levels; 16-bit ones are millimetres, 0 invalid; .npy holds metres.

The LR depth is the ground truth's bicubic reduction, exactly. What the learned methods estimate is projected onto the
images with that reduction, as whoever knows how the input came about would do; baselines are left as the literature has
them. --consistency projects the baselines' estimates too, --no-consistency none.

An image that cannot be measured is named and left out of the means; the exit status is then 1."""


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="accuracy on a data set of RGB and depth or disparity pairs",
        epilog=LAYOUTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, nargs="*", help="folder of pairs: one or several, before the options")
    parser.add_argument("--scale", type=int, nargs="+", default=[8], help="one or several (default: 8)")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["all"],
        help="names with commas or spaces between them, or all that work at the scale (default); after the data sets",
    )
    parser.add_argument("--backend", default="torch_eager", help="what runs the networks (default: torch_eager)")
    parser.add_argument("--precision", default="f32", help="auto, f32 or bf16 (default: f32)")
    parser.add_argument("--weights", type=Path, help="a weights file in place of the package's; for one method")
    add_degradation(parser, "exact")
    parser.add_argument("--iterations", type=int, help="steps of methods that iterate (default: the method's own)")
    parser.add_argument(
        "--consistency",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="project all estimates, or none, onto those that reduce to the input (default: those of learned methods)",
    )
    parser.add_argument("--ensemble", action="store_true", help="take the mean over four flips, in four times the time")
    parser.add_argument("--json", type=Path, help="write all figures, versions and weights hashes here")
    parser.add_argument("--html", type=Path, help="write a page with pictures and error maps here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print a table, write what was asked for; return 1 where an image could not be measured.

    What is wrong with methods, weights, data sets or outputs is found before the first image.
    """
    from depth_sr_ros.backends import candidates
    from depth_sr_ros.evaluation.datasets import PairFolder, labels
    from depth_sr_ros.evaluation.estimator import Estimator
    from depth_sr_ros.evaluation.protocol import Summary
    from depth_sr_ros.evaluation.report import Report, print_table

    if not arguments.dataset:
        taken = f", or --methods takes them for names: {' '.join(arguments.methods)}" if arguments.methods != ["all"] else ""
        raise ValueError(f"no data set: give one folder or several before the options{taken}")
    methods = [method for scale in dict.fromkeys(arguments.scale) for method in _methods(arguments, scale)]
    backends = candidates(arguments.backend, precision=arguments.precision)
    data_sets = {label: PairFolder(folder) for label, folder in labels(arguments.dataset).items()}
    read = {str(file): file for pairs in data_sets.values() for files in pairs.files.values() for file in files}
    check_outputs({"--json": arguments.json, "--html": arguments.html}, read | weights_files(arguments.weights))
    units = {label: pairs.unit() for label, pairs in data_sets.items()}
    report = Report(with_pictures=arguments.html is not None)
    for label, pairs in data_sets.items():
        for method in methods:
            summary = Summary(
                label, method.name, method.scale, units[label],
                iterations=method.iterations if method.is_iterative else None,
                projected=method.learned if arguments.consistency is None else arguments.consistency,
                ensemble=arguments.ensemble,
            )  # fmt: skip
            evaluate(report, summary, pairs, Estimator(method, backends, arguments.precision, arguments.ensemble))
            report.add(summary, arguments.weights, arguments.degradation)
    print_table(report.summaries)
    if arguments.json:
        report.write_json(arguments.json)
    if arguments.html:
        report.write_html(arguments.html)
    return int(any(summary.not_measured for summary in report.summaries))


def evaluate(report: Report, summary: Summary, pairs: PairFolder, estimator: Estimator) -> None:
    """Put one data set through one method; an image that cannot be measured is noted, and costs no other."""
    from tqdm import tqdm

    from depth_sr_ros.evaluation.datasets import load_pair
    from depth_sr_ros.evaluation.protocol import try_pair

    for name, files in tqdm(pairs.files.items(), f"{summary.method} x{summary.scale}", leave=False):
        try:
            pair = load_pair(name, *files)
            trial = try_pair(pair, estimator, summary.scale, summary.projected, estimator.prepare)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:  # RuntimeError: backends, torch's memory
            summary.not_measured[name] = " ".join(str(error).split()) or type(error).__name__
            continue
        summary.add(trial)
        report.show(summary, trial)


def _methods(arguments: argparse.Namespace, scale: int) -> list[Method]:
    """The methods that are asked for, loaded, all of them fit for it."""
    from depth_sr_ros.methods.registry import check_iterations, load_method, methods_at

    named = names(arguments.methods)
    chosen = methods_at(scale) if named == ["all"] else named
    weights = weights_by_method(chosen, arguments.weights)
    for name in chosen:
        check_iterations(name, arguments.iterations)
    loaded = [load_method(name, scale, weights[name], arguments.degradation) for name in chosen]
    for method in loaded:
        if arguments.iterations is not None:
            method.iterations = arguments.iterations
    return loaded

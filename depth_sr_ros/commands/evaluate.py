"""`depth-sr evaluate`: accuracy of methods on a data set of pairs."""
import argparse
from pathlib import Path

from .arguments import check_has_folder, names

LAYOUTS = """\
A data set is a folder of pairs, in one of these layouts:
  rgb/NAME.png + disparity/NAME.png (or depth/NAME.npy; colour, image, gt ... are known folder names too)
  NAME.color.jpg + NAME.depth.png, NAME_RGB.jpg + NAME_HR_gt.png, rgb.jpg + depth_m.npy
8-bit images are disparities in grey levels; 16-bit ones are millimetres, 0 unknown; .npy holds metres.

The low resolution is the truth's bicubic reduction, exactly. What the learned methods estimate is projected onto the
images with that reduction, as whoever knows how the input came about would do; baselines are left as the literature has
them. --consistency projects the baselines' estimates too, --no-consistency none."""


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate", help="accuracy on a data set of RGB and depth or disparity pairs",
        epilog=LAYOUTS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, nargs="+", help="folder of pairs")
    parser.add_argument("--scale", type=int, nargs="+", default=[8])
    parser.add_argument(
        "--methods", nargs="+", default=["all"],
        help="names with commas or spaces between them, or all that work at the scale (default); after the data sets",
    )
    parser.add_argument("--backend", default="torch_eager", help="what runs the networks (default: torch_eager)")
    parser.add_argument("--precision", default="f32", help="auto, f32 or bf16 (default: f32)")
    parser.add_argument("--weights", type=Path, help="a weights file in place of the package's; for one method")
    parser.add_argument("--iterations", type=int, help="steps of methods that iterate (default: the method's own)")
    parser.add_argument(
        "--consistency", action=argparse.BooleanOptionalAction, default=None,
        help="project all estimates, or none, onto those that reduce to the input (default: those of learned methods)",
    )
    parser.add_argument("--ensemble", action="store_true", help="take the mean over four flips, in four times the time")
    parser.add_argument("--json", type=Path, help="write all figures, versions and weights hashes here")
    parser.add_argument("--html", type=Path, help="write a page with pictures and error maps here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print a table, write what was asked for."""
    from ..evaluation.datasets import PairFolder
    from ..evaluation.report import Report, print_table

    check_has_folder(arguments.json)
    check_has_folder(arguments.html)
    methods = {scale: _methods(arguments, scale) for scale in arguments.scale}
    data_sets = [PairFolder(folder) for folder in arguments.dataset]
    report = Report(with_pictures=arguments.html is not None)
    for pairs in data_sets:
        for scale, chosen in methods.items():
            for method in chosen:
                evaluate(report, pairs, method, scale, arguments)
    print_table(report.summaries)
    if arguments.json:
        report.write_json(arguments.json)
    if arguments.html:
        report.write_html(arguments.html)


def evaluate(report, pairs, method: str, scale: int, arguments: argparse.Namespace) -> None:
    """Put one data set, a `PairFolder`, through one method at one scale."""
    from tqdm import tqdm

    from ..backends import candidates
    from ..evaluation.estimator import Estimator
    from ..evaluation.protocol import Summary, trials
    from ..methods.registry import load_method

    loaded = load_method(method, scale, arguments.weights)
    if arguments.iterations is not None:
        loaded.iterations = arguments.iterations
    estimator = Estimator(loaded, candidates(arguments.backend), arguments.precision, arguments.ensemble)
    projected = loaded.learned if arguments.consistency is None else arguments.consistency
    settings = {
        "iterations": loaded.iterations if loaded.is_iterative else None,
        "projected": projected,
        "ensemble": arguments.ensemble,
    }
    summary = None
    tries = trials(pairs, estimator, scale, projected, estimator.prepare)
    for trial in tqdm(tries, f"{method} x{scale}", len(pairs), leave=False):
        summary = summary or Summary(pairs.folder.resolve().name, method, scale, trial.pair.unit, **settings)
        summary.add(trial)
        report.show(summary, trial)
    report.add(summary, arguments.weights)


def _methods(arguments: argparse.Namespace, scale: int) -> list[str]:
    """The names of the methods that are asked for, all of them fit for it."""
    from ..methods.registry import check, check_iterations, methods_at

    named = names(arguments.methods)
    chosen = methods_at(scale) if named == ["all"] else named
    for name in chosen:
        check(name, scale, arguments.weights)
        check_iterations(name, arguments.iterations)
    return chosen

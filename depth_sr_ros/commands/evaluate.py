"""`depth-sr evaluate`: accuracy of methods on a data set of pairs."""
import argparse
from pathlib import Path

LAYOUTS = """\
A data set is a folder of pairs, in one of these layouts:
  rgb/NAME.png + disparity/NAME.png (or depth/NAME.npy; colour, image, gt ... are known folder names too)
  NAME.color.jpg + NAME.depth.png, NAME_RGB.jpg + NAME_HR_gt.png, rgb.jpg + depth_m.npy
8-bit images are disparities in grey levels; 16-bit ones are millimetres, 0 unknown; .npy holds metres."""


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate", help="accuracy on a data set of RGB and depth or disparity pairs",
        epilog=LAYOUTS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, nargs="+", help="folder of pairs")
    parser.add_argument("--scale", type=int, nargs="+", default=[8])
    parser.add_argument("--methods", default="all", help="names with commas between them, or all that work at the scale")
    parser.add_argument("--backend", default="torch_eager", help="what runs the networks (default: torch_eager)")
    parser.add_argument("--precision", default="f32", help="auto, f32 or bf16 (default: f32)")
    parser.add_argument("--weights", type=Path, help="a weights file in place of the package's; for one method")
    parser.add_argument("--iterations", type=int, help="steps of methods that iterate (default: the method's own)")
    parser.add_argument("--consistency", action="store_true", help="project estimates onto those that reduce to the input")
    parser.add_argument("--json", type=Path, help="write all figures, versions and weights hashes here")
    parser.add_argument("--html", type=Path, help="write a page with pictures and error maps here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print a table, write what was asked for."""
    from ..evaluation.report import Report, print_table

    report = Report(with_pictures=arguments.html is not None)
    for folder in arguments.dataset:
        for scale in arguments.scale:
            for method in _methods(arguments, scale):
                evaluate(report, folder, method, scale, arguments)
    print_table(report.summaries)
    if arguments.json:
        report.write_json(arguments.json)
    if arguments.html:
        report.write_html(arguments.html)


def evaluate(report, folder: Path, method: str, scale: int, arguments: argparse.Namespace) -> None:
    """Put one data set through one method at one scale."""
    from tqdm import tqdm

    from ..backends import candidates
    from ..methods.registry import load_method
    from ..network import Network, StageClock
    from ..evaluation.datasets import PairFolder
    from ..evaluation.protocol import Summary, trials

    pairs = PairFolder(folder)
    network: dict[tuple[int, int], Network] = {}
    loaded = load_method(method, scale, arguments.weights)
    if arguments.iterations is not None:
        loaded.iterations = arguments.iterations
    iterations = loaded.iterations if loaded.is_iterative else None
    backends = candidates(arguments.backend)

    def upsample(rgb, unit):
        if unit.shape not in network:
            network.clear()
            network[unit.shape] = Network(loaded, backends, arguments.precision, unit.shape)
        return network[unit.shape](rgb, unit, StageClock())

    summary = None
    for trial in tqdm(trials(pairs, upsample, scale, arguments.consistency), f"{method} x{scale}", len(pairs), leave=False):
        summary = summary or Summary(folder.name, method, scale, trial.pair.unit, iterations)
        summary.add(trial)
        report.show(summary, trial)
    report.add(summary, arguments.weights)


def _methods(arguments: argparse.Namespace, scale: int) -> list[str]:
    """The names of the methods that are asked for, all of them fit for it."""
    from ..methods.registry import check, check_iterations, methods_at

    named = [name.strip() for name in arguments.methods.split(",") if name.strip()]
    chosen = methods_at(scale) if arguments.methods == "all" else named
    for name in chosen:
        check(name, scale, arguments.weights)
        check_iterations(name, arguments.iterations)
    return chosen

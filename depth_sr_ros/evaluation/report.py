"""What an evaluation leaves behind: a table on the screen, JSON, and an HTML page with pictures."""

import base64
import html
import json
import platform
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from depth_sr_ros.evaluation.protocol import Summary, Trial

COLUMNS = ("rmse_full", "rmse_crop6", "mae_full", "rmse_edges", "consistency", "seconds_per_image")
PICTURE_WIDTH = 320  # pixels, on the page


def print_table(summaries: list[Summary]) -> None:
    """Print a line per method, best RMSE first within each data set and scale, and what the figures are."""
    label = max([18, *(len(one.dataset) + 2 for one in summaries)])
    print(f"{'data set':<{label}}{'scale':>6}  {'method':<16}{'images':>7}" + "".join(f"{name:>19}" for name in COLUMNS))
    for row in sorted((one.as_dict() for one in summaries), key=_rank):
        figures = "".join(f"{_text(row[column]):>19}" for column in COLUMNS)
        print(f"{row['dataset']:<{label}}{'x' + str(row['scale']):>6}  {row['method']:<16}{row['images']:>7}{figures}")
    for line in explanation(summaries):
        print(line)


def explanation(summaries: list[Summary]) -> list[str]:
    """Sentences on what a table's figures are: their units, what was projected, what is a mean over flips."""
    units = _listed(f"{one.unit} ({one.dataset})" for one in summaries)
    lines = [f"RMSE, MAE and data consistency in {units}; - for what there is nothing to measure on."]
    projected = _listed(one.method for one in summaries if one.projected) or "none"
    plain = _listed(one.method for one in summaries if not one.projected) or "none"
    lines.append(f"Projected onto the images that reduce to the input: {projected}. As they came: {plain}.")
    if any(one.ensemble for one in summaries):
        lines.append("Every estimate is the mean over four flips.")
    return [*lines, *not_measured(summaries)]


def not_measured(summaries: list[Summary]) -> list[str]:
    """Sentences on the images that are in no mean, or not in every one: how many they are, and each with its reason."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for one in summaries:
        for name, reason in one.not_measured.items():
            where.setdefault((one.dataset, name, reason), []).append(f"{one.method} x{one.scale}")
    if not where:
        return []
    images = len({(dataset, name) for dataset, name, _ in where})
    lines = [f"Images that could not be measured, and are left out of the means: {images}."]
    return lines + [
        f"{dataset}: {name} with {_listed(methods)}: {reason}" for (dataset, name, reason), methods in where.items()
    ]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _rank(row: dict) -> tuple:
    rmse = row["rmse_crop6"]
    return row["dataset"], row["scale"], float("inf") if rmse is None else rmse


def _text(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"


class Report:
    """Collects summaries, and pictures where a page is wanted."""

    def __init__(self, with_pictures: bool) -> None:
        self.with_pictures = with_pictures
        self.summaries: list[Summary] = []
        self.weights: dict[str, str] = {}
        self._pictures: dict[tuple, dict[str, str]] = {}

    def add(self, summary: Summary, weights: Path | None, degradation: str = "exact") -> None:
        """Take a finished summary, and note the hash of the weights behind it."""
        from depth_sr_ros.methods.registry import method_class, weights_path
        from depth_sr_ros.methods.weights import sha256_of

        self.summaries.append(summary)
        if method_class(summary.method).learned:
            path = weights or weights_path(summary.method, summary.scale, degradation)
            self.weights[f"{summary.method}_x{summary.scale}"] = sha256_of(path)

    def show(self, summary: Summary, trial: Trial) -> None:
        """Keep the pictures of one trial for the page."""
        if not self.with_pictures:
            return
        row = self._pictures.setdefault((summary.dataset, summary.scale, trial.pair.name), {})
        ground_truth = trial.pair.depth
        lo, hi = float(np.nanmin(ground_truth)), float(np.nanmax(ground_truth))
        if not row:
            row["guide"] = _encoded(trial.pair.rgb[..., ::-1])
            row["ground_truth"] = _encoded(_coloured(ground_truth, lo, hi))
            row["input"] = _encoded(_coloured(trial.lr_depth, lo, hi))
        row[summary.method] = _encoded(_coloured(trial.estimate, lo, hi))
        error = np.abs(trial.estimate - ground_truth)
        caption = f"{summary.method}: error, RMSE {trial.errors.rmse_full:.2f}"
        row[caption] = _encoded(_coloured(error, 0, 0.1 * (hi - lo)))

    def write_json(self, path: Path) -> None:
        """Write figures, versions and weights hashes."""
        content = {
            "results": [summary.as_dict() for summary in self.summaries],
            "weights_sha256": self.weights,
            "versions": versions(),
        }
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def write_html(self, path: Path) -> None:
        """Write one page that needs no other file."""
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape(str(row[key]))}</td>" for key in ("dataset", "scale", "method", "images"))
            + "".join(f"<td>{_text(row[column])}</td>" for column in COLUMNS)
            + "</tr>"
            for row in (summary.as_dict() for summary in self.summaries)
        )
        heads = "".join(f"<th>{name}</th>" for name in ("dataset", "scale", "method", "images", *COLUMNS))
        sentences = "".join(f"<p>{html.escape(line)}</p>" for line in explanation(self.summaries))
        pictures = "".join(
            f"<h2>{html.escape(f'{dataset} x{scale}: {name}')}</h2><div>"
            + "".join(
                f"<figure><img src='{data}'><figcaption>{html.escape(caption)}</figcaption></figure>"
                for caption, data in row.items()
            )
            + "</div>"
            for (dataset, scale, name), row in self._pictures.items()
        )
        path.write_text(
            "<!doctype html><meta charset='utf-8'><title>depth_sr_ros accuracy</title><style>"
            "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .6em;"
            f"text-align:right}}figure{{display:inline-block;margin:4px}}img{{width:{PICTURE_WIDTH}px}}</style>"
            f"<h1>Accuracy</h1><table><tr>{heads}</tr>{rows}</table>"
            f"{sentences}<p>Error maps end at a tenth of the image's depth range.</p>{pictures}",
            encoding="utf-8",
        )


def versions() -> dict[str, str]:
    """Versions of what decides the figures."""
    import cv2

    from depth_sr_ros import __version__
    from depth_sr_ros.system.system_info import package_versions

    installed = {name: version for name, version in package_versions().items() if version}
    return {"depth_sr_ros": __version__, "python": platform.python_version(), "opencv": cv2.__version__, **installed}


def _coloured(values: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Map to BGR by a perceptual colour scale; invalid pixels are black."""
    import cv2

    grey = np.nan_to_num((values - lo) / max(hi - lo, 1e-9)).clip(0, 1)
    picture = cv2.applyColorMap((grey * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture[~np.isfinite(values)] = 0
    return picture


def _encoded(bgr: np.ndarray) -> str:
    """A data URL of the picture, PICTURE_WIDTH wide."""
    import cv2

    height = max(1, round(bgr.shape[0] * PICTURE_WIDTH / bgr.shape[1]))
    small = cv2.resize(bgr, (PICTURE_WIDTH, height), interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")

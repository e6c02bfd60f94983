"""What an evaluation leaves behind: a table on the screen, JSON, and an HTML page with pictures."""
import base64
import html
import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

from .protocol import Summary, Trial

COLUMNS = ("rmse_full", "rmse_crop6", "mae_full", "rmse_edges", "consistency", "seconds_per_image")
PICTURE_WIDTH = 320  # pixels, on the page


def print_table(summaries: list[Summary]) -> None:
    """Print a line per method, best RMSE first within each data set and scale."""
    print(f"{'data set':<18}{'scale':>6}  {'method':<14}{'images':>7}" + "".join(f"{column:>19}" for column in COLUMNS))
    for row in sorted((one.as_dict() for one in summaries), key=lambda r: (r["dataset"], r["scale"], r["rmse_crop6"])):
        figures = "".join(f"{row[column]:>19.3f}" for column in COLUMNS)
        print(f"{row['dataset']:<18}{'x' + str(row['scale']):>6}  {row['method']:<14}{row['images']:>7}{figures}")


class Report:
    """Collects summaries, and pictures where a page is wanted."""

    def __init__(self, with_pictures: bool) -> None:
        self.with_pictures = with_pictures
        self.summaries: list[Summary] = []
        self.weights: dict[str, str] = {}
        self._pictures: dict[tuple, dict[str, str]] = {}

    def add(self, summary: Summary, weights: Path | None) -> None:
        """Take a finished summary, and note the hash of the weights behind it."""
        from ..methods.registry import method_class, weights_path
        from ..methods.weights import sha256_of

        self.summaries.append(summary)
        if method_class(summary.method).learned:
            path = weights or weights_path(summary.method, summary.scale)
            self.weights[f"{summary.method}_x{summary.scale}"] = sha256_of(path)

    def show(self, summary: Summary, trial: Trial) -> None:
        """Keep the pictures of one trial for the page."""
        if not self.with_pictures:
            return
        row = self._pictures.setdefault((summary.dataset, summary.scale, trial.pair.name), {})
        truth = trial.pair.depth
        lo, hi = float(np.nanmin(truth)), float(np.nanmax(truth))
        if not row:
            row["guide"] = _encoded(trial.pair.rgb[..., ::-1])
            row["truth"] = _encoded(_coloured(truth, lo, hi))
            row["input"] = _encoded(_coloured(trial.low, lo, hi))
        row[summary.method] = _encoded(_coloured(trial.estimate, lo, hi))
        error = np.abs(trial.estimate - truth)
        caption = f"{summary.method}: error, RMSE {trial.errors.rmse_crop6:.2f}"
        row[caption] = _encoded(_coloured(error, 0, 0.1 * (hi - lo)))

    def write_json(self, path: Path) -> None:
        """Write figures, versions and weights hashes."""
        content = {
            "results": [summary.as_dict() for summary in self.summaries],
            "weights_sha256": self.weights,
            "versions": versions(),
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def write_html(self, path: Path) -> None:
        """Write one page that needs no other file."""
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(row[key]))}</td>" for key in ("dataset", "scale", "method", "images"))
            + "".join(f"<td>{row[column]:.3f}</td>" for column in COLUMNS) + "</tr>"
            for row in (summary.as_dict() for summary in self.summaries)
        )
        heads = "".join(f"<th>{name}</th>" for name in ("dataset", "scale", "method", "images", *COLUMNS))
        pictures = "".join(
            f"<h2>{html.escape(f'{dataset} x{scale}: {name}')}</h2><div>"
            + "".join(f"<figure><img src='{data}'><figcaption>{html.escape(caption)}</figcaption></figure>"
                      for caption, data in row.items()) + "</div>"
            for (dataset, scale, name), row in self._pictures.items()
        )
        path.write_text(
            "<!doctype html><meta charset='utf-8'><title>depth_sr_ros accuracy</title><style>"
            "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .6em;"
            f"text-align:right}}figure{{display:inline-block;margin:4px}}img{{width:{PICTURE_WIDTH}px}}</style>"
            f"<h1>Accuracy</h1><table><tr>{heads}</tr>{rows}</table>"
            f"<p>Error maps end at a tenth of the image's depth range.</p>{pictures}",
            encoding="utf-8",
        )


def versions() -> dict[str, str]:
    """Versions of what decides the figures."""
    names = ("depth_sr_ros", "torch", "numpy", "opencv-contrib-python-headless", "openvino")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _coloured(values: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Map to BGR by a perceptual colour scale; unknown pixels are black."""
    import cv2

    grey = np.nan_to_num((values - lo) / max(hi - lo, 1e-9)).clip(0, 1)
    picture = cv2.applyColorMap((grey * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture[~np.isfinite(values)] = 0
    return picture


def _encoded(bgr: np.ndarray) -> str:
    """A data URL of the picture, PICTURE_WIDTH wide."""
    import cv2

    height = round(bgr.shape[0] * PICTURE_WIDTH / bgr.shape[1])
    small = cv2.resize(bgr, (PICTURE_WIDTH, height), interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")

"""The parts of a replay's page: style, a slider between methods, curves over time."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict

from depth_sr_ros.replay.figures import MethodFigures
from depth_sr_ros.replay.pictures import PicturedFrame

COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8f5bb5", "#e08e0b", "#00798c", "#7a5230", "#555555")
PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 900, 180, 50
STYLE = (
    "body{font:15px system-ui,sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #ddd;padding:.3em .6em;text-align:right}"
    "tr th:first-child{text-align:left}td.drops{text-align:left;color:#666}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em}"
    "dd{margin:0;overflow-wrap:anywhere}dt{color:#666}figure{display:inline-block;margin:0 8px 8px 0;"
    "vertical-align:top}figcaption{color:#666}img{width:380px;display:block;background:#eee}input[type=range]{width:380px}"
    "svg{display:block;margin:.5em 0 1.5em}svg text{font:12px system-ui,sans-serif;fill:#666}p{color:#444;max-width:900px}"
)
_SCRIPT = """
document.querySelectorAll('.frame').forEach(function (frame) {
  var results = JSON.parse(frame.querySelector('script').textContent), names = Object.keys(results);
  var range = frame.querySelector('input');
  function show() {
    var name = names[range.value];
    frame.querySelector('.result').src = results[name][0];
    var error = frame.querySelector('.error');
    if (error) error.src = results[name][1];
    frame.querySelectorAll('.name').forEach(function (label) { label.textContent = name; });
  }
  range.addEventListener('input', show);
  show();
});
"""


def slides(pictures: Sequence[PicturedFrame]) -> str:
    """Each frame's guide, input and reference, and a slider that changes the method whose result and error are shown."""
    if not pictures:
        return ""
    return "<h2>Frames</h2>" + "".join(_slide(frame) for frame in pictures) + f"<script>{_SCRIPT}</script>"


def _slide(frame: PicturedFrame) -> str:
    still = {"guide": frame.guide, "LR depth": frame.lr_depth, "recorded depth": frame.reference}
    figures = "".join(_figure(f"<img src='{data}' alt='{name}'>", name) for name, data in still.items() if data)
    result = _figure("<img class=result alt='result'>", "<span class=name></span>")
    error = "<span class=name></span>: error, red too far, blue too near, full colour from 10 % of the depth"
    errors = _figure("<img class=error alt='error'>", error) if frame.reference else ""
    results = json.dumps(asdict(frame)["results"]).replace("</", "<\\/")
    slider = f"<input type=range min=0 max={len(frame.results) - 1} value=0 aria-label=method>"
    return (
        f"<section class=frame><h3>{frame.stamp_ns / 1e9:.3f} s</h3>{figures}<div>{slider} <b class=name></b></div>"
        f"{result}{errors}<script type='application/json'>{results}</script></section>"
    )


def _figure(image: str, caption: str) -> str:
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def curves(figures: Sequence[MethodFigures], name: str, column: tuple[str, float, int]) -> str:
    """A figure of every frame over time, a line per variant; nothing where no frame has it."""
    heading, factor, digits = column
    lines = {one.label: [(frame.stamp_ns, factor * getattr(frame, name)) for frame in one.frames] for one in figures}
    lines = {label: [point for point in line if math.isfinite(point[1])] for label, line in lines.items()}
    points = [point for line in lines.values() for point in line]
    if len(points) < 2:
        return ""
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    low, high = min(0.0, *(value for _, value in points)), max(value for _, value in points) or 1.0

    def place(at: int, value: float) -> str:
        x = MARGIN + (at - first) / max(last - first, 1) * (PLOT_WIDTH - MARGIN)
        return f"{x:.1f},{PLOT_HEIGHT - (value - low) / (high - low) * (PLOT_HEIGHT - 20):.1f}"

    drawn = "".join(
        f"<polyline fill=none stroke='{COLOURS[index % len(COLOURS)]}' stroke-width=1.5 "
        f"points='{' '.join(place(*point) for point in line)}'/>"
        for index, line in enumerate(lines.values())
    )
    legend = "".join(
        f"<text x={MARGIN + 150 * index} y={PLOT_HEIGHT + 35} style='fill:{COLOURS[index % len(COLOURS)]}'>"
        f"{html.escape(label)}</text>"
        for index, label in enumerate(lines)
    )
    axes = (
        f"<text x=0 y=20>{high:.{digits}f}</text><text x=0 y={PLOT_HEIGHT}>{low:.{digits}f}</text>"
        f"<text x={PLOT_WIDTH} y={PLOT_HEIGHT + 16} text-anchor=end>{(last - first) / 1e9:.1f} s</text>"
        f"<line x1={MARGIN} y1={PLOT_HEIGHT} x2={PLOT_WIDTH} y2={PLOT_HEIGHT} stroke='#ccc'/>"
    )
    box = f"width={PLOT_WIDTH} height={PLOT_HEIGHT + 45}"
    return f"<h2>{html.escape(heading)}</h2><svg {box} role=img aria-label='{html.escape(heading)}'>{axes}{drawn}{legend}</svg>"

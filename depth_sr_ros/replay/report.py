"""What a replay leaves behind: a table on the screen, JSON, and an HTML page that needs no other file."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_sr_ros.replay.figures import MEANS, MethodFigures
from depth_sr_ros.replay.page import STYLE, curves, slides
from depth_sr_ros.replay.pictures import PicturedFrame

COLUMNS = {  # name in the JSON: heading, factor, digits
    "rmse_m": ("RMSE mm", 1e3, 1),
    "mae_m": ("MAE mm", 1e3, 1),
    "rmse_edges_m": ("edges mm", 1e3, 1),
    "wrong_share": ("wrong %", 1e2, 2),
    "valid_share": ("valid %", 1e2, 1),
    "inconsistency_m": ("off input mm", 1e3, 1),
    "flicker_m": ("flicker mm", 1e3, 2),
}
EXPLANATION = (
    "Against the recorded depth, where both are valid; it is a sensor's own, ragged at edges, not exact. wrong: share of "
    "pixels off by more than 2 % from every recorded depth within 2 pixels. edges: RMSE within half an LR pixel of a depth "
    "edge. off input: RMSE between the LR depth and the result's block means. flicker: mean change from result to result where "
    "the LR depth does not change."
)


def print_table(figures: Sequence[MethodFigures]) -> None:
    """Print a line per variant, and what the figures are."""
    width = max(len("method"), *(len(one.label) for one in figures))
    heads = [heading for heading, _, _ in COLUMNS.values()]
    timing = ["Hz", "p50 ms", "p95 ms", "p99 ms", "outputs", "of"]
    print(f"{'method':<{width}}" + "".join(f"{head:>14}" for head in heads) + "".join(f"{head:>9}" for head in timing))
    for one in figures:
        print(f"{one.label:<{width}}" + "".join(f"{text:>14}" for text in _cells(one)) + _timing(one))
    for one in figures:
        if one.drops:
            print(f"{one.label}: dropped {', '.join(f'{count} {reason}' for reason, count in sorted(one.drops.items()))}")
    print(EXPLANATION)


def write_json(path: Path, content: dict[str, Any], figures: Sequence[MethodFigures]) -> None:
    """Write what was replayed and all figures, those of every frame too."""
    path.write_text(
        json.dumps({**content, "results": [one.as_dict() for one in figures]}, indent=1, allow_nan=False) + "\n",
        encoding="utf-8",
    )


def write_html(
    path: Path, content: dict[str, Any], figures: Sequence[MethodFigures], pictures: Sequence[PicturedFrame]
) -> None:
    """Write one page: the table, a slider between methods for some frames, curves over time."""
    facts = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in content.items())
    heads = "".join(f"<th>{html.escape(heading)}</th>" for heading, _, _ in COLUMNS.values())
    rows = "".join(
        f"<tr><th>{html.escape(one.label)}</th>"
        + "".join(f"<td>{cell}</td>" for cell in [*_cells(one), *_timing(one).split()])
        + f"<td class=drops>{html.escape(', '.join(f'{n} {reason}' for reason, n in sorted(one.drops.items())))}</td></tr>"
        for one in figures
    )
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>depth_sr_ros replay</title>"
        f"<style>{STYLE}</style><h1>Replay</h1><dl>{facts}</dl>"
        f"<table><tr><th>method</th>{heads}<th>Hz</th><th>p50 ms</th><th>p95 ms</th><th>p99 ms</th><th>outputs</th>"
        f"<th>of</th><th>dropped</th></tr>{rows}</table><p>{EXPLANATION}</p>"
        f"{slides(pictures)}{''.join(curves(figures, name, COLUMNS[name]) for name in MEANS)}"
        f"{curves(figures, 'latency_ms', ('latency ms', 1.0, 1))}</html>\n"
    )
    path.write_text(page, encoding="utf-8")


def _cells(one: MethodFigures) -> list[str]:
    return [_text(one.mean(name), factor, digits) for name, (_, factor, digits) in COLUMNS.items()]


def _timing(one: MethodFigures) -> str:
    hz = len(one.frames) / one.duration_s if one.duration_s else float("nan")
    times = [_text(value, 1.0, 1) for value in (hz, *one.latency_ms().values())]
    return "".join(f"{text:>9}" for text in [*times, str(len(one.frames)), str(one.inputs)])


def _text(value: float, factor: float, digits: int) -> str:
    return "-" if value != value else f"{factor * value:.{digits}f}"

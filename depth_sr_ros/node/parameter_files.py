"""What repeats the table of parameters: config/depth_sr.yaml and docs/parameters.md, written from it.

python -m depth_sr_ros.node.parameter_files
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from depth_sr_ros.node.config import ROWS, Row

YAML_HEAD = """\
# Parameters of /depth_sr with their defaults, written by `python -m depth_sr_ros.node.parameter_files`.
# All but those marked as fixed can be changed while the node runs: `ros2 param set /depth_sr method bicubic`.
/**:
  ros__parameters:"""
YAML_TAIL = """\
    # Quality of service, per topic by its full name; without these the node takes what the publishers offer.
    # qos_overrides./camera/depth/image_raw.subscription.reliability: best_effort
"""
DOCS_HEAD = """\
# Parameters of /depth_sr

Written by `python -m depth_sr_ros.node.parameter_files` from `depth_sr_ros/node/config.py`. Every parameter is a launch
argument of `sr.launch.py` too. Live parameters can be set while the node runs (`ros2 param set /depth_sr NAME VALUE`), fixed
ones at its start alone.

`qos_overrides.TOPIC.subscription.{reliability,durability,history,depth}` decide over the quality of service of a subscribed
topic. Without them reliability and durability follow what the topic's publishers offer.
"""
DOCS_COLUMNS = ("| name | type | default | valid | unit | | what it does |", "|---|---|---|---|---|---|---|")

TYPES: dict[type, str] = {tuple: "float[]", str: "string"}


def as_yaml() -> str:
    """The text of config/depth_sr.yaml."""
    lines = []
    for group, rows in _groups():
        lines.append(f"    # {group}")
        lines += [f"    {f'{row.name}: {_value(row.default)}':<30} # {_remark(row)}" for row in rows]
        lines.append("")
    return "\n".join([YAML_HEAD, *lines, YAML_TAIL])


def as_markdown() -> str:
    """The text of docs/parameters.md."""
    lines = [DOCS_HEAD]
    for group, rows in _groups():
        lines += [f"## {group}", "", *DOCS_COLUMNS]
        lines += [
            f"| `{row.name}` | {TYPES.get(row.type, row.type.__name__)} | {_value(row.default)} | {row.valid()} | {row.unit} | "
            f"{'live' if row.live else 'fixed'} | {row.description} |"
            for row in rows
        ]
        lines.append("")
    return "\n".join(lines)


def _groups() -> Iterator[tuple[str, Iterator[Row]]]:
    return groupby(ROWS.values(), key=lambda row: row.group)


def _remark(row: Row) -> str:
    valid = row.valid().removeprefix("one of: ").replace(", ", " | ") if row.choices else ""
    notes = ", ".join(filter(None, (row.unit, valid, "" if row.live else "fixed")))
    return f"{row.description} ({notes})" if notes else row.description


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def main() -> None:
    """Write both files into the source tree."""
    root = Path(__file__).resolve().parents[2]
    (root / "config" / "depth_sr.yaml").write_text(as_yaml(), encoding="utf-8")
    (root / "docs" / "parameters.md").write_text(as_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()

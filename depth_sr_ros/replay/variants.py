"""What is compared in a replay: methods, and values of parameters that are swept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from depth_sr_ros.node.config import ROWS, Config, ParameterError, check


@dataclass(frozen=True)
class Variant:
    """A method with parameters.

    Attributes:
        label: as tables and pictures name it: "dada iterations=16".
        config: all of the node's parameters.
        given: those that are not the node's defaults, by name.
    """

    label: str
    config: Config
    given: dict[str, Any]


def variants(methods: Sequence[str], scale: int, common: dict[str, Any], swept: Mapping[str, Sequence[Any]]) -> list[Variant]:
    """Every method with every combination of the swept values.

    Args:
        methods: names.
        scale: of all of them.
        common: parameters of the node that all have, by name.
        swept: values by the parameter's name.

    Raises:
        ParameterError: a parameter is unknown or a value none of its own.
    """
    for name in {**common, **swept}:
        if name not in ROWS:
            raise ParameterError(f"there is no parameter {name!r}; parameters are: {', '.join(ROWS)}")
    return [_variant(method, scale, common, values) for method in methods for values in _combinations(swept)]


def _variant(method: str, scale: int, common: dict[str, Any], values: dict[str, Any]) -> Variant:
    given = {"method": method, "scale": scale, **common, **values}
    label = " ".join([method, *(f"{name}={value}" for name, value in values.items())])
    return Variant(label, check(given), given)


def _combinations(swept: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*swept.values()):
        yield dict(zip(swept, values, strict=True))

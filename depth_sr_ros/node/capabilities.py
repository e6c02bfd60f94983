"""What this installation can do, looked up once, so that a parameter can be checked without imports and without files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from depth_sr_ros.backends import known_backends, make_backend
from depth_sr_ros.methods import registry
from depth_sr_ros.methods.registry import MethodInfo
from depth_sr_ros.node.config import PACKAGE_WEIGHTS, Config, ParameterError


@dataclass(frozen=True)
class Capabilities:
    """Methods with their scales, and backends with their precisions, of this machine.

    Attributes:
        methods: by name.
        iterative: the names of those that iterate.
        precisions: by the name of a backend that can run here.
        unavailable: why the other backends cannot, by name.
    """

    methods: Mapping[str, MethodInfo]
    iterative: frozenset[str]
    precisions: Mapping[str, tuple[str, ...]]
    unavailable: Mapping[str, str]

    @classmethod
    def find(cls) -> Capabilities:
        """Look everything up: imports torch and every backend's library, which takes seconds."""
        methods = {info.name: info for info in registry.available()}
        backends = {name: make_backend(name) for name in known_backends()}
        unavailable = {name: reason for name, backend in backends.items() if (reason := backend.unavailable())}
        return cls(
            methods,
            frozenset(name for name in methods if registry.method_class(name).is_iterative),
            {name: backend.precisions() for name, backend in backends.items() if name not in unavailable},
            unavailable,
        )

    def check(self, config: Config) -> None:
        """Raise ParameterError where this machine cannot do what a Config, right in itself, asks for.

        Whether a file of weights exists is not said: whoever sets a parameter may be at another machine.
        """
        self._check_backend(config.backend, config.precision)
        method = self.methods[config.method]
        if config.weights != PACKAGE_WEIGHTS:
            if not method.learned:
                raise ParameterError(
                    f"method {method.name!r} has learnt nothing and takes no weights; set weights to {PACKAGE_WEIGHTS}"
                )
        elif config.scale and config.scale not in method.scales:
            raise ParameterError(self._no_weights(method, config.scale))
        if config.iterations and method.name not in self.iterative:
            raise ParameterError(
                f"method {method.name!r} has no iterations, so {config.iterations} cannot be asked of it; methods that have: "
                f"{', '.join(sorted(self.iterative))}; set iterations to 0 for the others"
            )

    def _check_backend(self, name: str, precision: str) -> None:
        if reason := self.unavailable.get(name):
            raise ParameterError(f"backend {name!r} cannot be used: {reason}")
        if not self.precisions:
            raise ParameterError("no backend can be used here: " + "; ".join(f"{n}: {r}" for n, r in self.unavailable.items()))
        usable = self.precisions if name == "auto" else {name: self.precisions[name]}
        able = sorted({one for precisions in usable.values() for one in precisions})
        if precision not in ("auto", *able):
            raise ParameterError(
                f"precision is {precision!r}, which {' and '.join(usable)} cannot compute in on this machine; "
                f"valid here: auto, {', '.join(able)}"
            )

    def _no_weights(self, method: MethodInfo, scale: int) -> str:
        ready = ", ".join(f"x{one}" for one in method.scales) or "none"
        others = ", ".join(info.name for info in self.methods.values() if scale in info.scales)
        return f"method {method.name!r} has no weights for x{scale} (it has: {ready}); methods that work at x{scale}: {others}"

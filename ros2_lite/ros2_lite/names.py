"""ROS 2 names and the command line that changes them: --ros-args with remaps, parameters, files and log levels."""

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WITH_VALUE = {
    "-r",
    "--remap",
    "-p",
    "--param",
    "--params-file",
    "--log-level",
    "--enclave",
    "-e",
    "--log-config-file",
    "--log-file-name",
}
_FLAG = re.compile(r"--(enable|disable)-(rosout-logs|stdout-logs|external-lib-logs)\Z")


class InvalidName(ValueError):
    """A topic, service or node name that ROS 2 does not allow."""


def expand(name: str, node: str, namespace: str) -> str:
    """A topic's or service's full name: `~/x` below the node, `x` below its namespace, `/x` as it is.

    Raises InvalidName where a part is empty or holds characters other than letters, digits and underscores.
    """
    if name == "~" or name.startswith("~/"):
        full = f"{namespace.rstrip('/')}/{node}{name[1:]}"
    else:
        full = name if name.startswith("/") else f"{namespace.rstrip('/')}/{name}"
    for token in full[1:].split("/"):
        if not _TOKEN.match(token):
            raise InvalidName(f"invalid name {name!r}: {token!r} must be letters, digits and _, not starting with a digit")
    return full


class Loader(yaml.SafeLoader):
    """YAML as rcl reads it: `1e3` is a number, which YAML 1.1 wants written `1.0e+3`."""


Loader.yaml_implicit_resolvers = {key: list(resolvers) for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+\Z"), list("-+.0123456789")
)


def read_value(text: str) -> Any:
    """A parameter's value as written on a command line."""
    return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader


@dataclass
class Arguments:
    """What --ros-args said. Remaps and parameters carry the node name that they are for, or None for every node."""

    remaps: list[tuple[str | None, str, str]] = field(default_factory=list)
    parameters: list[tuple[str, str, Any]] = field(default_factory=list)  # node pattern, name, value; later wins
    log_levels: dict[str, str] = field(default_factory=dict)  # logger (empty: all) -> level
    rosout: bool = True
    stdout: bool = True
    others: list[str] = field(default_factory=list)  # what was not for ROS

    def merged(self, later: "Arguments") -> "Arguments":
        """Both together; a node's own arguments come before the process's, parameters the other way round."""
        return Arguments(
            later.remaps + self.remaps,
            self.parameters + later.parameters,
            self.log_levels | later.log_levels,
            self.rosout and later.rosout,
            self.stdout and later.stdout,
            self.others,
        )

    def remap_special(self, key: str, node: str, default: str) -> str:
        """The value of `__node`, `__name` or `__ns` for a node that its author named `node`."""
        keys = ("__node", "__name") if key == "__node" else (key,)
        return next((to for who, what, to in self.remaps if what in keys and who in (None, node)), default)

    def remap(self, full: str, node: str, namespace: str) -> str:
        """The full name that stands for `full` in this node: the first rule that matches wins."""
        for who, what, to in self.remaps:
            if who in (None, node) and not what.startswith("__") and expand(what, node, namespace) == full:
                return expand(to, node, namespace)
        return full

    def parameters_for(self, full_node_name: str) -> dict[str, Any]:
        """Parameter overrides of one node, in order of rising precedence: files and -p as they were given."""
        return {name: value for who, name, value in self.parameters if _is_for(who, full_node_name)}


def _is_for(pattern: str, full_node_name: str) -> bool:
    """Whether a key of a parameter file means this node: `**` is any names, `*` is one, no slash is any namespace."""
    if "/" not in pattern and pattern != "**":
        return fnmatch.fnmatchcase(full_node_name.rpartition("/")[2], pattern)
    escaped = re.escape("/" + pattern.lstrip("/"))
    expression = escaped.replace(r"/\*\*", r"(/[^/]+)*").replace(r"\*", "[^/]+")
    return re.fullmatch(expression, full_node_name) is not None


def _flatten(tree: dict, prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tree.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def read_parameter_file(path: str) -> list[tuple[str, str, Any]]:
    """(node pattern, parameter, value) of a ROS 2 parameter file. Raises ValueError where it is not one."""
    with open(path, encoding="utf-8") as file:
        tree = yaml.load(file, Loader)  # noqa: S506 - a SafeLoader
    found: list[tuple[str, str, Any]] = []

    def visit(node: Any, where: str) -> None:
        if not isinstance(node, dict):
            raise ValueError(f"{path}: {where or 'the file'} must map node names to ros__parameters, found {node!r}")
        for key, value in node.items():
            if key == "ros__parameters":
                found.extend((where, name, parameter) for name, parameter in _flatten(value or {}).items())
            else:
                visit(value, f"{where}/{key.strip('/')}" if where else key)

    visit({} if tree is None else tree, "")
    return found


def _read_rule(option: str, text: str) -> tuple[str | None, str, str]:
    left, separator, right = text.partition(":=")
    if not separator or not left:
        raise ValueError(f"{option} {text}: must look like name:=value or node:name:=value")
    node, colon, name = left.rpartition(":")
    return (node if colon else None), name, right


def parse(arguments: list[str]) -> Arguments:
    """Read a command line. Raises ValueError where something between --ros-args and -- is not known to ROS 2."""
    read, words, inside = Arguments(), iter(arguments), False
    for word in words:
        if word == "--ros-args":
            inside = True
        elif not inside:
            read.others.append(word)
        elif word == "--":
            inside = False
        elif word in _WITH_VALUE:
            value = next(words, None)
            if value is None:
                raise ValueError(f"{word} needs a value")
            _take_option(read, word, value)
        elif match := _FLAG.match(word):
            if match[2] == "rosout-logs":
                read.rosout = match[1] == "enable"
            elif match[2] == "stdout-logs":
                read.stdout = match[1] == "enable"
        else:
            raise ValueError(f"unknown ROS argument {word!r}; end the ROS arguments with --")
    return read


def _take_option(read: Arguments, option: str, value: str) -> None:
    if option in ("-r", "--remap"):
        read.remaps.append(_read_rule(option, value))
    elif option in ("-p", "--param"):
        node, name, text = _read_rule(option, value)
        read.parameters.append((node or "/**", name, read_value(text)))
    elif option == "--params-file":
        read.parameters.extend(read_parameter_file(value))
    elif option == "--log-level":
        logger, separator, level = value.partition(":=")
        read.log_levels[logger if separator else ""] = level if separator else logger

"""ros2 param"""

import sys
from pathlib import Path

import rclpy
import yaml
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.parameter import Parameter

from ros2_lite.cli import CliError, direct, verbs

_SHOWN = {
    Parameter.Type.BOOL: "Boolean value is",
    Parameter.Type.INTEGER: "Integer value is",
    Parameter.Type.DOUBLE: "Double value is",
    Parameter.Type.STRING: "String value is",
    Parameter.Type.BYTE_ARRAY: "Byte values are",
    Parameter.Type.BOOL_ARRAY: "Boolean values are",
    Parameter.Type.INTEGER_ARRAY: "Integer values are",
    Parameter.Type.DOUBLE_ARRAY: "Double values are",
    Parameter.Type.STRING_ARRAY: "String values are",
}
_TYPES = {
    getattr(ParameterType, f"PARAMETER_{name}"): name.lower().replace("_", " ").replace("bool", "boolean")
    for name in (
        "NOT_SET",
        "BOOL",
        "INTEGER",
        "DOUBLE",
        "STRING",
        "BYTE_ARRAY",
        "BOOL_ARRAY",
        "INTEGER_ARRAY",
        "DOUBLE_ARRAY",
        "STRING_ARRAY",
    )
}


def add_arguments(parser):
    verbs(
        parser,
        list=(list_, "list the parameters of one node or of all", _optional_node),
        get=(get, "show a parameter's value", _node_and_name),
        set=(set_, "set a parameter", _set_arguments),
        describe=(describe, "show what a parameter is for and what it may be", _describe_arguments),
        dump=(dump, "show all parameters of a node as a parameter file", _node),
        load=(load, "set parameters from a parameter file", _load_arguments),
    )


def _node(parser):
    parser.add_argument("node_name", help="full name of the node")


def _optional_node(parser):
    parser.add_argument("node_name", nargs="?", help="full name of the node")


def _node_and_name(parser):
    _node(parser)
    parser.add_argument("parameter_name")


def _set_arguments(parser):
    _node_and_name(parser)
    parser.add_argument("value", help="as in YAML: 8, 0.5, true, fdkn, [1, 2]")


def _describe_arguments(parser):
    _node(parser)
    parser.add_argument("parameter_names", nargs="+")


def _load_arguments(parser):
    _node(parser)
    parser.add_argument("parameter_file", type=Path)


def list_(args):
    with direct.cli_node() as node:
        if args.node_name:
            names = _call(node, args.node_name, ListParameters, "list_parameters").result.names
            print(*(f"  {name}" for name in sorted(names)), sep="\n")
            return
        services = {name for name, _ in node.get_service_names_and_types()}
        for name in direct.node_names(node):
            if f"{name}/list_parameters" in services:
                names = _call(node, name, ListParameters, "list_parameters").result.names
                print(f"{name}:", *(f"  {parameter}" for parameter in sorted(names)), sep="\n")


def get(args):
    with direct.cli_node() as node:
        (parameter,) = _values(node, args.node_name, [args.parameter_name])
        if parameter.type_ == Parameter.Type.NOT_SET:
            raise CliError("Parameter not set.")
        value = parameter.value if isinstance(parameter.value, (bool, int, float, str)) else list(parameter.value)
        print(f"{_SHOWN[parameter.type_]}: {value}")


def set_(args):
    with direct.cli_node() as node:
        if not _set(node, args.node_name, {args.parameter_name: _yaml_value(args.value)}, "Set parameter", "Setting parameter"):
            return 1


def describe(args):
    with direct.cli_node() as node:
        response = _call(node, args.node_name, DescribeParameters, "describe_parameters", names=args.parameter_names)
    if not response.descriptors:  # the service describes all or none
        names = " or ".join(args.parameter_names)
        raise CliError(f"{args.node_name} has no parameter {names}")
    for descriptor in response.descriptors:
        print(f"Parameter name: {descriptor.name}\n  Type: {_TYPES[descriptor.type]}")
        if descriptor.description:
            print(f"  Description: {descriptor.description}")
        print("  Constraints:")
        if descriptor.read_only:
            print("    Read only: true")
        for range_ in (*descriptor.floating_point_range, *descriptor.integer_range):
            print(f"    Min value: {range_.from_value}\n    Max value: {range_.to_value}")
            if range_.step:
                print(f"    Step: {range_.step}")
        if descriptor.additional_constraints:
            print(f"    Additional constraints: {descriptor.additional_constraints}")


def dump(args):
    with direct.cli_node() as node:
        names = sorted(_call(node, args.node_name, ListParameters, "list_parameters").result.names)
        parameters = {}
        for parameter in _values(node, args.node_name, names):
            value = parameter.value
            *groups, last = parameter.name.split(".")
            group = parameters
            for name in groups:
                group = group.setdefault(name, {})
            group[last] = value if isinstance(value, (bool, int, float, str, type(None))) else list(value)
        print(yaml.safe_dump({direct.absolute(args.node_name): {"ros__parameters": parameters}}), end="")


def load(args):
    name = direct.absolute(args.node_name)
    try:
        content = yaml.safe_load(args.parameter_file.read_text())
        sections = [content[key]["ros__parameters"] for key in ("/**", name.rsplit("/", 1)[1], name) if key in content]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CliError(f"'{args.parameter_file}' is no parameter file: {error!r}") from error
    if not sections:
        raise CliError(f"Param file does not contain any valid parameters for {name}")
    parameters = {key: value for section in sections for key, value in _flat(section)}
    with direct.cli_node() as node:
        return int(not _set(node, name, parameters, "Set parameter {}", "Setting parameter {}"))


def _call(node, node_name, service, name, **request):
    """The answer of a node's parameter service; CliError where the node or the service is not there."""
    full_name = direct.absolute(node_name)
    client = node.create_client(service, f"{full_name}/{name}")
    if not client.wait_for_service(timeout_sec=direct.PATIENCE_S):
        direct.split_name(node, full_name)
        raise CliError(f"Node '{full_name}' does not serve parameters")
    future = client.call_async(service.Request(**request))
    rclpy.spin_until_future_complete(node, future, timeout_sec=30.0)
    if not future.done():
        raise CliError(f"Node '{full_name}' did not answer {name} within 30 seconds")
    return future.result()


def _values(node, node_name, names):
    """The parameters as rclpy Parameters; those that there are none of are of type NOT_SET."""
    values = _call(node, node_name, GetParameters, "get_parameters", names=names).values
    return [
        Parameter.from_parameter_msg(ParameterMessage(name=name, value=value))
        for name, value in zip(names, values, strict=False)
    ] or [Parameter(names[0])]


def _set(node, node_name, parameters, done, failed):
    """Set and say how it went, one line a parameter; whether all of them were set."""
    messages = [Parameter(name, value=value).to_parameter_msg() for name, value in parameters.items()]
    results = _call(node, node_name, SetParameters, "set_parameters", parameters=messages).results
    for name, result in zip(parameters, results, strict=True):
        reason = f": {result.reason}" if result.reason else ""
        if result.successful:
            print(f"{done.format(name)} successful{reason}")
        else:
            print(f"{failed.format(name)} failed{reason}", file=sys.stderr)
    return all(result.successful for result in results)


def _yaml_value(text):
    """What YAML makes of the text, where that can be a parameter's value; else the text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    is_list = isinstance(value, list) and len({type(element) for element in value}) == 1
    return value if isinstance(value, (bool, int, float, str)) or is_list else text


def _flat(section, prefix=""):
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value

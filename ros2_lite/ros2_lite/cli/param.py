"""ros2 param"""

import sys

import yaml
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.parameter import Parameter, get_parameter_value, parameter_dict_from_yaml_file, parameter_value_to_python

from ros2_lite.cli import CliError, direct, verbs


def add_arguments(parser):
    node, name = ("node_name", {"help": "full name of the node"}), ("parameter_name", {})
    verbs(
        parser,
        list=(list_, "list the parameters of one node or of all", ("node_name", {"nargs": "?"})),
        get=(get, "show a parameter's value", node, name),
        set=(set_, "set a parameter", node, name, ("value", {"help": "as in YAML: 8, 0.5, true, fdkn, [1, 2]"})),
        describe=(describe, "show what a parameter is for and what it may be", node, ("parameter_names", {"nargs": "+"})),
        dump=(dump, "show all parameters of a node as a parameter file", node),
        load=(load, "set parameters from a parameter file", node, ("parameter_file", {})),
    )


def list_(args):
    with direct.cli_node(settle=not args.node_name) as node:
        if args.node_name:
            print(*(f"  {name}" for name in _names(node, args.node_name)), sep="\n")
            return
        services = {name for name, _ in node.get_service_names_and_types()}
        for name in direct.node_names(node):
            if f"{name}/list_parameters" in services:
                print(f"{name}:", *(f"  {parameter}" for parameter in _names(node, name)), sep="\n")


def get(args):
    with direct.cli_node(settle=False) as node:
        (value,) = _values(node, args.node_name, [args.parameter_name])
    if value.type == ParameterType.PARAMETER_NOT_SET:
        raise CliError("Parameter not set.")
    kind, of_many, _ = _kind(value.type).capitalize().partition(" array")
    print(f"{kind} value{'s are' if of_many else ' is'}: {parameter_value_to_python(value)}")


def set_(args):
    try:
        value = get_parameter_value(args.value)
    except (yaml.YAMLError, AssertionError):  # not what YAML reads as a parameter's value: a text
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=args.value)
    with direct.cli_node(settle=False) as node:
        parameter = ParameterMessage(name=args.parameter_name, value=value)
        return _set(node, args.node_name, [parameter], "Set parameter", "Setting parameter")


def describe(args):
    with direct.cli_node(settle=False) as node:
        response = direct.call(node, args.node_name, DescribeParameters, "describe_parameters", names=args.parameter_names)
    if not response.descriptors:  # the service describes all or none
        names = " or ".join(args.parameter_names)
        raise CliError(f"{args.node_name} has no parameter {names}")
    for descriptor in response.descriptors:
        print(f"Parameter name: {descriptor.name}\n  Type: {_kind(descriptor.type)}")
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
    with direct.cli_node(settle=False) as node:
        names = _names(node, args.node_name)
        values = map(parameter_value_to_python, _values(node, args.node_name, names))
    parameters = {}
    for name, value in zip(names, values):
        *groups, last = name.split(".")
        group = parameters
        for inner in groups:
            group = group.setdefault(inner, {})
        group[last] = value
    print(yaml.safe_dump({direct.absolute(args.node_name): {"ros__parameters": parameters}}), end="")


def load(args):
    name = direct.absolute(args.node_name)
    try:
        with open(args.parameter_file) as file:
            keys = yaml.safe_load(file).keys()
        sections = [key for key in (name.rsplit("/", 1)[1], name) if key in keys]
        parameters = parameter_dict_from_yaml_file(args.parameter_file, use_wildcard=True, target_nodes=sections or ["/**"])
    except (OSError, yaml.YAMLError, RuntimeError, TypeError, AttributeError) as error:
        raise CliError(f"'{args.parameter_file}' has no parameters for {name}: {error}") from error
    with direct.cli_node(settle=False) as node:
        return _set(node, name, list(parameters.values()), "Set parameter {}", "Setting parameter {}")


def _names(node, node_name):
    return sorted(direct.call(node, node_name, ListParameters, "list_parameters").result.names)


def _values(node, node_name, names):
    """A value for each name; those that there are none of are of type NOT_SET."""
    values = direct.call(node, node_name, GetParameters, "get_parameters", names=names).values
    return values or [ParameterValue() for _ in names]


def _kind(number):
    return Parameter.Type(number).name.lower().replace("_", " ").replace("bool", "boolean")


def _set(node, node_name, parameters, done, failed):
    """Set and say how it went, one line a parameter; the exit code."""
    results = direct.call(node, node_name, SetParameters, "set_parameters", parameters=parameters).results
    for parameter, result in zip(parameters, results, strict=True):
        reason = f": {result.reason}" if result.reason else ""
        if result.successful:
            print(f"{done.format(parameter.name)} successful{reason}")
        else:
            print(f"{failed.format(parameter.name)} failed{reason}", file=sys.stderr)
    return int(not all(result.successful for result in results))

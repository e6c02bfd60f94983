"""Actions of launch_ros."""

import os

import yaml
from launch.actions import ExecuteProcess, SetLaunchConfiguration
from launch.substitution import perform
from ros2_lite.executables import find_executable

from launch_ros.parameter_descriptions import evaluate_parameters

__all__ = ["LifecycleNode", "Node", "PushRosNamespace"]

_NAMESPACE = "ros_namespace"  # the launch configuration that holds it, as in ROS 2: a group's scope ends it


class PushRosNamespace(SetLaunchConfiguration):
    """Puts the nodes that follow, within the same group, below this namespace."""

    def __init__(self, namespace, **options):
        super().__init__(_NAMESPACE, namespace, **options)

    def execute(self, context):
        context.launch_configurations[_NAMESPACE] = _below(context, perform(context, self._value))


class Node(ExecuteProcess):
    """Starts a node with the arguments that ROS 2 passes.

    parameters: list of dicts (see evaluate_parameters) and of YAML files; a later one overrides an earlier one.
    remappings: list of (from, to). arguments go before `--ros-args`, ros_arguments right behind it. The further options
    are those of ExecuteProcess.
    """

    def __init__(
        self,
        *,
        executable,
        package=None,
        name=None,
        namespace=None,
        exec_name=None,
        parameters=(),
        remappings=(),
        arguments=(),
        ros_arguments=(),
        **options,
    ):
        super().__init__(cmd=[executable], name=exec_name or executable, **options)
        self._executable, self._package = executable, package
        self._node_name, self._namespace = name, namespace
        self._parameters, self._remappings = list(parameters or ()), list(remappings or ())
        self._arguments, self._ros_arguments = list(arguments or ()), list(ros_arguments or ())

    def command(self, context):
        executable = perform(context, self._executable)
        program = find_executable(perform(context, self._package), executable) if self._package else [executable]
        arguments, ros_arguments = (
            [perform(context, argument) for argument in arguments] for arguments in (self._arguments, self._ros_arguments)
        )
        return [*program, *arguments, "--ros-args", *ros_arguments, *self._node_arguments(context)]

    def _node_arguments(self, context):
        name = self._node_name and perform(context, self._node_name)
        namespace = _below(context, perform(context, self._namespace or ""))
        yield from ("-r", f"__node:={name}") if name else ()
        yield from ("-r", f"__ns:={namespace}") if namespace else ()
        key = f"{namespace.rstrip('/')}/{name}" if name and namespace else "/**"
        for parameters in self._parameters:
            if isinstance(parameters, dict):
                text = yaml.safe_dump({key: {"ros__parameters": evaluate_parameters(context, parameters)}})
                yield from ("--params-file", str(context.service.scratch_file("parameters.yaml", text)))
            elif os.path.isfile(path := perform(context, parameters)):
                yield from ("--params-file", path)
            else:
                context.service.output.say("WARNING", "launch", f"Parameter file path is not a file: {path}")
        for source, target in self._remappings:
            yield from ("-r", f"{perform(context, source)}:={perform(context, target)}")


class LifecycleNode(Node):
    """A managed node; `ros2 lifecycle set`, a manager, or the node itself leads it through its transitions."""

    def __init__(self, *, name, namespace, **options):
        super().__init__(name=name, namespace=namespace, **options)


def _below(context, namespace):
    """The full namespace: an absolute one as it is, a relative one below what PushRosNamespace has set; or nothing."""
    above = "" if namespace.startswith("/") else context.launch_configurations.get(_NAMESPACE, "")
    parts = [part for part in (*above.split("/"), *namespace.split("/")) if part]
    return "/" + "/".join(parts) if parts else ""

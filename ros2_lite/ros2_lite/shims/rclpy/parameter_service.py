"""rclpy.parameter_service: the six services by which other nodes see and set parameters."""

from typing import Any

from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from .exceptions import ParameterException
from .parameter import Parameter


class ParameterService:
    """The services of one node. What is undeclared has no value, type or description to give; setting it is refused."""

    def __init__(self, node: Any) -> None:
        self._node = node
        for kind, name, callback in (
            (DescribeParameters, "describe_parameters", self._describe),
            (GetParameters, "get_parameters", self._get),
            (GetParameterTypes, "get_parameter_types", self._get_types),
            (ListParameters, "list_parameters", self._list),
            (SetParameters, "set_parameters", self._set),
            (SetParametersAtomically, "set_parameters_atomically", self._set_atomically),
        ):
            node.create_service(kind, f"{node.get_fully_qualified_name()}/{name}", callback)

    def _describe(self, request: Any, response: Any) -> Any:
        try:
            response.descriptors = self._node.describe_parameters(request.names)
        except ParameterException:
            response.descriptors = []
        return response

    def _get(self, request: Any, response: Any) -> Any:
        try:
            response.values = [p.get_parameter_value() for p in self._node.get_parameters(request.names)]
        except ParameterException:
            response.values = []
        return response

    def _get_types(self, request: Any, response: Any) -> Any:
        try:
            response.types = [self._node.get_parameter_type(name).value for name in request.names]
        except ParameterException:
            response.types = []
        return response

    def _list(self, request: Any, response: Any) -> Any:
        depth, found = request.depth, []
        for name in self._node.parameter_names():
            for prefix in request.prefixes or [""]:
                if prefix and name != prefix and not name.startswith(f"{prefix}."):
                    continue
                rest = name[len(prefix) :].strip(".")
                if depth == ListParameters.Request.DEPTH_RECURSIVE or rest.count(".") < depth:
                    found.append(name)
                    break
        prefixes = sorted({name.rpartition(".")[0] for name in found if "." in name})
        response.result = ListParametersResult(names=found, prefixes=prefixes)
        return response

    def _set(self, request: Any, response: Any) -> Any:
        response.results = [self._set_all([message]) for message in request.parameters]
        return response

    def _set_atomically(self, request: Any, response: Any) -> Any:
        response.result = self._set_all(request.parameters)
        return response

    def _set_all(self, messages: list[Any]) -> SetParametersResult:
        try:
            return self._node.set_parameters_atomically([Parameter.from_parameter_msg(message) for message in messages])
        except (ParameterException, ValueError) as error:
            return SetParametersResult(successful=False, reason=str(error))

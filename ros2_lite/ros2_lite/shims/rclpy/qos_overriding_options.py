"""rclpy.qos_overriding_options: QoS of an endpoint set by parameters such as `qos_overrides./image.publisher.depth`."""

from collections.abc import Callable, Iterable
from typing import Any

from .duration import Duration
from .exceptions import InvalidParameterValueException
from .qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)

_ENUMS = {
    "history": HistoryPolicy,
    "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy,
    "liveliness": LivelinessPolicy,
}
_SPANS = ("deadline", "lifespan", "liveliness_lease_duration")


class InvalidQosOverridesError(Exception):
    """The user's callback refused the overridden profile."""


class QoSOverridingOptions:
    """Which policies may be overridden, and a callback(profile) whose result has `successful` and `reason`."""

    def __init__(
        self,
        policy_kinds: Iterable[QoSPolicyKind],
        *,
        callback: Callable[[QoSProfile], Any] | None = None,
        entity_id: str | None = None,
    ) -> None:
        self.policy_kinds, self.callback, self.entity_id = tuple(policy_kinds), callback, entity_id

    @classmethod
    def with_default_policies(
        cls, *, callback: Callable[[QoSProfile], Any] | None = None, entity_id: str | None = None
    ) -> "QoSOverridingOptions":
        """History, depth and reliability."""
        kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
        return cls(kinds, callback=callback, entity_id=entity_id)


def apply(node: Any, topic: str, kind: str, profile: QoSProfile, options: QoSOverridingOptions) -> QoSProfile:
    """The profile with the overrides, declared as read-only parameters of the node.

    Raises InvalidParameterValueException for a value that is none of the policy's, InvalidQosOverridesError where the
    callback refuses.
    """
    from rcl_interfaces.msg import ParameterDescriptor

    profile = profile.copy()
    prefix = f"qos_overrides.{topic}.{kind}{'_' + options.entity_id if options.entity_id else ''}"
    for policy in options.policy_kinds:
        name = policy.name.lower()
        if name == "lifespan" and kind == "subscription":
            continue
        parameter, value = f"{prefix}.{name}", getattr(profile, name)
        default = value.short_key if name in _ENUMS else value.nanoseconds if name in _SPANS else value
        if node.has_parameter(parameter):
            given = node.get_parameter(parameter).value
        else:
            given = node.declare_parameter(parameter, default, ParameterDescriptor(read_only=True)).value
        try:
            converted = (
                _ENUMS[name].get_from_short_key(given)
                if name in _ENUMS
                else Duration(nanoseconds=given)
                if name in _SPANS
                else given
            )
        except KeyError:
            known = ", ".join(_ENUMS[name].short_keys())
            raise InvalidParameterValueException(parameter, given, f"known values: {known}") from None
        setattr(profile, name, converted)
    if options.callback:
        result = options.callback(profile)
        if not result.successful:
            raise InvalidQosOverridesError(f"{topic}: {result.reason}")
    return profile

"""rclpy.qos: policies, profiles and presets."""

from enum import Enum, IntEnum
from typing import Any

from cyclonedds.core import Policy, Qos

from .duration import Duration, Infinite


class QoSPolicyKind(IntEnum):
    """Which policy an event or an override is about."""

    INVALID = 1
    DURABILITY = 2
    DEADLINE = 4
    LIVELINESS = 8
    RELIABILITY = 16
    HISTORY = 32
    LIFESPAN = 64
    DEPTH = 128
    LIVELINESS_LEASE_DURATION = 256
    AVOID_ROS_NAMESPACE_CONVENTIONS = 512


class _PolicyEnum(IntEnum):
    @property
    def short_key(self) -> str:
        return self.name.lower()

    @classmethod
    def get_from_short_key(cls, name: str) -> "_PolicyEnum":
        return cls[name.upper()]

    @classmethod
    def short_keys(cls) -> list[str]:
        return [policy.short_key for policy in cls]


class HistoryPolicy(_PolicyEnum):
    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(_PolicyEnum):
    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class DurabilityPolicy(_PolicyEnum):
    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class LivelinessPolicy(_PolicyEnum):
    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4
    BEST_AVAILABLE = 5


QoSHistoryPolicy, QoSReliabilityPolicy = HistoryPolicy, ReliabilityPolicy
QoSDurabilityPolicy, QoSLivelinessPolicy = DurabilityPolicy, LivelinessPolicy


class InvalidQoSProfileException(Exception):
    """A profile without what it needs."""


_DEFAULTS = {
    "history": HistoryPolicy.KEEP_LAST,
    "depth": 10,
    "reliability": ReliabilityPolicy.RELIABLE,
    "durability": DurabilityPolicy.VOLATILE,
    "lifespan": Duration(),
    "deadline": Duration(),
    "liveliness": LivelinessPolicy.SYSTEM_DEFAULT,
    "liveliness_lease_duration": Duration(),
    "avoid_ros_namespace_conventions": False,
}
_MAX_BLOCKING_NS = 10**9  # rmw_cyclonedds waits for ever; a stopped reader must not hang a camera
_TYPES = {
    "history": HistoryPolicy,
    "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy,
    "liveliness": LivelinessPolicy,
}


class QoSProfile:
    """Quality of service of one endpoint. A zero duration means "not set"."""

    __slots__ = tuple(_DEFAULTS)

    def __init__(self, **policies: Any) -> None:
        if unknown := policies.keys() - _DEFAULTS.keys():
            raise AssertionError(f"Unknown QoS policies: {', '.join(sorted(unknown))}")
        if "history" not in policies and "depth" not in policies:
            raise InvalidQoSProfileException("History and/or depth settings are required.")
        if policies.get("history") == HistoryPolicy.KEEP_LAST and "depth" not in policies:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        for name, default in _DEFAULTS.items():
            setattr(self, name, policies.get(name, default))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _TYPES:
            value = _TYPES[name](value)
        elif not isinstance(value, type(_DEFAULTS[name])):
            raise AssertionError(f"{name} must be of type {type(_DEFAULTS[name]).__name__}, but it is {value!r}")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QoSProfile) and all(getattr(self, name) == getattr(other, name) for name in _DEFAULTS)

    __hash__ = None

    def __repr__(self) -> str:
        return f"QoSProfile({', '.join(f'{name}={getattr(self, name)!r}' for name in _DEFAULTS)})"

    __str__ = __repr__

    def copy(self) -> "QoSProfile":
        return QoSProfile(**{name: getattr(self, name) for name in _DEFAULTS})

    def get_c_qos_profile(self) -> "QoSProfile":
        return self


def to_dds(profile: QoSProfile, user_data: bytes = b"", writes: bool = True) -> Qos:
    """The DDS policies of a profile, as rmw_cyclonedds sets them (keep-last depth 0 is 1; system defaults are
    DDS's)."""
    relies = profile.reliability is ReliabilityPolicy.RELIABLE or (
        profile.reliability is ReliabilityPolicy.SYSTEM_DEFAULT and writes
    )
    last = profile.history is not HistoryPolicy.KEEP_ALL
    policies: list[Any] = [
        Policy.History.KeepLast(max(profile.depth, 1)) if last else Policy.History.KeepAll,
        Policy.Reliability.Reliable(_MAX_BLOCKING_NS) if relies else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal
        if profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
        else Policy.Durability.Volatile,
    ]
    if profile.durability is DurabilityPolicy.TRANSIENT_LOCAL and writes:
        kept = policies[0]
        policies.append(Policy.DurabilityService(0, kept, -1, -1, -1))
    if writes and profile.lifespan.nanoseconds:
        policies.append(Policy.Lifespan(profile.lifespan.nanoseconds))
    if profile.deadline.nanoseconds:
        policies.append(Policy.Deadline(profile.deadline.nanoseconds))
    lease = profile.liveliness_lease_duration.nanoseconds
    if lease or profile.liveliness is LivelinessPolicy.MANUAL_BY_TOPIC:
        manual = profile.liveliness is LivelinessPolicy.MANUAL_BY_TOPIC
        policies.append((Policy.Liveliness.ManualByTopic if manual else Policy.Liveliness.Automatic)(lease or 2**63 - 1))
    if user_data:
        policies.append(Policy.Userdata(user_data))
    return Qos(*policies)


def from_dds(qos: Qos) -> QoSProfile:
    """The profile of a remote endpoint; DDS does not announce history, so it is unknown, with depth 0."""
    profile = QoSProfile(depth=0)
    profile.history = HistoryPolicy.UNKNOWN
    reliable = isinstance(qos[Policy.Reliability], Policy.Reliability.Reliable) if Policy.Reliability in qos else False
    profile.reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    volatile = Policy.Durability not in qos or qos[Policy.Durability] == Policy.Durability.Volatile
    profile.durability = DurabilityPolicy.VOLATILE if volatile else DurabilityPolicy.TRANSIENT_LOCAL
    profile.liveliness = LivelinessPolicy.AUTOMATIC
    profile.deadline = profile.lifespan = profile.liveliness_lease_duration = Infinite()
    for policy, name in ((Policy.Deadline, "deadline"), (Policy.Lifespan, "lifespan")):
        if policy in qos:
            span = qos[policy].deadline if name == "deadline" else qos[policy].lifespan
            setattr(profile, name, Duration(nanoseconds=min(span, 2**63 - 1)))
    return profile


class QoSCompatibility(IntEnum):
    OK = 0
    WARNING = 1
    ERROR = 2


def qos_check_compatible(publisher_qos: QoSProfile, subscription_qos: QoSProfile) -> tuple[QoSCompatibility, str]:
    """Whether samples would flow, and if not, why."""
    offered, wanted, problems = publisher_qos, subscription_qos, []
    if offered.reliability is ReliabilityPolicy.BEST_EFFORT and wanted.reliability is ReliabilityPolicy.RELIABLE:
        problems.append("ERROR: Best effort publisher and reliable subscription;")
    if offered.durability is DurabilityPolicy.VOLATILE and wanted.durability is DurabilityPolicy.TRANSIENT_LOCAL:
        problems.append("ERROR: Volatile publisher and transient local subscription;")
    return (QoSCompatibility.ERROR if problems else QoSCompatibility.OK), "".join(problems)


qos_profile_default = QoSProfile(depth=10)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)
qos_profile_system_default = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.SYSTEM_DEFAULT, durability=DurabilityPolicy.SYSTEM_DEFAULT
)
qos_profile_rosout_default = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL, lifespan=Duration(seconds=10))
# rmw_cyclonedds writes requests and replies with this whatever depth the profile says.
SERVICE_QOS = QoSProfile(depth=1000)


class QoSPresetProfiles(Enum):
    DEFAULT = qos_profile_default
    SYSTEM_DEFAULT = qos_profile_system_default
    SENSOR_DATA = qos_profile_sensor_data
    SERVICES_DEFAULT = qos_profile_services_default
    PARAMETERS = qos_profile_parameters
    PARAMETER_EVENTS = qos_profile_parameter_events

    @property
    def short_key(self) -> str:
        return self.name.lower()

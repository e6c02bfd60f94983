"""rclpy.node: nodes."""

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import Log, ParameterDescriptor, ParameterEvent
from ros2_lite.graph import EndpointEntry, NodeEntry
from rosgraph_msgs.msg import Clock as ClockMessage

from ros2_lite import distro, names, types

from . import logging, qos_overriding_options
from .callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from .client import Client
from .clock import Clock, ROSClock
from .exceptions import InvalidNamespaceException, InvalidNodeNameException, NotInitializedException
from .guard_condition import GuardCondition
from .parameter import Parameter
from .parameter_service import ParameterService
from .parameter_store import ParameterStore
from .publisher import Publisher
from .qos import (
    QoSProfile,
    ReliabilityPolicy,
    from_dds,
    qos_profile_parameter_events,
    qos_profile_rosout_default,
    qos_profile_services_default,
)
from .qos_overriding_options import QoSOverridingOptions
from .service import Service
from .subscription import Subscription
from .time import Time
from .timer import Rate, Timer
from .topic_endpoint_info import TopicEndpointInfo, TopicEndpointTypeEnum
from .utilities import get_default_context
from .waitable import Waitable

NodeNameNonExistentError = type("NodeNameNonExistentError", (RuntimeError,), {"__doc__": "There is no such node."})


class Node(ParameterStore):
    """A node of the ROS graph. Arguments as in rclpy; cli_args come before the process's own."""

    def __init__(
        self,
        node_name: str,
        *,
        context: Any = None,
        cli_args: list[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: list[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
        enable_logger_service: bool = False,
    ) -> None:
        self.context = context or get_default_context()
        if not self.context.ok():
            raise NotInitializedException("cannot create a node: the context is not initialised, call rclpy.init()")
        self._arguments = self.context.arguments if use_global_arguments else names.Arguments()
        if cli_args:
            self._arguments = self._arguments.merged(
                names.parse(["--ros-args", *cli_args] if "--ros-args" not in cli_args else cli_args)
            )
        self._author_name = node_name
        self._name = self._arguments.remap_special("__node", node_name, node_name)
        self._namespace = self._arguments.remap_special("__ns", node_name, namespace or "/")
        self._check_name()
        self._lock = threading.RLock()
        self._waitables: list[Waitable] = []
        self._publishers: list[Publisher] = []
        self._executor: weakref.ref | None = None
        self._destroyed = False
        self._entry = NodeEntry(self._namespace, self._name)
        self._clock = ROSClock()
        self._logger = logging.get_logger(self.get_fully_qualified_name()[1:].replace("/", "."))
        self.default_callback_group: CallbackGroup = MutuallyExclusiveCallbackGroup()
        self._internal_group = ReentrantCallbackGroup()
        self._clock_subscription: Subscription | None = None

        overrides = self._arguments.parameters_for(self.get_fully_qualified_name())
        overrides |= {parameter.name: parameter.value for parameter in parameter_overrides or ()}
        super().__init__(overrides, allow_undeclared_parameters)
        self.context.nodes.add(self)
        self.context.graph.add_node(self._entry)
        try:
            self._make_standard_entities(enable_rosout, start_parameter_services)
            if automatically_declare_parameters_from_overrides:
                for name in overrides.keys() - set(self.parameter_names()):
                    self.declare_parameter(name, overrides[name], ParameterDescriptor(dynamic_typing=True))
        except BaseException:
            self.destroy_node()
            raise

    def _check_name(self) -> None:
        try:
            names.expand(self._name, "", "/")
        except names.InvalidName as error:
            raise InvalidNodeNameException(f"Invalid node name: {error}") from None
        if "/" in self._name:
            raise InvalidNodeNameException(f"Invalid node name: {self._name!r} must not hold a slash")
        self._namespace = "/" + self._namespace.strip("/")
        try:
            if self._namespace != "/":
                names.expand(self._namespace, "", "/")
        except names.InvalidName as error:
            raise InvalidNamespaceException(f"Invalid namespace: {error}") from None

    def _make_standard_entities(self, enable_rosout: bool, start_parameter_services: bool) -> None:
        if enable_rosout and self._arguments.rosout:
            self._rosout = self.create_publisher(Log, "/rosout", qos_profile_rosout_default)
            logging.add_sink(self._logger.name, self._publish_log)
        self._events = self.create_publisher(ParameterEvent, "/parameter_events", qos_profile_parameter_events)
        self.declare_parameter("use_sim_time", False)
        self._follow_sim_time([self.get_parameter("use_sim_time")])
        self.add_post_set_parameters_callback(self._follow_sim_time)
        if start_parameter_services:
            ParameterService(self)

    def _publish_log(self, stamp: int, severity: int, name: str, message: str, frame: Any) -> None:
        if self.context.ok() and not self._destroyed:
            where = frame.f_code
            self._rosout.publish(
                Log(
                    stamp=Time(nanoseconds=stamp).to_msg(),
                    level=int(severity),
                    name=name,
                    msg=message,
                    file=where.co_filename,
                    function=where.co_name,
                    line=frame.f_lineno,
                )
            )

    # Who and where

    def get_name(self) -> str:
        return self._name

    def get_namespace(self) -> str:
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        return f"{self._namespace.rstrip('/')}/{self._name}"

    def get_logger(self) -> logging.RcutilsLogger:
        return self._logger

    def get_clock(self) -> Clock:
        return self._clock

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """The full name of a topic, remapped unless only_expand."""
        full = names.expand(topic, self._name, self._namespace)
        return full if only_expand else self._arguments.remap(full, self._author_name, self._namespace)

    resolve_service_name = resolve_topic_name

    @staticmethod
    def user_data(type_name: str) -> bytes:
        """What an endpoint announces about its type."""
        return f"typehash={types.type_hash(type_name)};".encode() if distro.HAS_TYPE_HASHES else b""

    # Executors

    @property
    def executor(self) -> Any:
        return self._executor() if self._executor else None

    @executor.setter
    def executor(self, executor: Any) -> None:
        current = self.executor
        if current is executor:
            return
        if current is not None:
            current.remove_node(self)
        self._executor = weakref.ref(executor) if executor is not None else None
        if executor is not None:
            executor.add_node(self)

    def forget_executor(self, executor: Any) -> None:
        """Called by an executor that does not serve this node any more."""
        if self.executor is executor:
            self._executor = None

    def waitables(self) -> list[Waitable]:
        """What an executor has to look at, timers first."""
        return self._waitables

    def _add(self, *added: Waitable) -> None:
        with self._lock:  # a new list each time: executors walk the old one without this lock
            self._waitables = sorted(self._waitables + list(added), key=lambda entity: not isinstance(entity, Timer))
        for entity in added:
            entity.notify()

    def _drop(self, entity: Any, *, readers: Iterable[bytes] = (), writers: Iterable[bytes] = ()) -> None:
        with self._lock:
            gone = {id(entity), *(id(handler) for handler in getattr(entity, "event_handlers", ()))}
            self._waitables = [waitable for waitable in self._waitables if id(waitable) not in gone]
            self._entry.readers.difference_update(readers)
            self._entry.writers.difference_update(writers)
        entity.destroy()
        if not self._destroyed:
            self.context.graph.tell()

    def _announce(self, *, readers: Iterable[bytes] = (), writers: Iterable[bytes] = ()) -> None:
        with self._lock:
            self._entry.readers.update(readers)
            self._entry.writers.update(writers)
        self.context.graph.tell()

    # Publishers, subscriptions, services, timers

    def _profile(self, profile: QoSProfile | int, topic: str, kind: str, options: QoSOverridingOptions | None) -> QoSProfile:
        profile = QoSProfile(depth=profile) if isinstance(profile, int) else profile
        return qos_overriding_options.apply(self, topic, kind, profile, options) if options else profile

    def create_publisher(
        self,
        msg_type: type,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: Any = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        publisher_class: type = Publisher,
    ) -> Publisher:
        full = self.resolve_topic_name(topic)
        profile = self._profile(qos_profile, full, "publisher", qos_overriding_options)
        group = callback_group or self.default_callback_group
        publisher = publisher_class(self, msg_type, full, profile, group, event_callbacks)
        with self._lock:
            self._publishers.append(publisher)
        self._add(*publisher.event_handlers)
        self._announce(writers=[publisher.guid])
        return publisher

    def create_subscription(
        self,
        msg_type: type,
        topic: str,
        callback: Callable,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: Any = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> Subscription:
        full = self.resolve_topic_name(topic)
        profile = self._profile(qos_profile, full, "subscription", qos_overriding_options)
        group = callback_group or self.default_callback_group
        subscription = Subscription(self, msg_type, full, callback, profile, group, event_callbacks, raw)
        self._add(subscription, *subscription.event_handlers)
        self._announce(readers=[subscription.guid])
        subscription.start()
        return subscription

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        full = self.resolve_service_name(srv_name)
        return self._start(Service(self, srv_type, full, callback, callback_group or self.default_callback_group))

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        full = self.resolve_service_name(srv_name)
        return self._start(Client(self, srv_type, full, callback_group or self.default_callback_group))

    def _start(self, end: Any) -> Any:
        self._add(end)
        reader, writer = end.guids
        self._announce(readers=[reader], writers=[writer])
        end.start()
        return end

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable,
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        """A timer on the node's clock, which is simulated where use_sim_time is set. Raises ValueError below zero."""
        if timer_period_sec < 0:
            raise ValueError(f"a timer's period must not be negative, but it is {timer_period_sec}")
        group = callback_group or self.default_callback_group
        timer = Timer(self, int(timer_period_sec * 1e9), callback, group, clock or self._clock, autostart)
        self._add(timer)
        return timer

    def create_guard_condition(self, callback: Callable, callback_group: CallbackGroup | None = None) -> GuardCondition:
        guard = GuardCondition(self, callback, callback_group or self.default_callback_group)
        self._add(guard)
        return guard

    def create_rate(self, frequency: float, clock: Clock | None = None) -> Rate:
        """Raises ValueError unless the frequency is positive."""
        if frequency <= 0:
            raise ValueError(f"a rate's frequency must be above zero, but it is {frequency}")
        return Rate(self.create_timer(1.0 / frequency, lambda: None, clock=clock), self.context)

    def destroy_publisher(self, publisher: Publisher) -> bool:
        with self._lock:
            if publisher not in self._publishers:
                return False
            self._publishers.remove(publisher)
        self._drop(publisher, writers=[publisher.guid])
        return True

    def _destroy(self, entity: Any, *, readers: Iterable[bytes] = (), writers: Iterable[bytes] = ()) -> bool:
        if entity not in self._waitables:
            return False
        self._drop(entity, readers=readers, writers=writers)
        return True

    def destroy_subscription(self, subscription: Subscription) -> bool:
        return self._destroy(subscription, readers=[subscription.guid])

    def destroy_service(self, service: Service) -> bool:
        return self._destroy(service, readers=service.guids[:1], writers=service.guids[1:])

    destroy_client = destroy_service

    def destroy_timer(self, timer: Timer) -> bool:
        return self._destroy(timer)

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        return self._destroy(guard)

    def destroy_rate(self, rate: Rate) -> bool:
        rate.destroy()
        return self._destroy(rate._timer)

    @property
    def publishers(self) -> list[Publisher]:
        return list(self._publishers)

    @property
    def subscriptions(self) -> list[Subscription]:
        return [entity for entity in self._waitables if isinstance(entity, Subscription)]

    @property
    def timers(self) -> list[Timer]:
        return [entity for entity in self._waitables if isinstance(entity, Timer)]

    def destroy_node(self) -> None:
        """Take the node and all that it has off the network. Safe to call twice."""
        with self._lock:
            if self._destroyed:
                return
            self._destroyed = True
        if executor := self.executor:
            executor.remove_node(self)
        logging.remove_sink(self._logger.name)
        self.context.graph.remove_node(self._entry)
        self.context.nodes.discard(self)
        waitables, self._waitables = self._waitables, []
        for entity in (*waitables, *self._publishers):
            entity.destroy()

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: Any) -> None:
        self.destroy_node()

    # Time

    def _follow_sim_time(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name != "use_sim_time":
                continue
            if parameter.value and self._clock_subscription is None:
                profile = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
                self._clock_subscription = self.create_subscription(
                    ClockMessage,
                    "/clock",
                    lambda message: self._clock.set_ros_time_override(Time.from_msg(message.clock)),
                    profile,
                    callback_group=self._internal_group,
                )
            elif not parameter.value and self._clock_subscription is not None:
                self.destroy_subscription(self._clock_subscription)
                self._clock_subscription = None
            self._clock._set_ros_time_is_active(bool(parameter.value))

    # The graph

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        return [(node.name, node.namespace) for node in self.context.graph.nodes()]

    def get_node_names(self) -> list[str]:
        return [node.name for node in self.context.graph.nodes()]

    def get_fully_qualified_node_names(self) -> list[str]:
        return [node.full_name for node in self.context.graph.nodes()]

    def get_topic_names_and_types(self, no_demangle: bool = False) -> list[tuple[str, list[str]]]:
        return self.context.graph.topics()

    def get_service_names_and_types(self) -> list[tuple[str, list[str]]]:
        return self.context.graph.services()

    def _of_node(self, name: str, namespace: str, is_writer: bool | None = None) -> list[EndpointEntry]:
        """Raises NodeNameNonExistentError where no such node is known."""
        wanted = NodeEntry("/" + namespace.strip("/"), name).full_name
        if wanted not in self.get_fully_qualified_node_names():
            raise NodeNameNonExistentError(f"Cannot get topics or services of {wanted}: there is no such node")
        return [
            endpoint
            for endpoint in self.context.graph.endpoints()
            if endpoint.node and endpoint.node.full_name == wanted and is_writer in (None, endpoint.is_writer)
        ]

    def get_publisher_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> list[tuple[str, list[str]]]:
        return self.context.graph.topics(self._of_node(node_name, node_namespace, is_writer=True))

    def get_subscriber_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> list[tuple[str, list[str]]]:
        return self.context.graph.topics(self._of_node(node_name, node_namespace, is_writer=False))

    def get_service_names_and_types_by_node(self, node_name: str, node_namespace: str) -> list[tuple[str, list[str]]]:
        return self.context.graph.services(self._of_node(node_name, node_namespace))

    def get_client_names_and_types_by_node(self, node_name: str, node_namespace: str) -> list[tuple[str, list[str]]]:
        return self.context.graph.services(self._of_node(node_name, node_namespace), servers=False)

    def _endpoints(self, topic: str, is_writer: bool) -> list[EndpointEntry]:
        name = f"rt{self.resolve_topic_name(topic)}"
        return [e for e in self.context.graph.endpoints() if e.topic == name and e.is_writer == is_writer]

    def _infos(self, topic: str, is_writer: bool) -> list[TopicEndpointInfo]:
        kind = TopicEndpointTypeEnum.PUBLISHER if is_writer else TopicEndpointTypeEnum.SUBSCRIPTION
        return [
            TopicEndpointInfo(
                entry.node.name if entry.node else "_NODE_NAME_UNKNOWN_",
                entry.node.namespace if entry.node else "_NODE_NAMESPACE_UNKNOWN_",
                entry.type_name,
                entry.type_hash,
                kind,
                list(entry.gid),
                from_dds(entry.qos),
            )
            for entry in self._endpoints(topic, is_writer)
        ]

    def get_publishers_info_by_topic(self, topic_name: str, no_mangle: bool = False) -> list[TopicEndpointInfo]:
        return self._infos(topic_name, is_writer=True)

    def get_subscriptions_info_by_topic(self, topic_name: str, no_mangle: bool = False) -> list[TopicEndpointInfo]:
        return self._infos(topic_name, is_writer=False)

    def count_publishers(self, topic_name: str) -> int:
        return len(self._endpoints(topic_name, is_writer=True))

    def count_subscribers(self, topic_name: str) -> int:
        return len(self._endpoints(topic_name, is_writer=False))

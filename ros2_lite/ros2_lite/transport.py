"""DDS entities that carry serialised messages: a participant, writers, readers, and the thread that waits for them.

Cyclone DDS is created and configured through its Python binding. Samples move by `dds_write` and `dds_takecdr`, called
by ctypes on the library that the binding has loaded: that releases the GIL and spares the binding's Python CDR. Those
two symbols are exported but not part of the binding's API, so the same interface exists on the public API alone
(`_BindingWriter`, `_BindingReader`); it is used where a symbol is missing or ROS2_LITE_BINDING_ONLY=1 asks for it.
"""

import ctypes
import itertools
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from cyclonedds.core import DDSException, DDSStatus, InstanceState, Policy, Qos, SampleState, ViewState
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.internal import DDS, InvalidSample, dds_c_t
from cyclonedds.pub import DataWriter, Publisher
from cyclonedds.sub import DataReader, Subscriber
from cyclonedds.topic import Topic

from . import domain

_ANY_STATE = SampleState.Any | ViewState.Any | InstanceState.Any
_INFINITE = 2**63 - 1
_XCDR1 = Policy.DataRepresentation(use_cdrv0_representation=True)


class SampleInfo(NamedTuple):
    """When a sample was written (ns since the epoch) and by which writer (local instance handle)."""

    source_timestamp: int
    publication_handle: int


class _Octets(ctypes.Structure):
    """Address and size: what the binding's writers take as a sample, and an iovec."""

    _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))


def _declare(lib: ctypes.CDLL, prototypes: dict[str, tuple]) -> None:
    for name, (result, *arguments) in prototypes.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments


_lib = ctypes.CDLL(DDS._dll_handle._name)
_pointer, _entity, _size, _key = ctypes.c_void_p, ctypes.c_int32, ctypes.c_size_t, ctypes.c_ssize_t
_declare(
    _lib,
    {
        "dds_create_waitset": (_entity, _entity),
        "dds_waitset_attach": (ctypes.c_int32, _entity, _entity, _key),
        "dds_waitset_detach": (ctypes.c_int32, _entity, _entity),
        "dds_waitset_set_trigger": (ctypes.c_int32, _entity, ctypes.c_bool),
        "dds_waitset_wait": (ctypes.c_int32, _entity, ctypes.POINTER(_key), _size, ctypes.c_int64),
        "dds_delete": (ctypes.c_int32, _entity),
    },
)
_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype, _view.argtypes = ctypes.py_object, (_pointer, _key, ctypes.c_int)


def _fast_path() -> bool:
    """Whether samples can move without the binding's Python CDR."""
    if os.environ.get("ROS2_LITE_BINDING_ONLY") == "1":
        return False
    try:
        _declare(
            _lib,
            {
                "dds_write": (ctypes.c_int32, _entity, ctypes.POINTER(_Octets)),
                "dds_takecdr": (
                    ctypes.c_int32,
                    _entity,
                    ctypes.POINTER(_pointer),
                    ctypes.c_uint32,
                    ctypes.POINTER(dds_c_t.sample_info),
                    ctypes.c_uint32,
                ),
                "ddsi_serdata_size": (ctypes.c_uint32, _pointer),
                "ddsi_serdata_to_ser_ref": (_pointer, _pointer, _size, _size, ctypes.POINTER(_Octets)),
                "ddsi_serdata_to_ser_unref": (None, _pointer, ctypes.POINTER(_Octets)),
                "ddsi_serdata_unref": (None, _pointer),
            },
        )
    except AttributeError:
        return False
    return True


FAST_PATH = _fast_path()


def _checked(code: int, doing: str) -> int:
    if code < 0:
        raise DDSException(code, f"while {doing}")
    return code


def carry_octets(struct: type) -> type:
    """Make samples of an IdlStruct be their serialised octets, so that the binding does no CDR of its own in Python."""

    def construct(self: Any, payload: bytes) -> None:
        self.payload = bytes(payload)

    struct.__init__ = construct
    struct.serialize = lambda self, *_, **__: self.payload
    struct.deserialize = classmethod(lambda cls, data, *_, **__: cls(data))
    struct.deserialize_key = classmethod(lambda *_, **__: None)  # of a sample that says only that a writer has gone
    return struct


class Endpoint:
    """A writer or reader with the statuses that wake the waiting thread. `on_status(bits)` runs in that thread."""

    def __init__(self, participant: "Participant", entity: DataWriter | DataReader, statuses: int) -> None:
        self.entity = entity
        self.guid = entity.guid.bytes
        self.on_status: Callable[[int], None] | None = None
        self._participant = participant
        entity.set_status_mask(statuses)

    def listen(self, on_status: Callable[[int], None]) -> None:
        """Deliver status changes from now on, starting with those that have already come."""
        self.on_status = on_status
        self._participant.attach(self)

    def close(self) -> None:
        """Take the endpoint off the network. Safe to call twice."""
        self._participant.detach(self)
        entity, self.entity = self.entity, None
        if entity is not None:
            _lib.dds_delete(entity._ref)  # now, whoever may still hold the Python object


class Writer(Endpoint):
    """Publishes payloads: octets with encapsulation header, padded to a multiple of four. Safe from many threads."""

    def write(self, payload: memoryview) -> None:
        """Blocks, without the GIL, while a reliable writer's cache is full. Raises DDSException when it stays so."""
        entity = self.entity
        if entity is None:
            raise DDSException(DDSException.DDS_RETCODE_ALREADY_DELETED, "while writing a sample")
        if not FAST_PATH:
            entity.write(entity.data_type(payload))
            return
        octets = np.frombuffer(payload, np.uint8)
        sample = _Octets(octets.__array_interface__["data"][0], octets.size)
        _checked(_lib.dds_write(entity._ref, ctypes.byref(sample)), "writing a sample")

    def matched(self) -> list[int]:
        """Handles of the readers that this writer reaches."""
        entity = self.entity
        return entity.get_matched_subscriptions() if entity is not None else []


class Reader(Endpoint):
    """Takes payloads, oldest first."""

    def take(self, decode: Callable[[memoryview], Any]) -> tuple[Any, SampleInfo] | None:
        """The next sample decoded, or None. The view given to `decode` dies with the call: decode must copy."""
        entity = self.entity
        if entity is None:
            return None
        return _take_loan(entity._ref, decode) if FAST_PATH else _take_copy(entity, decode)

    def matched(self) -> list[int]:
        """Handles of the writers that reach this reader."""
        entity = self.entity
        return entity.get_matched_publications() if entity is not None else []


def _take_loan(reader: int, decode: Callable[[memoryview], Any]) -> tuple[Any, SampleInfo] | None:
    serdata, info, octets = _pointer(), dds_c_t.sample_info(), _Octets()
    while _lib.dds_takecdr(reader, ctypes.byref(serdata), 1, ctypes.byref(info), _ANY_STATE) > 0:
        try:
            if not info.valid_data:
                continue
            size = _lib.ddsi_serdata_size(serdata)
            reference = _lib.ddsi_serdata_to_ser_ref(serdata, 0, size, ctypes.byref(octets))
            try:
                decoded = decode(_view(octets.address, octets.size, 0x100))
            finally:
                _lib.ddsi_serdata_to_ser_unref(reference, ctypes.byref(octets))
            return decoded, SampleInfo(info.source_timestamp, info.publication_handle)
        finally:
            _lib.ddsi_serdata_unref(serdata)
    return None


def _take_copy(reader: DataReader, decode: Callable[[memoryview], Any]) -> tuple[Any, SampleInfo] | None:
    while samples := reader.take(1):
        if not isinstance(samples[0], InvalidSample):
            info = samples[0].sample_info
            return decode(memoryview(samples[0].payload)), SampleInfo(info.source_timestamp, info.publication_handle)
    return None


_domains: dict[int, tuple[Domain, int]] = {}
_domains_lock = threading.Lock()


def _join_domain(number: int) -> None:
    """Configure the domain before this process's first participant in it; count its users."""
    with _domains_lock:
        entity, users = _domains.get(number, (None, 0))
        _domains[number] = (entity or Domain(number, domain.configuration()), users + 1)


def _leave_domain(number: int) -> None:
    with _domains_lock:
        entity, users = _domains.pop(number)
        if users > 1:
            _domains[number] = (entity, users - 1)


class Participant:
    """One DDS participant and the one thread that waits for all of its endpoints."""

    def __init__(self, number: int) -> None:
        self.number = number
        _join_domain(number)
        self.entity = DomainParticipant(number, Qos(Policy.Userdata(b"enclave=/;")))
        self.guid = self.entity.guid.bytes
        self._publisher, self._subscriber = Publisher(self.entity), Subscriber(self.entity)
        self._endpoints: dict[int, Endpoint] = {}
        self._keys = itertools.count(1)
        self._closing = False
        self._waitset = _checked(_lib.dds_create_waitset(self.entity._ref), "making a wait set")
        _checked(_lib.dds_waitset_attach(self._waitset, self._waitset, 0), "attaching the wait set's own trigger")
        self._thread = threading.Thread(target=self._wait, name="ros2_lite_wait", daemon=True)
        self._thread.start()

    def writer(self, topic: str, dds_type: type, qos: Qos, statuses: int = 0) -> Writer:
        """A writer of `topic` (its DDS name, such as `rt/chatter`) in XCDR1."""
        qos = Qos(_XCDR1, base=qos)
        return Writer(self, DataWriter(self._publisher, Topic(self.entity, topic, dds_type), qos), statuses)

    def reader(self, topic: str, dds_type: type, qos: Qos, statuses: int = DDSStatus.DataAvailable) -> Reader:
        """A reader of `topic`; no sample is lost between its creation and `listen`."""
        qos = Qos(_XCDR1, base=qos)
        return Reader(self, DataReader(self._subscriber, Topic(self.entity, topic, dds_type), qos), statuses)

    def attach(self, endpoint: Endpoint) -> None:
        endpoint.key = next(self._keys)
        self._endpoints[endpoint.key] = endpoint
        _checked(
            _lib.dds_waitset_attach(self._waitset, endpoint.entity._ref, endpoint.key),
            "attaching an endpoint",
        )

    def detach(self, endpoint: Endpoint) -> None:
        if self._endpoints.pop(getattr(endpoint, "key", 0), None):
            _lib.dds_waitset_detach(self._waitset, endpoint.entity._ref)

    def _wait(self) -> None:
        keys = (_key * 256)()
        while not self._closing:
            count = _checked(_lib.dds_waitset_wait(self._waitset, keys, len(keys), _INFINITE), "waiting for data")
            for key in keys[: min(count, len(keys))]:
                endpoint = self._endpoints.get(key)
                entity = endpoint and endpoint.entity
                if entity is not None:
                    try:
                        endpoint.on_status(entity.take_status())
                    except DDSException:
                        if endpoint.entity is not None:  # otherwise it was closed between the wait and now
                            raise

    def close(self) -> None:
        """Leave the domain at once: peers see this participant go now instead of when its lease runs out."""
        self._closing = True
        _lib.dds_waitset_set_trigger(self._waitset, True)
        if self._thread is not threading.current_thread():
            self._thread.join()
        for endpoint in list(self._endpoints.values()):
            endpoint.close()
        _lib.dds_delete(self.entity._ref)  # and with it all that the participant made
        _leave_domain(self.number)

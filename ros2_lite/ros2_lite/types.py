"""Message and service classes, their CDR, and their description for DDS, from rosbags' definitions.

Classes behave as rclpy's: constructors take keywords, fields have defaults and are checked when set, sequences of
numbers are `array.array`, fixed arrays of numbers are `numpy.ndarray`, a `byte` is a `bytes` of length one.
"""

import array
import copy
import struct
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from cyclonedds.idl import IdlStruct, make_idl_struct
from cyclonedds.idl import types as idl
from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from . import distro
from .transport import carry_octets

_ENCAPSULATION = b"\x00\x01\x00\x00"  # XCDR1 (plain CDR), little endian
SERVICE_HEADER = struct.Struct("<Qq")  # client id, sequence number: before every request and response

# Defaults that definitions give and rosbags' parser drops.
_DEFAULTS = {("geometry_msgs/msg/Quaternion", "w"): 1.0}


class _Primitive(NamedTuple):
    """A ROS primitive: Python type and bounds, `array.array` code (None where rclpy uses a list), IDL type and name."""

    python: type
    bounds: tuple[int, int] | None
    code: str | None
    idl: Any
    idl_name: str


def _integer(bits: int, signed: bool, code: str, idl_type: Any, name: str) -> _Primitive:
    bounds = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return _Primitive(int, bounds, code, idl_type, name)


_PRIMITIVES = {
    "bool": _Primitive(bool, None, None, bool, "boolean"),
    "byte": _Primitive(bytes, None, None, idl.byte, "octet"),
    "char": _integer(8, False, "B", idl.uint8, "uint8"),
    "int8": _integer(8, True, "b", idl.int8, "int8"),
    "uint8": _integer(8, False, "B", idl.uint8, "uint8"),
    "int16": _integer(16, True, "h", idl.int16, "int16"),
    "uint16": _integer(16, False, "H", idl.uint16, "uint16"),
    "int32": _integer(32, True, "i", idl.int32, "int32"),
    "uint32": _integer(32, False, "I", idl.uint32, "uint32"),
    "int64": _integer(64, True, "q", idl.int64, "int64"),
    "uint64": _integer(64, False, "Q", idl.uint64, "uint64"),
    "float32": _Primitive(float, None, "f", idl.float32, "float"),
    "float64": _Primitive(float, None, "d", idl.float64, "double"),
    "string": _Primitive(str, None, None, str, "string"),
}


class _WireStore(Typestore):
    """rosbags' codec reading each field in its wire form: `_wire_<name>` is what the generated code asks a message
    for."""

    def __init__(self, definitions: Typestore) -> None:
        super().__init__()
        self.fielddefs = {
            name: (constants, [(f"_wire_{field}", desc) for field, desc in fields])
            for name, (constants, fields) in definitions.fielddefs.items()
        }
        self.types = _Decoders()


class _Decoders(dict):
    """What rosbags' generated code calls with a message's decoded fields."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        self[name] = message_class(name)._from_wire
        return self[name]


def _read_interfaces() -> dict[str, str]:
    text = resources.files(__package__).joinpath("interfaces.txt").read_text()
    sections = (section.partition("\n") for section in text.split("=== ")[1:])
    return {name.strip(): body for name, _, body in sections}


def _load_definitions() -> tuple[Typestore, frozenset[str]]:
    """All message definitions of the distribution, a service as a `_Request` and a `_Response`; names of the
    services."""
    store, known = get_typestore(distro.STORE), set()

    def register(name: str, text: str) -> None:
        (definition,) = get_types_from_msg(text, name.replace("/srv/", "/msg/")).values()  # the parser knows msg only
        store.register({name: definition})

    for name, body in _read_interfaces().items():
        if "/srv/" in name:
            known.add(name)
            request, _, response = body.partition("---\n")
            register(f"{name}_Request", request)
            register(f"{name}_Response", response)
        else:
            register(name, body)
    return store, frozenset(known)


definitions, services = _load_definitions()
_wire = _WireStore(definitions)


def packages() -> set[str]:
    """Names of the message packages that exist here."""
    return {name.partition("/")[0] for name in definitions.fielddefs}


def names(package: str, kind: str) -> list[str]:
    """Names of a package's types of a kind, "msg" or "srv"."""
    known = services if kind == "srv" else definitions.fielddefs
    return sorted(name.rpartition("/")[2] for name in known if name.startswith(f"{package}/{kind}/"))


def _type_text(desc: Any) -> str:
    """A field's type as rclpy's get_fields_and_field_types() spells it, such as `sequence<uint8>` or `double[9]`."""
    kind, detail = desc
    if kind == Nodetype.BASE:
        name, bound = detail
        return f"string<{bound}>" if bound else _PRIMITIVES[name].idl_name
    if kind == Nodetype.NAME:
        return detail.replace("/msg/", "/")
    inner, size = detail
    if kind == Nodetype.ARRAY:
        return f"{_type_text(inner)}[{size}]"
    return f"sequence<{_type_text(inner)}{f', {size}' if size else ''}>"


def _check_one(desc: Any) -> Callable[[Any], bool]:
    """Whether a value may stand in a field of a scalar type, as rclpy's assertions have it."""
    kind, detail = desc
    if kind == Nodetype.NAME:
        return lambda value: isinstance(value, message_class(detail))
    primitive, bound = _PRIMITIVES[detail[0]], detail[1]
    if primitive.bounds:
        low, high = primitive.bounds
        return lambda value: isinstance(value, int) and low <= value <= high
    if primitive.python is bytes:
        return lambda value: isinstance(value, (bytes, bytearray)) and len(value) == 1
    if bound:
        return lambda value: isinstance(value, str) and len(value) <= bound
    return lambda value: isinstance(value, primitive.python)


_LONG = {"q": "l", "Q": "L"}  # numpy's name of 64-bit integers in the buffer protocol


def _fill(code: str, values: Any) -> array.array:
    """An array.array of any iterable of numbers, by one copy where the values lie in memory in the same type."""
    filled = array.array(code)
    try:
        view = memoryview(values)
    except TypeError:
        filled.extend(values)
        return filled
    if view.c_contiguous and view.format in (code, _LONG.get(code)):
        filled.frombytes(view.cast("B"))
    else:
        filled.extend(np.asarray(values).ravel().tolist())
    return filled


class _Field:
    """How one field is checked when set, and how it looks on the wire."""

    def __init__(self, owner: str, name: str, desc: Any) -> None:
        self.name, self.desc, self.text = name, desc, _type_text(desc)
        kind, detail = desc
        self.many = kind in (Nodetype.ARRAY, Nodetype.SEQUENCE)
        self.inner, self.size = detail if self.many else (desc, 0)
        self.fixed = kind == Nodetype.ARRAY
        base = self.inner[1][0] if self.inner[0] == Nodetype.BASE else None
        self.primitive = _PRIMITIVES.get(base)
        self.code = self.primitive.code if self.primitive and self.many else None
        self.is_byte, self.is_bool = base == "byte", base == "bool"
        self._is_valid = _check_one(self.inner)
        self._default = _DEFAULTS.get((owner, name))

    def default(self) -> Any:
        if self.code:
            return np.zeros(self.size, self.code) if self.fixed else array.array(self.code)
        if self.many and not self.fixed:
            return []
        ones = [self._one_default() for _ in range(self.size if self.fixed else 1)]
        return ones if self.fixed else ones[0]

    def _one_default(self) -> Any:
        if self._default is not None:
            return self._default
        if self.inner[0] == Nodetype.NAME:
            return message_class(self.inner[1])()
        return b"\x00" if self.is_byte else self.primitive.python()

    def check(self, value: Any) -> Any:
        """The value as the field holds it. Raises AssertionError, as rclpy does, where type or range is wrong."""
        if not self.many:
            assert self._is_valid(value), self._complaint(value)
            return value
        if self.code:
            held = self._numbers(value)
        else:
            held = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else None
            assert held is not None and all(map(self._is_valid, held)), self._complaint(value)
        length = len(held)
        assert length == self.size if self.fixed else not self.size or length <= self.size, self._complaint(value)
        return held

    def _numbers(self, value: Any) -> Any:
        if isinstance(value, array.array) and value.typecode == self.code and not self.fixed:
            return value
        try:
            held = _fill(self.code, value)
            return np.array(held) if self.fixed else held
        except (TypeError, ValueError, OverflowError) as error:
            raise AssertionError(f"{self._complaint(value)}: {error}") from None

    def _complaint(self, value: Any) -> str:
        shown = repr(value)
        shown = shown if len(shown) < 80 else f"{type(value).__name__} of {shown[:60]}..."
        return f"The '{self.name}' field must be of type '{self.text}', but it is {shown}"

    def to_wire(self, value: Any) -> Any:
        if self.is_byte:
            joined = b"".join(value) if self.many else value
            return np.frombuffer(joined, np.int8) if self.many else struct.unpack("b", joined)[0]
        if self.many and (self.code or self.is_bool):
            return np.asarray(value, self.code or bool)
        return value

    def from_wire(self, value: Any) -> Any:
        if self.is_byte:
            return [bytes((v & 0xFF,)) for v in value] if self.many else bytes((value & 0xFF,))
        if self.is_bool and self.many:
            return value.tolist()
        if self.code:
            return value.copy() if self.fixed else _fill(self.code, value)
        return value

    @property
    def is_plain(self) -> bool:
        """Whether the Python value is what the codec wants."""
        return not (self.is_byte or self.many and (self.code or self.is_bool))


class Message:
    """Base of all message classes."""

    __slots__ = ()
    __rostype__: str
    __rosfields__: tuple[_Field, ...] = ()

    def __init__(self, **values: Any) -> None:
        for field in self.__rosfields__:
            name = field.name
            if name in values:
                setattr(self, name, values.pop(name))
            else:
                setattr(self, f"_{name}", field.default())
        assert not values, f"Invalid arguments passed to constructor of {self.__rostype__}: {', '.join(values)}"

    @classmethod
    def _from_wire(cls, *values: Any) -> "Message":
        message = cls.__new__(cls)
        for field, value in zip(cls.__rosfields__, values):
            setattr(message, f"_{field.name}", value if field.is_plain else field.from_wire(value))
        return message

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Field names with their types, such as {"height": "uint32", "data": "sequence<uint8>"}."""
        return {field.name: field.text for field in cls.__rosfields__}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in self.__rosfields__)
        return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)

    __hash__ = None

    def __repr__(self) -> str:
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in self.__rosfields__)
        package, kind, name = self.__rostype__.split("/")
        return f"{package}.{kind}.{name}({values})"

    def __deepcopy__(self, memo: dict) -> "Message":
        duplicate = type(self).__new__(type(self))
        for field in self.__rosfields__:
            setattr(duplicate, f"_{field.name}", copy.deepcopy(getattr(self, field.name), memo))
        return duplicate


def _property(field: _Field) -> property:
    slot, check = f"_{field.name}", field.check

    def set_field(self: Message, value: Any) -> None:
        setattr(self, slot, check(value))

    return property(attrgetter(slot), set_field)


def _wire_property(field: _Field) -> property:
    read, convert = attrgetter(f"_{field.name}"), field.to_wire
    return property(read if field.is_plain else lambda self: convert(read(self)))


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message type, such as `sensor_msgs/msg/Image`. Raises KeyError for an unknown name."""
    constants, described = definitions.fielddefs[name]
    fields = tuple(_Field(name, field, desc) for field, desc in described)
    package, kind, short = name.split("/")
    namespace: dict[str, Any] = {
        "__module__": f"{package}.{kind}",
        "__slots__": tuple(f"_{field.name}" for field in fields),
        "__rostype__": name,
        "__rosfields__": fields,
    }
    for constant, type_name, value in constants:
        namespace[constant] = bytes((value & 0xFF,)) if type_name == "byte" else value
    for field in fields:
        namespace[field.name] = _property(field)
        namespace[f"_wire_{field.name}"] = _wire_property(field)
    return type(short, (Message,), namespace)


@cache
def service_class(name: str) -> type:
    """The class of a service type, such as `std_srvs/srv/Trigger`, with its Request and Response."""
    if name not in services:
        raise KeyError(name)
    package, kind, short = name.split("/")
    parts = {part: message_class(f"{name}_{part}") for part in ("Request", "Response")}
    return type(short, (), {"__module__": f"{package}.{kind}", "__rostype__": name, **parts})


def serialise(message: Message, header: bytes = b"") -> memoryview:
    """CDR of a message with its encapsulation header, padded to four octets; a service's `header` stands before the
    body."""
    codec = _wire.get_msgdef(message.__rostype__)
    start = len(_ENCAPSULATION) + len(header)
    size = start + codec.getsize_cdr(0, message, _wire)
    payload = memoryview(bytearray(size + -size % 4))
    payload[:start] = _ENCAPSULATION + header
    codec.serialize_cdr_le(payload[start:], 0, message, _wire)
    return payload


def deserialise(name: str, payload: memoryview, skip: int = 0) -> Message:
    """The message in a CDR payload, sharing no memory with it; `skip` octets of header are passed over.

    Raises ValueError where the payload is not plain CDR or does not hold such a message.
    """
    codec = _wire.get_msgdef(name)
    if len(payload) < 4 + skip or payload[0] != 0 or payload[1] > 1:
        raise ValueError(f"payload of {len(payload)} octets for {name} does not start with a plain CDR header")
    decode = codec.deserialize_cdr_le if payload[1] else codec.deserialize_cdr_be
    try:
        return decode(memoryview(payload)[4 + skip :], 0, codec.cls, _wire)[0]
    except Exception as error:
        raise ValueError(f"payload of {len(payload)} octets is no {name}: {error}") from error


@cache
def type_hash(name: str) -> str:
    """REP-2016 hash of a message type, such as `RIHS01_d31d...`."""
    return definitions.hash_rihs01(name)


def dds_name(name: str) -> str:
    """`sensor_msgs/msg/Image` as DDS knows it: `sensor_msgs::msg::dds_::Image_`."""
    package, kind, short = name.split("/")
    return f"{package}::{kind}::dds_::{short}_"


def ros_name(type_name: str) -> str:
    """The inverse of dds_name; other DDS types keep their name."""
    return type_name.replace("::dds_::", "/").replace("::", "/").removesuffix("_") if "::dds_::" in type_name else type_name


def _idl_type(desc: Any) -> Any:
    kind, detail = desc
    if kind == Nodetype.BASE:
        return idl.bounded_str[detail[1]] if detail[1] else _PRIMITIVES[detail[0]].idl
    if kind == Nodetype.NAME:
        return _idl_struct(detail)
    inner, size = detail
    if kind == Nodetype.ARRAY:
        return idl.array[_idl_type(inner), size]
    return idl.sequence[_idl_type(inner), size] if size else idl.sequence[_idl_type(inner)]


@cache
def _idl_struct(name: str, header: tuple[tuple[str, Any], ...] = ()) -> type[IdlStruct]:
    fields = dict(header) | {field: _idl_type(desc) for field, desc in definitions.fielddefs[name][1]}
    return carry_octets(make_idl_struct(name.rpartition("/")[2] + "_", dds_name(name).replace("::", "."), fields))


def topic_type(name: str, service: bool = False) -> type[IdlStruct]:
    """The IdlStruct that describes a topic of this type to DDS; with `service`, with the header of requests and
    replies."""
    header = (("client_id", idl.uint64), ("sequence_number", idl.int64)) if service else ()
    return _idl_struct(name, header)

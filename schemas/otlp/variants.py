"""
OTLP's schema in two variants that the official classes cannot give, derived from theirs at import.

* The limited one holds attribute values nested one level deep, as the store does. Whatever lies
  deeper leaves a required field unset, so that `IsInitialized()` tells in one pass of C whether a
  message nests too deeply.
* The lenient one has bytes where OTLP has strings, because protobuf refuses a whole request for
  one string that is not UTF-8.

Both keep unknown fields, so that serialising loses nothing.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_COMMON = "opentelemetry.proto.common.v1"
# Each after those it imports.
_FILES = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2, logs_pb2, logs_service_pb2)


def _official_files() -> list[FileDescriptorProto]:
    """Return copies of the files that make up the services."""
    files = []
    for module in _FILES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return files


def _limited_pool() -> DescriptorPool:
    pool = DescriptorPool()
    too_deep = FileDescriptorProto(name="too_deep.proto", package="limited", syntax="proto2")
    too_deep.message_type.add(name="TooDeep").field.add(
        name="never_sent",
        number=536870911,  # the highest there is
        label=FieldDescriptorProto.LABEL_REQUIRED,
        type=FieldDescriptorProto.TYPE_BOOL,
    )
    pool.Add(too_deep)
    common, *others = _official_files()
    common.dependency.append(too_deep.name)
    _limit_nesting(common)
    for file in (common, *others):
        pool.Add(file)
    return pool


def _limit_nesting(common: FileDescriptorProto) -> None:
    """Give arrays and maps element types of their own, which hold no arrays and maps."""
    messages = {message.name: message for message in common.message_type}
    element = _copy(common, messages["AnyValue"], name="Element")
    entry = _copy(common, messages["KeyValue"], name="Entry")
    _retype(element, ".limited.TooDeep")
    _retype(entry, f".{_COMMON}.Element")
    _retype(messages["ArrayValue"], f".{_COMMON}.Element")
    _retype(messages["KeyValueList"], f".{_COMMON}.Entry")


def _copy(file: FileDescriptorProto, message: DescriptorProto, *, name: str) -> DescriptorProto:
    copy = file.message_type.add()
    copy.CopyFrom(message)
    copy.name = name
    return copy


def _retype(message: DescriptorProto, type_name: str) -> None:
    """Let every field of `message` that holds a message hold `type_name`."""
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_MESSAGE:
            field.type_name = type_name


def _lenient_pool() -> tuple[DescriptorPool, frozenset[str]]:
    """Return the pool, and the full names of the fields that were strings."""
    pool = DescriptorPool()
    strings: set[str] = set()
    for file in _official_files():
        for message in file.message_type:
            _loosen(message, f"{file.package}.{message.name}", strings)
        pool.Add(file)
    return pool, frozenset(strings)


def _loosen(message: DescriptorProto, full_name: str, strings: set[str]) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
            strings.add(f"{full_name}.{field.name}")
    for nested in message.nested_type:
        _loosen(nested, f"{full_name}.{nested.name}", strings)


def _message_class(pool: DescriptorPool, full_name: str) -> Any:
    return GetMessageClass(pool.FindMessageTypeByName(full_name))


_limited = _limited_pool()
_lenient, STRING_FIELDS = _lenient_pool()

LenientAnyValue: Any = _message_class(_lenient, f"{_COMMON}.AnyValue")


def limited_class(official: Any) -> Any:
    """Return the limited variant of an official class."""
    return _message_class(_limited, official.DESCRIPTOR.full_name)


def lenient_class(official: Any) -> Any:
    """Return the lenient variant of an official class."""
    return _message_class(_lenient, official.DESCRIPTOR.full_name)

"""
What sets one signal of OTLP apart from another.

Requests of all signals have one shape, in fields of the same numbers: resources, the scopes of
each, and what the signal is about: its items, such as spans.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from runtime.signals import SignalName
from schemas.otlp.bombs import messages_of
from schemas.otlp.json_encoders import Fields, fields_of
from schemas.otlp.rejections import Rejections, warning
from schemas.otlp.variants import lenient_class, limited_class
from schemas.otlp.wire import length_field

# The numbers of the fields that lead to the items.
IN_REQUEST, IN_RESOURCE, IN_SCOPE = 1, 2, 2


def alone(item: bytes) -> bytes:
    """Return an encoded request that holds nothing but an encoded item."""
    return length_field(IN_REQUEST, length_field(IN_RESOURCE, length_field(IN_SCOPE, item)))


def alone_message(item: Any) -> bytes:
    """Return an encoded request that holds nothing but an item."""
    return alone(item.SerializePartialToString())


class Sifted(NamedTuple):
    """How many items of a request are kept and superseded, and what was repaired in them."""

    kept: int
    superseded: int
    repairs: tuple[str, ...]


class Level(NamedTuple):
    """A repeated field on the way to the items: its name, the one in JSON, and how JSON is read."""

    name: str
    key: str
    fields: Fields


class Signal(ABC):
    """A signal that is stored, by the official classes of its requests and of their responses."""

    name: SignalName  # in the paths of OTLP
    item: str  # what people call one of its items; with an s behind it, several
    reasons: Mapping[str, str]  # what the items had that were left out, by the short reason

    def __init__(self, request: Any, response: Any) -> None:
        resources = request.DESCRIPTOR.fields_by_number[IN_REQUEST]
        scopes = resources.message_type.fields_by_number[IN_RESOURCE]
        items = scopes.message_type.fields_by_number[IN_SCOPE]
        self.request, self.response = request, response
        self.limited, self.lenient = limited_class(request), lenient_class(request)
        self.resources, self.scopes, self.items = map(_level, (resources, scopes, items))
        self.messages = messages_of(request.DESCRIPTOR)
        self._item_class: Any = GetMessageClass(items.message_type)
        partial_success = response.DESCRIPTOR.fields_by_name["partial_success"].message_type
        self._rejected = partial_success.fields_by_number[1].name

    def rejections(self) -> Rejections:
        """Return what will hold the items of one request that are left out."""
        return Rejections(item=self.item, reasons=self.reasons)

    def response_to(
        self, rejections: Rejections, *, received: int, repairs: Iterable[str] = ()
    ) -> Any:
        """
        OTLP (Full Success, Partial Success): the field is unset where all items were accepted, but
        for a warning, which comes with none rejected.
        """
        response = self.response()
        if rejections.total:
            setattr(response.partial_success, self._rejected, rejections.total)
            response.partial_success.error_message = rejections.message(received=received)
        elif told := warning(repairs):
            response.partial_success.error_message = told
        return response

    def title_of(self, encoded: bytes) -> str:
        """Return what an encoded item calls itself."""
        return self.title(self._item_class.FromString(encoded))

    @abstractmethod
    def title(self, item: Any) -> str:
        """Return what an item calls itself."""

    @abstractmethod
    def sift(self, request: Any, rejections: Rejections) -> Sifted:
        """Leave the invalid items out of a request, and repair what can be."""

    @abstractmethod
    def values(self, item: Any) -> Iterator[Any]:
        """Yield every AnyValue of an item."""


def _level(field: FieldDescriptor) -> Level:
    message: Any = field.message_type
    return Level(field.name, field.json_name, fields_of(message))

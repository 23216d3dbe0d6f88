"""
Where a span's session id is found, and by which key: every key of the list, on the span and on its
resource, of any scalar type, and placeholders that are none.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Iterator, Mapping

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from buffer.port import ConsumedRecord, Record
from runtime.config import SESSION_KEYS, SessionsConfig, TimesConfig
from schemas.envelope import Envelope
from store.client import Store
from tests import otlp, processes, samples
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

_RUN = f"keys-{secrets.token_hex(3)}"
_SCRUBBED = "[Scrubbed due to 'session']"

Said = Mapping[str, str]
# The attributes of a span and of its resource; the session id, its key, and whose it was.
Case = tuple[Said, Said, tuple[str, str, str]]
_NONE = ("", "", "")


def _cases() -> Iterator[Case]:
    for key in SESSION_KEYS:
        yield {key: "s"}, {}, ("s", key, "span")
        yield {}, {key: "r"}, ("r", key, "resource")
        yield {key: "s"}, {key: "r"}, ("s", key, "span")
        yield {key: ""}, {key: "r"}, ("r", key, "resource")
        yield {key: _SCRUBBED}, {}, _NONE
        yield {key: _SCRUBBED}, {key: "r"}, ("r", key, "resource")
    for better, worse in itertools.pairwise(SESSION_KEYS):
        yield {worse: "w", better: "b"}, {}, ("b", better, "span")
        yield {worse: "w"}, {better: "b"}, ("b", better, "resource")
        yield {better: "b"}, {worse: "w"}, ("b", better, "span")
        yield {better: _SCRUBBED, worse: "w"}, {}, ("w", worse, "span")
    yield {"SESSION.ID": "s", "session_id": "s"}, {"session": "s"}, _NONE


def _request(span: Mapping[str, AnyValue], resource: Mapping[str, AnyValue]) -> bytes:
    request = samples.request(samples.span(attributes=_attributes(span)))
    request.resource_spans[0].resource.CopyFrom(Resource(attributes=_attributes(resource)))
    body: bytes = request.SerializeToString()
    return body


def _attributes(values: Mapping[str, AnyValue]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in values.items()]


def _texts(said: Said) -> dict[str, AnyValue]:
    return {key: samples.text(value) for key, value in said.items()}


def _keep(
    running: processes.Store, requests: Mapping[str, bytes], sessions: SessionsConfig
) -> None:
    """Insert requests, each into the project that it is given by, and resolve them."""
    records = []
    for offset, (project, body) in enumerate(requests.items()):
        headers = Envelope(project=project, received_ns=otlp.RECEIVED_NS, spans=1).to_headers()
        record = Record(value=body, headers=headers)
        records.append(ConsumedRecord(partition=0, offset=offset, appended_at_ns=0, record=record))

    async def run() -> None:
        async with Store(running.config) as store:
            batch = Batch.of(records)
            await Inserter(store, sessions=sessions, times=TimesConfig()).insert(batch)
            await Resolver(store).resolve(batch.id)

    asyncio.run(run())


def _found(store: processes.Store, prefix: str) -> dict[str, tuple[str, str, str]]:
    rows = store.query(
        "SELECT Project, SessionId, SessionIdKey, SessionIdSource FROM spans"
        " WHERE startsWith(Project, {prefix:String})",
        {"prefix": prefix},
    )
    return {project: (session_id, key, source) for project, session_id, key, source in rows}


def test_every_key_in_its_order(store: processes.Store) -> None:
    """An earlier key comes before a later one, a span before its resource, and all say so."""
    cases = {f"{_RUN} order {number}": case for number, case in enumerate(_cases())}
    requests = {p: _request(_texts(span), _texts(of)) for p, (span, of, _) in cases.items()}
    _keep(store, requests, SessionsConfig())
    found = _found(store, f"{_RUN} order ")
    assert found == {project: expected for project, (_, _, expected) in cases.items()}
    rows = store.query(
        "SELECT Project, SessionId, SessionIdKey FROM session_traces"
        " WHERE startsWith(Project, {prefix:String})",
        {"prefix": f"{_RUN} order "},
    )
    resolved = {project: (session_id, key) for project, session_id, key in rows}
    assert resolved == {p: found[p][:2] for p in found if found[p] != _NONE}


SCALARS = {
    "text": AnyValue(string_value="chat-17"),
    "text of numbers": AnyValue(string_value="0017"),
    "other alphabets": AnyValue(string_value="会话 '1' \\ \t"),
    "int": AnyValue(int_value=42),
    "int 0": AnyValue(int_value=0),
    "int below 0": AnyValue(int_value=-(2**63)),
    "double": AnyValue(double_value=1.5),
    "bool": AnyValue(bool_value=True),
    "bool false": AnyValue(bool_value=False),
    "bytes": AnyValue(bytes_value=b"\x00\xff"),
    "nothing": AnyValue(),
    "no bytes": AnyValue(bytes_value=b""),
}
IDS = {
    "text": "chat-17",
    "text of numbers": "0017",
    "other alphabets": "会话 '1' \\ \t",
    "int": "42",
    "int 0": "0",
    "int below 0": "-9223372036854775808",
    "double": "1.5",
    "bool": "true",
    "bool false": "false",
    "bytes": "AP8=",
    "nothing": "",
    "no bytes": "",
}


@pytest.mark.parametrize("place", ["span", "resource"])
def test_a_session_id_of_any_scalar_type(store: processes.Store, place: str) -> None:
    """Numbers, booleans and bytes become the text that the attribute has; nothing is no id."""
    prefix = f"{_RUN} {place} of "
    requests = {}
    for name, value in SCALARS.items():
        said = {"session.id": value}
        requests[prefix + name] = _request(*((said, {}) if place == "span" else ({}, said)))
    _keep(store, requests, SessionsConfig())
    expected = {
        prefix + name: (id_, "session.id", place) if id_ else _NONE for name, id_ in IDS.items()
    }
    assert _found(store, prefix) == expected


def test_the_list_is_one_setting(store: processes.Store) -> None:
    """Keys of one's own, in one's own order, and no others."""
    sessions = SessionsConfig(keys=("my.chat", "session.id"))
    prefix = f"{_RUN} own "
    both = _texts({"session.id": "s", "my.chat": "m"})
    requests = {
        f"{prefix}both": _request(both, {}),
        f"{prefix}second": _request(_texts({"session.id": "s"}), {}),
        f"{prefix}resource": _request(_texts({"session.id": "s"}), _texts({"my.chat": "m"})),
        f"{prefix}other": _request(_texts({"langfuse.session.id": "s"}), {}),
    }
    _keep(store, requests, sessions)
    assert _found(store, prefix) == {
        f"{prefix}both": ("m", "my.chat", "span"),
        f"{prefix}second": ("s", "session.id", "span"),
        f"{prefix}resource": ("m", "my.chat", "resource"),
        f"{prefix}other": _NONE,
    }


def test_both_ids_of_a_trace_are_to_be_seen(store: processes.Store) -> None:
    """The trace is in the session of its root; the other id stands beside it, and finds it."""
    project = f"{_RUN} both"
    root = samples.span(1, attributes=_attributes(_texts({"session.id": "root's"})))
    child = samples.span(
        2, parent_span_id=root.span_id, attributes=_attributes(_texts({"thread.id": "child's"}))
    )
    _keep(store, {project: samples.request(root, child).SerializeToString()}, SessionsConfig())
    rows = store.query(
        "SELECT SessionId, SessionIdKey, OtherSessionIds FROM session_traces"
        " WHERE Project = {project:String} AND has(OtherSessionIds, 'child\\'s')",
        {"project": project},
    )
    assert rows == [("root's", "session.id", ["child's"])]

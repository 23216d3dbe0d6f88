"""
What was said: inputs and outputs in the shapes that SDKs send, as messages of parts.

Understood are OpenAI's, Anthropic's and Gemini's requests and answers, the messages of the
OpenTelemetry GenAI conventions (a role and `parts`), of the Vercel AI SDK, LangChain, Genkit and
LiveKit, those that come as numbered attributes, and the arguments of a decorated function. Anything
else is shown as what it is, JSON or text: nothing is ever left out because it was not understood.
previews.sql knows the same shapes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

PartKind = Literal["text", "reasoning", "tool_call", "tool_result", "json", "media"]

_ROLES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "developer": "system",
    "function": "tool",
}
_LANGCHAIN_TYPES = {"human", "ai", "system", "tool", "function"}
# What a value of one text is called in the wild.
_TEXT_KEYS = (
    "input", "question", "query", "prompt", "text", "content", "message", "output", "answer",
    "response", "result", "completion",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a message. `name` is the tool's; a tool call's `text` are its arguments."""

    kind: PartKind
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something that somebody said."""

    role: str  # system, user, assistant, tool, or whatever was sent
    parts: Sequence[Part]

    @property
    def is_plain(self) -> bool:
        """Whether it is text alone."""
        return all(part.kind == "text" for part in self.parts)


def messages(value: str, *, role: str) -> list[Message]:
    """Return what a value says; `role` is whose it is where it does not say so itself."""
    if not value.strip():
        return []
    try:
        found = list(_messages(_loaded(value), role))
    except orjson.JSONEncodeError:  # deeper than 254 levels: as it was sent
        found = [Message(role=role, parts=[Part(kind="json", text=value)])]
    return [message for message in found if any(p.text.strip() or p.name for p in message.parts)]


def split(said: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """
    Return what came before and what is new: chat applications send the whole conversation each
    time, and what is new begins with the last run of user messages.
    """
    start = len(said)
    while start and said[start - 1].role != "user":
        start -= 1
    while start and said[start - 1].role == "user":
        start -= 1
    is_found = start < len(said) and said[start].role == "user"
    return (said[:start], said[start:]) if is_found else ([], said)


def _loaded(value: str) -> Any:
    if value.lstrip()[:1] not in ("{", "[", '"'):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _messages(value: Any, role: str) -> Iterator[Message]:
    match value:
        case str():
            yield Message(role=role, parts=[Part(kind="text", text=value)])
        case [[dict(), *_] as batch]:  # LangChain wraps its messages twice
            yield from _messages(batch, role)
        case [{"toolName": str()}, *_]:  # the Vercel AI SDK's answer that is no text
            yield _message({"role": "assistant", "tool_calls": value}, role)
        case [_, *_] if all(_is_message(item) for item in map(_nested, value)):
            for item in map(_nested, value):
                yield _message(item, role)
        case dict():
            yield from _of_object(value, role)
        case _:
            yield Message(role=role, parts=[_json(value)])


def _of_object(value: Mapping[str, Any], role: str) -> Iterator[Message]:
    match value:
        case {"messages": [_, *_] as listed}:
            for key in ("system", "system_instruction", "systemPrompt", "instructions"):
                if value.get(key):
                    yield Message(role="system", parts=list(_parts(value[key])))
            yield from _messages(listed, role)
        case {"system": str(system), "prompt": str(prompt)}:  # the Vercel AI SDK's
            yield Message(role="system", parts=[Part(kind="text", text=system)])
            yield Message(role=role, parts=[Part(kind="text", text=prompt)])
        case {"choices": [{"message": dict(said)}, *_]} | {
            "candidates": [{"content": dict(said)}, *_]
        }:
            yield _message(said, "assistant")  # OpenAI's answer, and Gemini's
        case {"contents": list() | str() as contents} | {
            "items": [{"role": str()}, *_] as contents
        }:
            yield from _messages(contents, role)
        case {"message": {"role": str()} as said} | {"content": {"parts": list()} as said}:
            yield _message(said, role)  # Genkit's answer, and of Gemini's the first candidate
        case {"generations": [[{"text": str(text)}, *_], *_]}:  # LangChain's
            yield Message(role="assistant", parts=[Part(kind="text", text=text)])
        case _ if _is_message(value):
            yield _message(value, role)
        case _:
            alone = _only_text(value)
            part = _json(value) if alone is None else Part(kind="text", text=alone)
            yield Message(role=role, parts=[part])


_NUMBERED = re.compile(r"(tool_calls|contents)\.([0-9]+)\.(?:.+\.)?([^.]+)")


def _nested(value: Any) -> Any:
    """Return a message that came as numbered attributes (`tool_calls.0.name`) as others come."""
    if not isinstance(value, dict) or not any(map(_NUMBERED.fullmatch, value)):
        return value
    plain: dict[str, Any] = {}
    lists: dict[str, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for key, inner in value.items():
        found = _NUMBERED.fullmatch(key)
        if found:
            lists[found[1]][int(found[2])][found[3]] = inner
        else:
            plain[key] = inner
    for name, members in lists.items():
        in_order = [members[number] for number in sorted(members)]
        plain.setdefault("content" if name == "contents" else name, in_order)
    return plain


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if _is_serialised(value):
        return True
    if isinstance(value.get("role"), str):
        return bool({"content", "parts", "tool_calls", "function_call"} & set(value))
    kind = value.get("type")
    return isinstance(kind, str) and kind in _LANGCHAIN_TYPES and "content" in value


def _is_serialised(value: Mapping[str, Any]) -> bool:
    """Return whether this is LangChain's own serialisation of a message."""
    return bool(value.get("lc")) and isinstance(value.get("kwargs"), dict)


def _message(value: Mapping[str, Any], role: str) -> Message:
    if _is_serialised(value):
        names = value.get("id")
        name = str(names[-1]) if isinstance(names, list) and names else role
        kind = name.removesuffix("Chunk").removesuffix("Message").lower()
        return _message({"role": kind, **value["kwargs"], "lc": None}, role)
    told = str(value.get("role") or value.get("type") or role).lower()
    told = _ROLES.get(told, told)
    parts = [*_parts(value.get("parts")), *_parts(value.get("content"))]
    if told == "tool":
        name = str(value.get("name") or "")
        parts = [
            Part(kind="tool_result", text=p.text, name=name) if p.kind in ("text", "json") else p
            for p in parts
        ]
    for key in ("reasoning_content", "reasoning"):
        if isinstance(value.get(key), str) and value[key]:
            parts.insert(0, Part(kind="reasoning", text=value[key]))
    calls = value.get("tool_calls") or value.get("function_call") or []
    parts += [_call(call) for call in (calls if isinstance(calls, list) else [calls])]
    return Message(role=told, parts=parts)


def _parts(content: Any) -> Iterator[Part]:
    match content:
        case None | "" | [] | {}:
            return
        case str():
            yield Part(kind="text", text=content)
        case list():
            for item in content:
                yield from _parts(item) if isinstance(item, str) else (_part(item),)
        case _:
            yield _part(content)


def _part(item: Any) -> Part:  # noqa: PLR0911 - one for each shape
    match item:
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return Part(kind="text", text=text)
        case {"type": "text", "content": str(text)}:
            return Part(kind="text", text=text)
        case {"type": "reasoning" | "thinking"}:
            text = next((v for k, v in item.items() if k != "type" and isinstance(v, str)), "")
            return Part(kind="reasoning", text=text)
        case {"type": "tool_call" | "tool_use" | "tool-call" | "function_call"}:
            return _call(item)
        case {"type": "tool_call_response" | "tool_result" | "tool-result"}:
            result = _first(item, "result", "response", "content", "output")
            name = str(_first(item, "name", "toolName") or "")
            return Part(kind="tool_result", text=_shown(result), name=name)
        case {"functionCall": dict() as call} | {"function_call": dict() as call}:
            return _call(call)
        case {"functionResponse": dict() as answer} | {"function_response": dict() as answer}:
            name = str(answer.get("name") or "")
            return Part(kind="tool_result", text=_shown(answer.get("response")), name=name)
        case {"text": str(text)} if len(item) == 1:
            return Part(kind="text", text=text)
        case {"type": "image_url" | "image" | "input_image" | "file" | "blob" | "uri" | "audio"}:
            return Part(kind="media", text=_shown(item), name=str(item["type"]))
        case _:
            return _json(item)


def _call(call: Any) -> Part:
    if not isinstance(call, dict):
        return _json(call)
    function = call["function"] if isinstance(call.get("function"), dict) else call
    arguments = _first(function, "arguments", "input", "args")
    name = str(_first(function, "name", "toolName", "tool_name") or "")
    return Part(kind="tool_call", text=_shown(arguments), name=name)


def _first(item: Mapping[str, Any], *keys: str) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _only_text(value: Mapping[str, Any]) -> str | None:
    """Return the text of an object that is nothing else: {"question": "…"}, or one argument."""
    match value:
        case {"args": [str(text)], "kwargs": {}} if len(value) == 2 and not value["kwargs"]:
            return text
        case {"args": [], "kwargs": dict() as named} if len(value) == 2 and len(named) == 1:
            value = named
    if len(value) == 1:
        [(key, text)] = value.items()
        if key in _TEXT_KEYS and isinstance(text, str):
            return text
    return None


def _json(value: Any) -> Part:
    return Part(kind="json", text=_shown(value))


def _shown(value: Any) -> str:
    """Return a value as it is read best: text as it is, JSON indented."""
    if value is None:
        return ""
    if isinstance(value, str):
        loaded = _loaded(value)
        return value if isinstance(loaded, str) else _shown(loaded)
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()

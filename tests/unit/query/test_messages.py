"""What was said, read from the shapes that SDKs send it in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.messages import Message, Part, messages, split


def said(value: Any, role: str = "user") -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the messages of a value as plain tuples."""
    text = value if isinstance(value, str) else json.dumps(value)
    return [(m.role, [(p.kind, p.text) for p in m.parts]) for m in messages(text, role=role)]


HELLO = [("user", [("text", "hello")])]


@pytest.mark.parametrize(
    "value",
    [
        "hello",
        '"hello"',
        [{"role": "user", "content": "hello"}],
        {"messages": [{"role": "user", "content": "hello"}]},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}],
        {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
        [[{"type": "human", "content": "hello"}]],
        [[{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "HumanMessage"],
           "kwargs": {"content": "hello", "type": "human"}}]],
        {"question": "hello"},
        {"args": ["hello"], "kwargs": {}},
        {"args": [], "kwargs": {"question": "hello"}},
        {"items": [{"type": "message", "role": "user", "content": ["hello"]}]},
        [{"role": "user", "contents.0.message_content.type": "text",
          "contents.0.message_content.text": "hello"}],
    ],
    ids=lambda value: json.dumps(value)[:40],
)  # fmt: skip
def test_a_text_said_by_the_user(value: Any) -> None:
    """However it is wrapped."""
    assert said(value) == HELLO


@pytest.mark.parametrize(
    "value",
    [
        "hi",
        {"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
        {"type": "ai", "content": "hi"},
        {"generations": [[{"text": "hi"}]]},
        {"output": "hi"},
        {"message": {"role": "model", "content": [{"text": "hi"}]}, "usage": {}},
        {"content": {"parts": [{"text": "hi"}], "role": "model"}, "partial": False},
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_an_answer_of_the_assistant(value: Any) -> None:
    """Of each of the common providers."""
    assert said(value, "assistant") == [("assistant", [("text", "hi")])]


def test_tool_calls_and_results_keep_their_names() -> None:
    """In OpenAI's shape, Anthropic's, and that of the OpenTelemetry conventions."""
    openai = [
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "1", "function": {"name": "find", "arguments": '{"q": "x"}'}}]},
        {"role": "tool", "name": "find", "content": "found"},
    ]  # fmt: skip
    anthropic = [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "name": "find", "input": {"q": "x"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "name": "find", "content": "found"}]},
    ]
    conventions = [
        {"role": "assistant",
         "parts": [{"type": "tool_call", "name": "find", "arguments": {"q": "x"}}]},
        {"role": "tool",
         "parts": [{"type": "tool_call_response", "name": "find", "result": "found"}]},
    ]  # fmt: skip
    numbered = [
        {"role": "assistant", "tool_calls.0.name": "find", "tool_calls.0.arguments": '{"q": "x"}'},
        openai[1],
    ]
    openinference = [
        {"role": "assistant", "tool_calls.0.tool_call.function.name": "find",
         "tool_calls.0.tool_call.function.arguments": '{"q": "x"}'},
        openai[1],
    ]  # fmt: skip
    call = Part(kind="tool_call", name="find", text='{\n  "q": "x"\n}')
    result = Part(kind="tool_result", name="find", text="found")
    for value in (openai, anthropic, conventions, numbered, openinference):
        parts = [part for m in messages(json.dumps(value), role="user") for part in m.parts]
        assert parts == [call, result]


def test_the_vercel_ai_sdk_tells_calls_and_prompts_in_ways_of_its_own() -> None:
    """Calls without a message around them, and a system prompt beside the prompt."""
    [answer] = messages('[{"toolCallId":"1","toolName":"find","input":"{}"}]', role="assistant")
    assert answer == Message(
        role="assistant", parts=[Part(kind="tool_call", name="find", text="{}")]
    )
    assert said({"system": "Be brief.", "prompt": "hello"}) == [
        ("system", [("text", "Be brief.")]),
        *HELLO,
    ]


def test_only_what_is_new_stands_apart() -> None:
    """Chat applications send the whole conversation with each request."""
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    earlier, new = split(messages(json.dumps(conversation), role="user"))
    assert [m.role for m in earlier] == ["system", "user", "assistant"]
    assert [p.text for m in new for p in m.parts] == ["two"]


def test_without_a_user_all_is_new() -> None:
    """Inputs of tools and chains are no conversations."""
    found = [Message(role="assistant", parts=[Part(kind="text", text="a")])]
    assert split(found) == ([], found)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["role", "content", "type", "messages", "parts", "text", "tool_calls",
                         "kwargs", "lc", "id", "choices", "function", "x"]), inner),
    max_leaves=20,
))  # fmt: skip
def test_no_json_is_too_odd_to_be_shown(value: Any) -> None:
    """What is not understood is shown as JSON: no error, and nothing that is not text."""
    for message in messages(json.dumps(value), role="user"):
        assert message.parts
        assert all(isinstance(part.text, str) for part in message.parts)
        assert isinstance(message.role, str)


@given(st.text())
def test_no_text_is_too_odd_to_be_shown(text: str) -> None:
    """Nor is any text lost that is no JSON."""
    found = messages(text + "~", role="user")
    assert [p.text for m in found for p in m.parts] == [text + "~"]

"""What went in and what came out, convention by convention, and what of it is shown first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from query.messages import messages
from query.reads import spans
from query.reads.columns import INPUT, OUTPUT
from schemas.statements import with_attribute_values
from store.client import Store
from tests import inserting, processes
from tests.inserting import Sent

HELLO, HI = "Where is my order?", "It arrives on Thursday."
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": HELLO}]
PARTS = [{"role": "user", "parts": [{"type": "text", "content": HELLO}]}]
ANSWERED = [{"role": "assistant", "parts": [{"type": "text", "content": HI}]}]
CALL = [{"toolCallId": "1", "toolName": "find", "input": '{"order":4711}'}]


def js(value: Any) -> str:
    """Return JSON."""
    return json.dumps(value)


# All of these ask HELLO and answer HI.
CONVERSATIONS: Mapping[str, Sent] = {
    "Langfuse": Sent({"langfuse.observation.input": js(ASKED), "langfuse.observation.output": HI}),
    "Langfuse, before others": Sent(
        {
            "input.value": "x",
            "output.value": "y",
            "langfuse.trace.input": js({"question": HELLO}),
            "langfuse.trace.output": js({"answer": HI}),
        }
    ),
    "Langfuse, arguments": Sent(
        {
            "langfuse.observation.input": js({"args": [HELLO], "kwargs": {}}),
            "langfuse.observation.output": HI,
        }
    ),
    "Genkit": Sent(
        {
            "genkit:input": js({"messages": [{"role": "user", "content": [{"text": HELLO}]}]}),
            "genkit:output": js({"message": {"role": "model", "content": [{"text": HI}]}}),
        }
    ),
    "Vercel AI SDK": Sent({"ai.prompt.messages": js(ASKED), "ai.response.text": HI}),
    "Vercel AI SDK, prompt": Sent(
        {
            "ai.prompt": js({"system": "Be brief.", "prompt": HELLO}),
            "ai.response.text": HI,
            "ai.response.toolCalls": js(CALL),
        }
    ),
    "Flue": Sent(
        {
            "flue.turn.input": js({"systemPrompt": "Be brief.", "messages": ASKED}),
            "flue.turn.output": js(
                {"role": "assistant", "content": [{"type": "text", "text": HI}]}
            ),
        }
    ),
    "an event with everything": Sent(
        {"input.value": "x"},
        events=[
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": js(PARTS), "gen_ai.output.messages": js(ANSWERED)},
            )
        ],
    ),
    "an event for each message": Sent(
        events=[
            ("gen_ai.system.message", {"content": "Be brief."}),
            ("gen_ai.user.message", {"gen_ai.event.content": js({"content": HELLO})}),
            ("gen_ai.choice", {"index": 0, "message": js({"content": HI})}),
        ]
    ),
    "events with a text": Sent(
        events=[
            ("gen_ai.content.prompt", {"gen_ai.prompt": js(ASKED)}),
            ("gen_ai.content.completion", {"gen_ai.completion": HI}),
        ]
    ),
    "Google ADK": Sent(
        {
            "gcp.vertex.agent.llm_request": js(
                {"model": "m", "contents": [{"role": "user", "parts": [{"text": HELLO}]}]}
            ),
            "gcp.vertex.agent.llm_response": js(
                {"content": {"role": "model", "parts": [{"text": HI}]}, "usage_metadata": {}}
            ),
        }
    ),
    "Logfire": Sent(
        {
            "prompt": HELLO,
            "all_messages_events": js([*ASKED, {"role": "assistant", "content": HI}]),
        }
    ),
    "LiveKit": Sent(
        {
            "lk.chat_ctx": js({"items": [{"type": "message", "role": "user", "content": [HELLO]}]}),
            "lk.response.text": HI,
        }
    ),
    "Logfire's events": Sent(
        {
            "events": js(
                [
                    {"event.name": "gen_ai.user.message", "role": "user", "content": HELLO},
                    {
                        "event.name": "gen_ai.choice",
                        "index": 0,
                        "message": {"role": "assistant", "content": HI},
                    },
                ]
            )
        }
    ),
    "MLflow": Sent({"mlflow.spanInputs": js({"question": HELLO}), "mlflow.spanOutputs": js(HI)}),
    "traceloop": Sent(
        {
            "traceloop.entity.input": js({"args": [], "kwargs": {"text": HELLO}}),
            "traceloop.entity.output": js(HI),
        }
    ),
    "OpenInference": Sent(
        {
            "input.value": js({"messages": ASKED, "model": "m"}),
            "output.value": js({"choices": [{"message": {"role": "assistant", "content": HI}}]}),
            "llm.input_messages.0.message.role": "user",
        }
    ),
    "plain names": Sent({"input": HELLO, "output": HI}),
    "pydantic-ai": Sent({"pydantic_ai.all_messages": js([*PARTS, *ANSWERED]), "final_result": HI}),
    "numbered attributes": Sent(
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": HELLO,
            "gen_ai.prompt.9.role": "user",
            "gen_ai.prompt.9.content": "Hello?",
            "gen_ai.completion.0.content": HI,
            "gen_ai.completion.0.role": "assistant",
        }
    ),
    "OpenInference's messages": Sent(
        {
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": HELLO,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": HI,
        }
    ),
    "OpenTelemetry": Sent(
        {
            "gen_ai.system_instructions": js([{"type": "text", "content": "Be brief."}]),
            "gen_ai.input.messages": js(PARTS),
            "gen_ai.output.messages": js(ANSWERED),
        }
    ),
    "a JSON text": Sent({"gen_ai.prompt": js(HELLO), "gen_ai.completion": js(HI)}),
}
# Tools: their arguments and results as they are.
GIVEN, GOT = '{"order":4711,"fast":true}', '{"state":"sent"}'
TOOLS = {
    "Vercel AI SDK": Sent({"ai.toolCall.args": GIVEN, "ai.toolCall.result": GOT}),
    "Flue": Sent({"flue.tool.arguments": GIVEN, "flue.tool.result": GOT}),
    "Google ADK": Sent(
        {"gcp.vertex.agent.tool_call_args": GIVEN, "gcp.vertex.agent.tool_response": GOT}
    ),
    "LiveKit": Sent({"lk.function_tool.arguments": GIVEN, "lk.function_tool.output": GOT}),
    "pydantic-ai": Sent({"tool_arguments": GIVEN, "tool_response": GOT}),
    "OpenTelemetry": Sent({"gen_ai.tool.call.arguments": GIVEN, "gen_ai.tool.call.result": GOT}),
}
# An input, and what is shown of it first.
PREVIEWS = {
    "text": (HELLO, HELLO),
    "much text": ("ü" * 2000, "ü" * 1000),
    "what is no JSON": ('[{"role"', '[{"role"'),
    "an object": (GIVEN, GIVEN),
    "numbers": ("[1,2]", "[1,2]"),
    "text and an image": (
        js([{"role": "user", "content": [{"type": "text", "text": HELLO}, {"type": "image_url"}]}]),
        HELLO,
    ),
    "the last of the user": (
        js([*ASKED, {"role": "assistant", "content": HI}, {"role": "user", "content": "Thanks!"}]),
        "Thanks!",
    ),
    "the last of the user, before tools": (
        js([*ASKED, {"role": "tool", "content": "{}"}]),
        HELLO,
    ),
    "LangChain": (js([[{"type": "human", "content": HELLO}]]), HELLO),
    "LangChain's own": (
        js([[{"lc": 1, "type": "constructor", "id": ["HumanMessage"],
              "kwargs": {"content": HELLO, "type": "human"}}]]),
        HELLO,
    ),
    "two texts": (js([{"role": "user", "content": [HELLO, HI]}]), f"{HELLO}\n{HI}"),
}  # fmt: skip


def _sent() -> dict[str, Sent]:
    """Return CONVERSATIONS, TOOLS and PREVIEWS."""
    previewed = {name: Sent({"input.value": text}) for name, (text, _) in PREVIEWS.items()}
    named = {"said": CONVERSATIONS, "tool": TOOLS, "preview": previewed}
    return {f"{kind}: {name}": s for kind, each in named.items() for name, s in each.items()}


@pytest.fixture(scope="module")
def project(store: processes.Store) -> str:
    """The project that they are in."""
    session = {"session.id": "s"}
    sent = [
        Sent({**s.attributes, **session}, s.resource, s.scope, s.name, s.is_error, s.events)
        for s in _sent().values()
    ]
    return inserting.insert(store, sent)


@pytest.fixture(scope="module")
def stored(store: processes.Store, project: str) -> Mapping[str, tuple[str, ...]]:
    """Previews, and whole input and output, of each of them."""
    rows = store.query(
        with_attribute_values(
            f"SELECT InputPreview, OutputPreview, {INPUT}, {OUTPUT} FROM spans"
            " WHERE Project = {project:String} ORDER BY SpanId"
        ),
        {"project": project},
    )
    return dict(zip(_sent(), rows, strict=True))


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_question_and_answer_are_found(stored: Mapping[str, tuple[str, ...]], name: str) -> None:
    """However they are told: in the preview as text, and whole as messages."""
    first, last, whole_input, whole_output = stored[f"said: {name}"]
    assert (first, last) == (HELLO, HI)
    asked, answered = messages(whole_input, role="user"), messages(whole_output, role="assistant")
    users = [part.text for m in asked if m.role == "user" for part in m.parts]
    assert users[-1] == HELLO
    texts = [part.text for part in answered[-1].parts if part.kind == "text"]
    assert (answered[-1].role, texts) == ("assistant", [HI])


@pytest.mark.parametrize("name", TOOLS)
def test_arguments_and_results_of_tools_are_found(
    stored: Mapping[str, tuple[str, ...]], name: str
) -> None:
    """As they are, whichever SDK called the tool."""
    assert stored[f"tool: {name}"] == (GIVEN, GOT, GIVEN, GOT)


@pytest.mark.parametrize("name", PREVIEWS)
def test_what_people_read_first(stored: Mapping[str, tuple[str, ...]], name: str) -> None:
    """The last words of the user where there are some, else the beginning."""
    assert stored[f"preview: {name}"][0] == PREVIEWS[name][1]


async def test_readers_get_whole_values(
    store: processes.Store, project: str, stored: Mapping[str, tuple[str, ...]]
) -> None:
    """From the attribute that was noted, or put together again where none has the value."""
    rows = store.query(
        "SELECT TraceId, groupArray(SpanId), groupUniqArray(toStartOfHour(Timestamp)),"
        " groupArray(InputKey) FROM (SELECT * FROM spans WHERE Project = {project:String}"
        " ORDER BY SpanId) GROUP BY TraceId",
        {"project": project},
    )
    [(trace_id, span_ids, hours, keys)] = rows
    async with Store(store.config) as client:
        found = await spans.values(
            client, project, {trace_id: hours}, span_ids, characters_max=10**6
        )
    read = {id_: (i.text, o.text) for (_, id_), (i, o) in found.items()}
    assert read == {
        id_: (whole_input, whole_output)
        for id_, (_, _, whole_input, whole_output) in zip(span_ids, stored.values(), strict=True)
    }
    of_names = dict(zip(_sent(), keys, strict=True))
    assert of_names["said: Langfuse"] == "langfuse.observation.input"
    assert "" in keys

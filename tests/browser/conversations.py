"""
The sessions that the pages are looked at with: what real applications send, and what attackers do.

They lie within the last hours, so that a page opened with its defaults shows them. Their ids are
names below; the ids of their traces, the same each time, come back from `send`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.sdk.trace.export import SpanExporter

from tests.browser import texts
from tests.browser.crowd import crowd
from tests.browser.dialects import Chat, GenAi, LangfuseStyle, Message, OpenInference, Usage, Use
from tests.browser.steps import Conversation, Sender, Step, Turn

SUPPORT = "support-2026-7f3a91"
RESEARCH = "research-ev-batteries"
ERRORS = "onboarding-42"
IDLE = "travel-kyoto-18"
MARKDOWN = "dba-helper-0091"
RTL = "رحلة-برلين-✈️"
HOSTILE = texts.HOSTILE_SESSION_ID
HUGE = "nightly-report-export"
LONG = "voice-kiosk-terminal-4"
HUGE_BYTES = 1_000_000
LONG_TRACES = 300


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: how many spans, and of each session the traces in their order."""

    spans: int
    traces: Mapping[str, list[str]]


def send(exporter: SpanExporter) -> Sent:
    """Send all of it, as if it had just happened."""
    now_ns = time.time_ns()
    sender = Sender(exporter)
    traces = {
        conversation.session_id: sender.send(conversation, now_ns=now_ns)
        for conversation in (*(make() for make in SESSIONS), *crowd())
    }
    return Sent(sender.spans, traces)


def support() -> Conversation:
    """Six turns with calls of tools."""
    chat = Chat(
        GenAi(),
        name="order-assistant",
        model="gpt-4o",
        system="You are the assistant of Nordlicht, a shop for outdoor gear. Be short and kind.",
    )
    order = {
        "order": "NL-20417",
        "status": "in transit",
        "carrier": "DHL",
        "eta": "2026-11-26",
        "items": [
            {"sku": "TENT-2P", "name": "Fjell 2 tent", "qty": 1, "price": 349.0},
            {"sku": "MAT-R5", "name": "Sleeping mat R5", "qty": 2, "price": 89.5},
        ],
    }
    turns = (
        chat.turn(
            "Hi, where is my order NL-20417? It should have come on Friday.",
            "It is with DHL and arrives on **Thursday, 26 November**. Sorry for the delay! "
            "A storm held up the ferry from Trelleborg.",
            Use(name="lookup_order", arguments={"order": "NL-20417"}, result=order),
        ),
        chat.turn(
            "Can you change the address to my office? Torsgatan 13, Stockholm",
            "Done. The parcel now goes to *Torsgatan 13, 113 21 Stockholm*, at no cost.",
            Use(name="validate_address", arguments={"text": "Torsgatan 13, Stockholm"},
                result={"street": "Torsgatan 13", "zip": "113 21", "city": "Stockholm"}),
            Use(name="change_address", arguments={"order": "NL-20417", "zip": "113 21"},
                result={"ok": True, "fee": 0}, seconds=1.4),
            after_seconds=48,
        ),
        chat.turn(
            "Great. One of the mats I bought last time leaks air. Is there a warranty?",
            "Yes: five years on the R5. I can send a new one with this order, or pay back 89.50 €. "
            "Which do you prefer?",
            Use(name="search_policies", arguments={"query": "sleeping mat warranty", "top_k": 3},
                result=[{"title": "Warranty R series", "score": 0.91},
                        {"title": "Returns", "score": 0.44}]),
            after_seconds=95,
        ),
        chat.turn("A new one, please.", "It is on its way: replacement **RPL-881**.",
                  Use(name="create_replacement", arguments={"sku": "MAT-R5"},
                      result={"id": "RPL-881"}, seconds=0.9), after_seconds=22),
        chat.turn("Do I have to send the old one back?",
                  "No. Please recycle it; most outdoor shops take mats back.", after_seconds=31),
        chat.turn("Perfect, thank you 🙏", "With pleasure. Have a good trip! ⛺", after_seconds=12),
    )  # fmt: skip
    return Conversation(
        session_id=SUPPORT,
        minutes_ago=26,
        turns=turns,
        user="astrid.lindqvist@example.com",
        tags=("support", "orders"),
    )


def research() -> Conversation:
    """An agent with a deep tree: agent → chain → retriever → generation → tool."""
    dialect = OpenInference()

    def answer(question: str, findings: str, depth: int) -> Turn:
        said = [
            Message(role="system", text="Cite your sources."),
            Message(role="user", text=question),
        ]
        told = Message(role="assistant", text=findings)
        usage = Usage.of("claude-sonnet-4-5", said, told)
        step = dialect.generation(usage, said, told)
        for level in range(depth, 0, -1):
            query = f"{question} (aspect {level})"
            documents = dialect.span(
                "RETRIEVER", "vector_search", query,
                '{"documents": [{"id": "iea-2026-p41", "score": 0.87}, {"id": "bnef-11"}]}',
                seconds=0.24, steps=[dialect.span("EMBEDDING", "embed_query", query, "[0.021, …]")],
            )  # fmt: skip
            look_up = dialect.tool(
                Use(name="web_fetch", arguments={"url": f"https://example.org/source/{level}"},
                    result={"status": 200, "title": f"Source {level}", "words": 812 * level},
                    seconds=0.8)
            )  # fmt: skip
            inner = dialect.generation(usage, said, told)
            step = dialect.span(
                "CHAIN", f"investigate_{level}", query, findings[:120],
                steps=[documents, inner, look_up, step],
            )  # fmt: skip
        return Turn(
            root=dialect.root("research_agent", question, findings, [step]), after_seconds=60
        )

    return Conversation(
        session_id=RESEARCH,
        minutes_ago=92,
        turns=(
            answer("How fast do prices of EV batteries fall?",
                   "By about **17 % a year** since 2010; the average is now *$98/kWh* [1][2].", 3),
            answer("And what drives it most?",
                   "1. LFP chemistry\n2. scale in China\n3. cheaper lithium since 2023", 5),
            answer("Compare with solar modules.",
                   "| | learning |\n| --- | ---: |\n| batteries | 19 % |\n| solar | 24 % |", 2),
        ),
        service="research-agent",
        environment="staging",
        user="dr.okafor",
        tags=("agent", "deep-research"),
    )  # fmt: skip


def errors() -> Conversation:
    """Turns that fail, with exceptions, and one that is tried again."""
    chat = Chat(
        LangfuseStyle(), name="onboarding-bot", model="gpt-4o-mini", system="Help new users."
    )
    away = TimeoutError("crm.internal did not answer within 5000 ms")
    profile = {"email": "li.wei@example.com", "plan": "team", "seats": 12}
    return Conversation(
        session_id=ERRORS,
        minutes_ago=55,
        turns=(
            chat.turn("Set up a team of 12 for us", "I could not reach our systems. Try again?",
                      Use(name="crm.create_team", arguments=profile, error=away, seconds=5.0),
                      Use(name="crm.create_team", arguments={**profile, "retry": 1}, error=away,
                          seconds=5.0)),
            Turn(root=_failed_turn(chat), after_seconds=19),
            chat.turn("Please try again", "It worked this time: your team has 12 seats.",
                      Use(name="crm.create_team", arguments={**profile, "retry": 2},
                          result={"team": "t_5512"}, seconds=2.1), after_seconds=40),
        ),
        service="onboarding",
        user="li.wei@example.com",
        tags=("onboarding",),
    )  # fmt: skip


def _failed_turn(chat: Chat) -> Step:
    """A turn that ends without an answer: the model refuses, and so all of it fails."""
    step = chat.turn("yes", "").root
    limit = ConnectionError("429 Too Many Requests: rate limit reached for gpt-4o-mini, 200000 TPM")
    *before, generation = step.steps
    failed = Step(name=generation.name, attributes=generation.attributes, seconds=0.3, error=limit)
    return Step(name=step.name, attributes=step.attributes, steps=[*before, failed], error=limit)


def idle() -> Conversation:
    """Somebody goes for lunch in the middle, for 40 minutes, and goes on."""
    chat = Chat(LangfuseStyle(), name="travel-planner", model="gpt-4o", system="Plan journeys.")
    return Conversation(
        session_id=IDLE,
        minutes_ago=130,
        turns=(
            chat.turn("Three days in 京都 for two, in November. Where do we start?",
                      "Start early at **伏見稲荷大社**; by 9 it is full. Then walk to 東福寺."),
            chat.turn("And day two?", "Arashiyama: bamboo, monkeys, and tofu at 嵯峨."),
            chat.turn("Back from lunch. Hotels?", "- *Gion Yuuki*, ¥ 21,000\n- *Nazuna*, ¥ 38,500",
                      Use(name="search_hotels", arguments={"city": "Kyoto", "guests": 2},
                          result={"found": 2}), after_seconds=40 * 60),
            chat.turn("Book the first", "Booked: *Gion Yuuki*, 3 nights.", after_seconds=70),
        ),
        service="travel-planner",
        user="familie.brandt",
        tags=("travel",),
    )  # fmt: skip


def markdown() -> Conversation:
    """Answers with tables, code and lists."""
    chat = Chat(GenAi(), name="dba-helper", model="claude-sonnet-4-5", system="Answer in markdown.")
    return Conversation(
        session_id=MARKDOWN,
        minutes_ago=12,
        turns=(
            chat.turn("How do we get from PostgreSQL 14 to 17, always up?", texts.MARKDOWN_PLAN),
            chat.turn("Write the code for the sequences, please", texts.MARKDOWN_CODE,
                      after_seconds=75),
            chat.turn("Why 1000?", texts.MARKDOWN_MATH, after_seconds=50),
        ),
        service="dba-helper",
        environment="development",
        user="joão",
        tags=("markdown", "sql"),
    )  # fmt: skip


def right_to_left() -> Conversation:
    """Arabic, Hebrew, and emoji made of several."""
    chat = Chat(GenAi(), name="مساعد السفر", model="gemini-2.5-flash", system="أجب بلغة السائل.")
    turns = [chat.turn(*texts.ARABIC), chat.turn(*texts.HEBREW), chat.turn(*texts.EMOJI)]
    return Conversation(
        session_id=RTL, minutes_ago=38, turns=turns, user="ليلى", tags=("سفر", "✈️"),
        service="travel-planner",
    )  # fmt: skip


def hostile() -> Conversation:
    """Each text that somebody else chose is an attack, in all places at once."""
    turns = []
    for text in texts.HOSTILE_TEXTS:
        for dialect in (GenAi(), LangfuseStyle(), OpenInference()):
            chat = Chat(dialect, name=texts.HOSTILE_NAME, model="gpt-4o", system=text)
            use = Use(name=texts.HOSTILE_NAME, arguments={text: text}, result=[text],
                      error=ValueError(text) if "img" in text else None)  # fmt: skip
            turns.append(chat.turn(text, text, use, after_seconds=5))
    return Conversation(
        session_id=HOSTILE,
        minutes_ago=47,
        turns=turns,
        service=texts.HOSTILE_NAME,
        environment="</script><b>prod",
        user=texts.HOSTILE_NAME,
        tags=(texts.HOSTILE_NAME, "'\";--"),
    )


def huge() -> Conversation:
    """A tool that returns a megabyte."""
    chat = Chat(OpenInference(), name="export", model="gpt-4o-mini", system="Export reports.")
    row = "2026-11-{:02d};{:07d};Größe {};{:.2f}\n"
    rows = (row.format(at % 28 + 1, at, at % 50, at * 0.37) for at in range(HUGE_BYTES // 30))
    turn = chat.turn("Export all rows", "Done: see the file.")
    tool = OpenInference().span("TOOL", "export_csv", "{}", "".join(rows)[:HUGE_BYTES], seconds=4.0)
    root = Step(name="export", attributes=turn.root.attributes, steps=[tool, *turn.root.steps])
    return Conversation(
        session_id=HUGE, minutes_ago=180, turns=[Turn(root=root)], service="reports", user="cron"
    )


def long() -> Conversation:
    """A kiosk that is asked all day."""
    asked = (
        "Where is gate {}?",
        "How long is the queue at security {}?",
        "Is there a pharmacy near {}?",
    )
    model, turns = "gemini-2.5-flash", []
    for at in range(LONG_TRACES):
        chat = Chat(GenAi(), name="kiosk", model=model, system="You are a kiosk in an airport.")
        question = asked[at % len(asked)].format(f"B{at % 40 + 1}")
        turns.append(chat.turn(question, f"Follow the blue line for {at % 9 + 2} minutes.",
                               after_seconds=20 + at % 37))  # fmt: skip
    return Conversation(
        session_id=LONG, minutes_ago=240, turns=turns, service="kiosk", user="terminal-4"
    )


SESSIONS: tuple[Callable[[], Conversation], ...] = (
    support, research, errors, idle, markdown, right_to_left, hostile, huge, long,
)  # fmt: skip

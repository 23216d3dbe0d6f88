"""Everyday sessions that fill the list, so that it has pages, and something to filter and sort."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.browser.dialects import Chat, Dialect, GenAi, LangfuseStyle, OpenInference, Use
from tests.browser.steps import Conversation

CROWD = 70

_TOPICS = {
    "billing": (
        ("Why was I charged twice this month?", "One of them is a hold; it is released tomorrow."),
        ("Send me the invoice for October", "Here it is: INV-2026-10-3381.pdf"),
        ("Cancel my subscription", "Cancelled; it runs until 30 November."),
    ),
    "coding": (
        ("Explain this traceback: KeyError: 'user_id'", "The session has no user: log in first."),
        ("Write a regex for ISO dates", "`^\\d{4}-\\d{2}-\\d{2}$`"),
        ("Now with time zones", "Better parse them: `datetime.fromisoformat`."),
        ("Thanks!", "Any time."),
    ),
    "cooking": (
        ("Was koche ich mit Kürbis und Linsen?", "Ein Curry: Kürbis, rote Linsen, Kokosmilch."),
        ("Und ohne Kokosmilch?", "Nimm Joghurt, erst am Schluss."),
    ),
    "translation": (
        ("Translate 'schadenfreude' to French", "« joie maligne », though it loses the fun."),
    ),
}
_USERS = ("ada", "grace.hopper", "tim@example.com", "noor", "李雷", "user-7719", "mårten", "")
_MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash")
_DIALECTS: tuple[type[Dialect], ...] = (GenAi, LangfuseStyle, OpenInference)
_HOURS = 5.5


def crowd() -> Iterator[Conversation]:
    """Yield the same sessions each time, over the last hours, the newest of them just ended."""
    source = random.Random(11)
    for number in range(CROWD):
        topic = source.choice(list(_TOPICS))
        chat = Chat(
            source.choice(_DIALECTS)(),
            name=f"{topic}-assistant",
            model=source.choice(_MODELS),
            system=f"You help with {topic}.",
        )
        turns = []
        for question, answer in _TOPICS[topic]:
            uses = [
                Use(
                    name=f"{topic}.search",
                    arguments={"query": question},
                    result={"hits": source.randrange(9)},
                    seconds=source.uniform(0.05, 2),
                    error=TimeoutError("search timed out") if source.random() < 0.2 else None,
                )
            ] * source.randrange(2)
            turns.append(chat.turn(question, answer, *uses, after_seconds=source.uniform(4, 90)))
        minutes_ago = 8 + number / CROWD * _HOURS * 60
        yield Conversation(
            session_id=f"{topic}-{source.getrandbits(40):010x}",
            minutes_ago=minutes_ago,
            turns=turns,
            service=f"{topic}-api",
            environment=source.choice(("production", "production", "staging", "development")),
            user=source.choice(_USERS),
            tags=source.sample((topic, "beta", "eu", "mobile"), source.randrange(3)),
        )

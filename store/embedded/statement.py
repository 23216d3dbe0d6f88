"""
Reading a request's SQL just far enough to hand it to the engine.

ClickHouse's HTTP interface puts the statement, the name of its format and the data of an insert
into one text, and chDB wants them apart. This is a tokenizer and a few rules about the outermost
level of a statement; everything else, and every judgement about the SQL, is the engine's.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from runtime.errors import StoreRefused

SYNTAX_ERROR = 62

_TOKEN = re.compile(
    rb"""
      (?P<skipped> \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<quoted> '[^'\\]*(?:\\.[^'\\]*)*' | "[^"\\]*(?:\\.[^"\\]*)*" | `[^`\\]*(?:\\.[^`\\]*)*`
                | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<word> \w+ )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL,
)
# What follows the name of a format up to the data: at most one line break belongs to the SQL.
# The words excluded are what follows a column that happens to be called format.
_FORMAT = re.compile(
    rb"FORMAT\s+(?!(?:AND|AS|ASC|BETWEEN|DESC|FROM|IN|IS|LIKE|NOT|OR)\b)"
    rb"([A-Za-z]\w*)[ \t\f]*;?\r?\n?",
    re.IGNORECASE,
)
_READING = {b"(", b"FROM", b"SELECT", b"WITH"}
_SHOWING = {b"CHECK", b"DESC", b"DESCRIBE", b"EXISTS", b"EXPLAIN", b"KILL", b"SHOW"}


class Kind(Enum):
    """How a statement is to be run."""

    EMPTY = auto()
    READ = auto()  # a query, whose answer may be large
    SHOW = auto()  # any other statement that answers in a format
    INSERT = auto()  # rows in a format follow the statement
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class InputCall:
    """An INSERT whose SELECT reads the rows by input('structure'), cut at that call."""

    before: str
    structure: str  # the literal, as it was written
    after: str

    def from_file(self, path: str, format_name: str) -> str:
        """The INSERT that reads the rows from a file instead."""
        return f"{self.before}file('{path}', '{format_name}', {self.structure}){self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    A statement, parted from its format and its data.

    `format` is empty where the SQL names none. `rest` is what follows the format of a query, such
    as SETTINGS. `data_at` is the offset of an INSERT's rows in the text.
    """

    kind: Kind
    sql: str = ""
    format: str = ""
    rest: str = ""
    data_at: int = 0
    input_call: InputCall | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    text: bytes  # upper case, so that keywords compare
    begin: int
    end: int
    depth: int  # of parentheses around it


def parse(text: bytes) -> Statement:
    """Read the one statement at the start of `text`; an insert's rows are not looked at."""
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None or first.text == b";":
        return Statement(kind=Kind.EMPTY)
    if first.text == b"INSERT":
        return _insert(text, [first], tokens)
    return _other(text, first, [first, *tokens])


def _tokens(text: bytes) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(text):
        if match["skipped"] is not None:
            continue
        token = match[0].upper()
        depth -= token == b")"
        yield _Token(token, match.start(), match.end(), depth)
        depth += token == b"("


def _insert(text: bytes, seen: list[_Token], tokens: Iterator[_Token]) -> Statement:
    """Tokens are taken one by one, because what follows FORMAT or VALUES is no SQL."""
    selects = False
    for token in tokens:
        if token.depth == 0:
            selects = selects or token.text in {b"SELECT", b"WITH", b"FROM"}
            if token.text == b"FORMAT" and (match := _FORMAT.match(text, token.begin)):
                return _insert_with_rows(text, seen, token.begin, match[1].decode(), match.end())
            if token.text == b"VALUES" and not selects:
                return _insert_with_rows(text, seen, token.begin, "Values", token.end)
            _refuse_after_semicolon(seen, token)
        seen.append(token)
    return Statement(kind=Kind.OTHER, sql=_decoded(text[: _end(seen)]))


def _insert_with_rows(
    text: bytes, head: list[_Token], end: int, format_name: str, data_at: int
) -> Statement:
    sql = _decoded(text[:end])
    input_call = _input_call(text[:end], head)
    if input_call is None and any(t.depth == 0 and t.text == b"SELECT" for t in head):
        # INSERT … SELECT that reads no rows from the request: some clients name a format anyway.
        return Statement(kind=Kind.OTHER, sql=sql)
    return Statement(
        kind=Kind.INSERT, sql=sql, format=format_name, data_at=data_at, input_call=input_call
    )


def _input_call(text: bytes, tokens: list[_Token]) -> InputCall | None:
    for name, opening, literal, closing in zip(
        tokens, tokens[1:], tokens[2:], tokens[3:], strict=False
    ):
        if (name.text, opening.text, closing.text) == (b"INPUT", b"(", b")"):
            return InputCall(
                _decoded(text[: name.begin]),
                _decoded(text[literal.begin : literal.end]),
                _decoded(text[closing.end :]),
            )
    return None


def _other(text: bytes, first: _Token, tokens: list[_Token]) -> Statement:
    for before, token in itertools.pairwise(tokens):
        _refuse_after_semicolon([before], token)
    end = _end(tokens)
    if first.text not in _READING | _SHOWING:
        return Statement(kind=Kind.OTHER, sql=_decoded(text[:end]))
    kind = Kind.READ if first.text in _READING else Kind.SHOW
    named = _format_clause(text, tokens)
    if named is None:
        return Statement(kind=kind, sql=_decoded(text[:end]))
    begin, match = named
    return Statement(
        kind=kind,
        sql=_decoded(text[:begin]),
        format=match[1].decode(),
        rest=_decoded(text[match.end(1) : end]),
    )


def _format_clause(text: bytes, tokens: list[_Token]) -> tuple[int, re.Match[bytes]] | None:
    """The FORMAT that ends the statement, or that only SETTINGS follow."""
    for at in range(len(tokens) - 1, 0, -1):
        token = tokens[at]
        if token.depth == 0 and token.text == b"FORMAT":
            after = tokens[at + 2].text if at + 2 < len(tokens) else b";"
            match = _FORMAT.match(text, token.begin)
            return (token.begin, match) if match and after in {b";", b"SETTINGS"} else None
    return None


def _end(tokens: list[_Token]) -> int:
    """Where the statement ends: before its semicolons and the comments after it."""
    return next((token.end for token in reversed(tokens) if token.text != b";"), 0)


def _refuse_after_semicolon(before: list[_Token], token: _Token) -> None:
    # The engine would run every one of them; a ClickHouse server runs one statement a request.
    if before[-1].text == b";" and token.text != b";":
        raise StoreRefused(
            "Multi-statements are not allowed: a request holds one statement. (SYNTAX_ERROR)",
            code=SYNTAX_ERROR,
        )


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise StoreRefused(
            f"The statement is not UTF-8: {error}. (SYNTAX_ERROR)", code=SYNTAX_ERROR
        ) from None

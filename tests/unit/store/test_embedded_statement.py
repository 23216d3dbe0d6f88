"""What is read from a statement before the engine gets it."""

import pytest

from runtime.errors import StoreRefused
from store.embedded.statement import Kind, parse


@pytest.mark.parametrize(
    ("text", "sql", "format_name", "rest"),
    [
        ("SELECT 1", "SELECT 1", "", ""),
        ("select 1 format JSON", "select 1 ", "JSON", ""),
        ("SELECT 1;\n-- the end\n", "SELECT 1", "", ""),
        ("/* a */ -- b\n SELECT 1 FORMAT CSV ;", "/* a */ -- b\n SELECT 1 ", "CSV", ""),
        ("SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON'", "", ""),
        ("SELECT 'it''s \\' FORMAT X;', 1", "SELECT 'it''s \\' FORMAT X;', 1", "", ""),
        ("SELECT format FROM t FORMAT TSV", "SELECT format FROM t ", "TSV", ""),
        ("SELECT `a FORMAT b` FROM t", "SELECT `a FORMAT b` FROM t", "", ""),
        ("SELECT (1, 2) -- FORMAT CSV", "SELECT (1, 2)", "", ""),
        ("SELECT $x$ ; FORMAT a $x$ FORMAT CSV", "SELECT $x$ ; FORMAT a $x$ ", "CSV", ""),
        ("SELECT 1 FORMAT CSV SETTINGS a=';'", "SELECT 1 ", "CSV", " SETTINGS a=';'"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "(SELECT 1) UNION ALL (SELECT 2)", "", ""),
    ],
)
def test_parts_a_query_from_its_format(text: str, sql: str, format_name: str, rest: str) -> None:
    """The format that ends a query is taken off, and nothing that only looks like one is."""
    parsed = parse(text.encode())
    assert (Kind.READ, sql, format_name, rest) == (
        parsed.kind,
        parsed.sql,
        parsed.format,
        parsed.rest,
    )


@pytest.mark.parametrize(
    ("text", "sql", "format_name", "rows"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", "1,2\n"),
        ("insert into t (a) format Native\n\n\0", "insert into t (a) ", "Native", "\n\0"),
        ("INSERT INTO t FORMAT CSV\r\n1;2", "INSERT INTO t ", "CSV", "1;2"),
        ("INSERT INTO t FORMAT CSV;\n1", "INSERT INTO t ", "CSV", "1"),
        ("INSERT INTO t VALUES (1), ('a;b')", "INSERT INTO t ", "Values", " (1), ('a;b')"),
        ("INSERT INTO t (`values`) VALUES(1)", "INSERT INTO t (`values`) ", "Values", "(1)"),
        ("/* x */INSERT INTO t SETTINGS a='FORMAT b' FORMAT X\n", None, "X", ""),
    ],
)
def test_parts_an_insert_from_its_rows(
    text: str, sql: str | None, format_name: str, rows: str
) -> None:
    """The rows of an insert begin after the name of the format and one line break."""
    parsed = parse(text.encode())
    assert (Kind.INSERT, format_name, rows) == (
        parsed.kind,
        parsed.format,
        text[parsed.data_at :],
    )
    assert sql in {None, parsed.sql}


def test_does_not_read_the_rows_as_sql() -> None:
    """Rows may be any bytes."""
    parsed = parse(b"INSERT INTO t FORMAT RowBinary\n\xff\xfe';(;`SELECT FORMAT CSV")
    assert (parsed.kind, parsed.format) == (Kind.INSERT, "RowBinary")


def test_replaces_input_by_a_file_with_the_structure_as_written() -> None:
    """The call of input() is found among strings that look like it."""
    structure = r"'x UInt64, e Enum8(\'none\'=0, \'b)\'=1)'"
    parsed = parse(
        f"INSERT INTO t SELECT 'input(', x, 'ü' FROM input ({structure}) WHERE x>1 "
        "SETTINGS s='input(1)' FORMAT Protobuf\n\x08".encode()
    )
    assert parsed.input_call is not None
    assert parsed.input_call.from_file("/f", parsed.format) == (
        f"INSERT INTO t SELECT 'input(', x, 'ü' FROM file('/f', 'Protobuf', {structure}) "
        "WHERE x>1 SETTINGS s='input(1)' "
    )


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t SELECT format AS b FROM s",
        "INSERT INTO t SELECT * FROM values('a Int8', 1)",
        "CREATE TABLE t (a Int8) ENGINE = Memory;",
        "SET a = 'FORMAT CSV'",
    ],
)
def test_leaves_other_statements_whole(text: str) -> None:
    """A statement without rows and without a large answer goes to the engine as it is."""
    parsed = parse(text.encode())
    assert (Kind.OTHER, text.rstrip(";")) == (parsed.kind, parsed.sql)


def test_parts_what_shows_from_its_format() -> None:
    """Statements that answer little name a format like a query does."""
    parsed = parse(b"SHOW TABLES LIKE 'FORMAT a' FORMAT JSON;")
    assert (parsed.kind, parsed.sql, parsed.format) == (
        Kind.SHOW,
        "SHOW TABLES LIKE 'FORMAT a' ",
        "JSON",
    )


def test_drops_the_format_of_an_insert_that_selects() -> None:
    """Clients name a format for every statement; an INSERT … SELECT has no use for it."""
    parsed = parse(b"INSERT INTO t SELECT 1\n FORMAT Native")
    assert (parsed.kind, parsed.sql) == (Kind.OTHER, "INSERT INTO t SELECT 1\n ")


@pytest.mark.parametrize("text", ["", " \n", "-- only this", "/* and this */", ";"])
def test_sees_that_there_is_no_statement(text: str) -> None:
    """Spaces, comments and a lone semicolon are no statement."""
    assert parse(text.encode()).kind is Kind.EMPTY


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", "SET a=1; DROP TABLE t"])
def test_refuses_a_second_statement(text: str) -> None:
    """A request holds one statement, as on a server; the engine would run them all."""
    with pytest.raises(StoreRefused) as refused:
        parse(text.encode())
    assert refused.value.code == 62


def test_refuses_sql_that_is_not_utf8() -> None:
    """The engine takes text, so other bytes are refused with a reason."""
    with pytest.raises(StoreRefused, match="UTF-8") as refused:
        parse(b"SELECT '\xff'")
    assert refused.value.code == 62

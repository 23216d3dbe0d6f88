"""The embedded store as its clients see it: clickhouse-connect and plain HTTP."""

import gzip
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote, urlencode

import clickhouse_connect
import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver import AsyncClient, Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.integration.embedded_store import StoreProcess

PROTO = """syntax = "proto3";
message M { repeated Row rows = 1; }
message Row { string name = 1; oneof value { string text = 2; int64 number = 3; } }
"""
# Two messages of one row each: ("it's", text "ü") and ("b", number 0).
PROTO_ROWS = b"\x0c\x0a\x0a\x0a\x04it's\x12\x02\xc3\xbc" + b"\x07\x0a\x05\x0a\x01b\x18\x00"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One store for all tests here."""
    with StoreProcess(tmp_path_factory.mktemp("store")) as process:
        yield process


@pytest.fixture
def client(store: StoreProcess) -> Iterator[Client]:
    """A client with a database of its own, which has a table `t`."""
    with clickhouse_connect.get_client(host="127.0.0.1", port=store.port) as client:
        client.command("DROP DATABASE IF EXISTS fresh")
        client.command("CREATE DATABASE fresh")
        client.database = "fresh"
        client.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        yield client


@pytest.fixture
async def async_client(store: StoreProcess, client: Client) -> AsyncIterator[AsyncClient]:
    """The asynchronous client, in the same database."""
    async with await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=store.port, database=client.database
    ) as connected:
        yield connected


class Http:
    """Requests without a client library."""

    def __init__(self, store: StoreProcess) -> None:
        self._port = store.port

    def __call__(
        self, target: str, *, method: str = "POST", body: bytes = b"", **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        """Send one request, and give the response and its body."""
        connection = HTTPConnection("127.0.0.1", self._port)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, "/" + target, body, named)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content


@pytest.fixture
def http(store: StoreProcess) -> Http:
    """Plain HTTP."""
    return Http(store)


@pytest.mark.parametrize("compress", ["true", "false", "lz4", "zstd", "gzip"])
@pytest.mark.usefixtures("client")
def test_rows_come_back_as_they_went_in(store: StoreProcess, compress: str) -> None:
    """Whatever the encoding, many blocks of rows survive the way in and out."""
    rows = [[number, f"'{number}\n\\ü"] for number in range(100_000)]
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=store.port, database="fresh", compress=compress
    ) as compressing:
        summary = compressing.insert("t", rows, column_names=["a", "b"])
        assert summary.written_rows == len(rows)
        assert compressing.query("SELECT * FROM t ORDER BY a").result_rows == [
            tuple(row) for row in rows
        ]


def test_parameters_of_any_type_and_length(client: Client) -> None:
    """Quotes, unicode, arrays and more than a URL holds arrive unchanged."""
    text = "it's \"\\ \n\t ü {x:String} 'DROP"
    many = [f"id '{number}" for number in range(50_000)]
    row = client.query(
        "SELECT {text:String}, {list:Array(String)}, {at:DateTime64(3)}, {none:Nullable(String)}, "
        "length({many:Array(String)})",
        parameters={
            "text": text,
            "list": [text, "b"],
            "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "none": None,
            "many": many,
        },
    ).result_rows[0]
    assert (text, [text, "b"], None, len(many)) == (row[0], row[1], row[3], row[4])


def test_parameters_in_inserts_and_views(client: Client) -> None:
    """INSERT … SELECT and parameterized views take parameters too."""
    client.command(
        "INSERT INTO t SELECT {n:UInt64}, {s:String}", parameters={"n": 7, "s": "it's\n"}
    )
    client.command("CREATE VIEW v AS SELECT b FROM t WHERE a = {wanted:UInt64}")
    result = client.query("SELECT * FROM v(wanted={n:UInt64})", parameters={"n": 7})
    assert result.result_rows == [("it's\n",)]


def test_inserts_rows_that_the_statement_computes_from_protobuf(client: Client) -> None:
    """A SELECT from input() reads the body, with a schema and a structure given in the request."""
    structure = (
        "rows Array(Tuple(name String, text String, number Int64, "
        "value Enum8(\\'none\\'=0,\\'text\\'=2,\\'number\\'=3)))"
    )
    client.command(
        "INSERT INTO t (a, b) SELECT number, concat({prefix:String}, row.1, row.2, toString(row.4))"
        f" FROM (SELECT arrayJoin(rows) AS row, row.3 AS number FROM input('{structure}'))"
        " FORMAT Protobuf",
        data=PROTO_ROWS,
        parameters={"prefix": "'"},
        settings={
            "format_schema_source": "string",
            "format_schema": PROTO + "//" + "x" * 50_000,
            "format_schema_message_name": "M",
            "input_format_protobuf_oneof_presence": 1,
            "async_insert": 0,
        },
    )
    assert client.query("SELECT b FROM t ORDER BY b").result_rows == [
        ("'bnumber",),
        ("'it'sütext",),
    ]


def test_computes_from_rows_that_follow_the_statement(http: Http, client: Client) -> None:
    """Statement and rows of an input() may share the body, or even the URL."""
    sql = b"INSERT INTO fresh.t SELECT x, 'y' FROM input('x UInt64') FORMAT CSV\n"
    http("", body=sql + b"1\n2\n")
    http("?" + urlencode({"query": sql.decode() + "3"}), body=b"4\n")
    assert client.query("SELECT groupArray(a) FROM (SELECT a FROM t ORDER BY a)").result_rows == [
        ([1, 2, 3, 4],)
    ]


def test_raw_inserts_and_streams(client: Client) -> None:
    """Rows go in raw in any encoding, and come out raw as a stream."""
    client.raw_insert("t", ["a", "b"], b"1,x\n2,y\n", fmt="CSV")
    client.raw_insert("t", ["a", "b"], gzip.compress(b"3,z\n"), fmt="CSV", compression="gzip")
    client.command("INSERT INTO t FORMAT CSV", data=b"4,w\n")
    assert client.raw_query("SELECT b FROM t ORDER BY a", fmt="CSV") == b'"x"\n"y"\n"z"\n"w"\n'
    with client.raw_stream("SELECT number FROM numbers(3000000)", fmt="RowBinary") as stream:
        assert sum(len(chunk) for chunk in stream) == 24_000_000


async def test_serves_the_asynchronous_client(async_client: AsyncClient) -> None:
    """Inserts, long parameters and queries work for the asynchronous client too."""
    await async_client.insert("t", [[1, "x"], [2, "y"]], column_names=["a", "b"])
    result = await async_client.query(
        "SELECT b FROM t WHERE a IN {ids:Array(UInt64)} ORDER BY a",
        parameters={"ids": list(range(20_000))},
    )
    assert result.result_rows == [("x",), ("y",)]


def test_settings_and_database_end_with_the_query(client: Client) -> None:
    """Nothing of a query's settings, SET or USE is left for the next, even after an error."""
    setting = "SELECT getSetting('max_block_size')"
    usual = client.command(setting)
    assert client.command(setting, settings={"max_block_size": 777}) == 777
    with pytest.raises(DatabaseError):
        client.command("SELECT throwIf(1)", settings={"max_block_size": 777})
    client.command("SET max_block_size = 777")
    client.command("USE system")
    assert [client.command(setting) for _ in range(4)] == [usual] * 4
    client.database = None
    assert client.command("SELECT currentDatabase()") == "default"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nosuch", 60),
        ("SELEC 1", 62),
        ("SELECT nosuch", 47),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT 1 SETTINGS nosuch = 1", 115),
        ("INSERT INTO nosuch VALUES (1)", 60),
        ("INSERT INTO t (a) FORMAT CSV\nx", 117),
        ("INSERT INTO t (a) SELECT throwIf(1)", 395),
        ("SELECT * FROM numbers(5000000) WHERE throwIf(number = 4000000) = 0", 395),
        ("SELECT groupArray(number) FROM numbers(99999999) SETTINGS max_memory_usage=9999999", 241),
    ],
)
def test_errors_have_the_codes_of_clickhouse(client: Client, sql: str, code: int) -> None:
    """Each error has ClickHouse's code and text, and our own doings do not show in it."""
    with pytest.raises(DatabaseError) as error:
        client.query(sql)
    assert error.value.code == code
    assert "OUTFILE" not in str(error.value)


def test_refuses_unknown_settings_and_databases(http: Http) -> None:
    """What the URL asks for must exist."""
    response, body = http("?nosuch=1&query=SELECT+1")
    assert (response.status, response.headers["X-ClickHouse-Exception-Code"]) == (404, "115")
    assert body.startswith(b"Code: 115. DB::Exception: Unknown setting")
    response, _ = http("?database=nosuch&query=SELECT+1")
    assert (response.status, response.headers["X-ClickHouse-Exception-Code"]) == (404, "81")


def test_a_failure_midway_cuts_the_transfer(client: Client) -> None:
    """A result that fails after its beginning was sent does not look complete."""
    sql = "SELECT number, throwIf(number = 9000000) FROM numbers(10000000)"
    with pytest.raises(StreamFailureError), client.query_row_block_stream(sql) as blocks:
        for _ in blocks:
            pass


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("", b"Ok.\n"),
        ("ping", b"Ok.\n"),
        ("replicas_status", b"Ok.\n"),
        ("?query=SELECT+1", b"1\n"),
    ],
)
def test_answers_a_get(http: Http, target: str, expected: bytes) -> None:
    """The paths that monitors and people ask first work without a body."""
    response, body = http(target, method="GET")
    assert (200, expected) == (response.status, body)


@pytest.mark.parametrize("target", ["healthz", "readyz", "metrics"])
def test_answers_what_every_process_answers(http: Http, target: str) -> None:
    """Health and metrics stand beside ClickHouse's own paths."""
    response, body = http(target, method="GET")
    assert response.status == 200
    assert body


def test_a_get_only_reads(http: Http, client: Client) -> None:
    """A GET that would change something is refused, as links must be harmless."""
    for sql in ("INSERT INTO fresh.t VALUES (1, '')", "DROP TABLE fresh.t", "SET readonly = 0"):
        response, _ = http("?" + urlencode({"query": sql}), method="GET")
        assert response.headers["X-ClickHouse-Exception-Code"] == "164"
    assert client.command("SELECT count() FROM t") == 0


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("", b"SELECT 1;\n", b"1\n"),
        ("", b"-- a\nSELECT 'FORMAT CSV' AS a /* b */ FORMAT JSONEachRow", b'{"a":"FORMAT CSV"}\n'),
        ("?default_format=CSVWithNames", b"SELECT 1 AS a WHERE 0", b'"a"\n'),
        ("?query=SELECT+number", b"FROM numbers(2) FORMAT CSV", b"0\n1\n"),
        ("", b"SELECT number % 2 AS n, count() FROM numbers(4) GROUP BY n WITH TOTALS ORDER BY n",
         b"0\t2\n1\t2\n\n0\t4\n"),
        ("?param_p=it%27s", b"SELECT {p:String}", b"it\\'s\n"),
        ("?query=SHOW+DATABASES+LIKE+'system'", b"FORMAT CSV", b'"system"\n'),
        ("?wait_end_of_query=1", b"SELECT count() FROM numbers(10)", b"10\n"),
    ],
)  # fmt: skip
def test_answers_sql_in_any_place(http: Http, target: str, body: bytes, expected: bytes) -> None:
    """SQL may be in the URL, in the body, or half in each."""
    response, answer = http(target, body=body)
    assert (200, expected) == (response.status, answer)


@pytest.mark.parametrize("target", ["nosuch", "play", "ping/x"])
def test_knows_no_other_paths(http: Http, target: str) -> None:
    """An unknown path is a 404."""
    assert http(target)[0].status == 404


def test_tells_what_it_did_in_the_headers(http: Http) -> None:
    """Summary, format, query id and time zone are in the headers, as clients expect."""
    headers = http("?query_id=mine", body=b"SELECT 1 FORMAT JSON")[0].headers
    assert headers["X-ClickHouse-Query-Id"] == "mine"
    assert headers["X-ClickHouse-Format"] == "JSON"
    assert headers["X-ClickHouse-Timezone"]
    assert '"result_rows": "1"' in headers["X-ClickHouse-Summary"]


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
@pytest.mark.parametrize("rows", [3, 3_000_000])
@pytest.mark.parametrize("wait", [0, 1])
def test_encodes_answers_of_any_size(http: Http, encoding: str, rows: int, wait: int) -> None:
    """An accepted encoding is used, and says so."""
    response, body = http(
        f"?wait_end_of_query={wait}",
        body=f"SELECT number FROM numbers({rows}) FORMAT RowBinary".encode(),
        Accept_Encoding=encoding,
    )
    decode = {
        "lz4": lz4.frame.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "gzip": gzip.decompress,
    }
    assert response.headers["Content-Encoding"] == encoding
    assert len(decode[encoding](body)) == rows * 8


@pytest.mark.parametrize(
    ("encoding", "body", "code"),
    [
        ("gzip", b"INSERT INTO fresh.t VALUES (1, '')", "271"),
        ("lz4", lz4.frame.compress(b"INSERT INTO fresh.t VALUES (1, '')")[:-5], "271"),
        ("br", b"", "89"),
    ],
)
def test_refuses_a_broken_body(
    http: Http, client: Client, encoding: str, body: bytes, code: str
) -> None:
    """A body that cannot be decoded to its end inserts nothing."""
    response, _ = http("", body=body, Content_Encoding=encoding)
    assert (400, code) == (response.status, response.headers["X-ClickHouse-Exception-Code"])
    assert client.command("SELECT count() FROM t") == 0


@pytest.mark.parametrize("argument", ["compress", "decompress"])
def test_says_that_block_compression_is_not_served(http: Http, argument: str) -> None:
    """ClickHouse's own framing is refused in words, not misread."""
    response, body = http(f"?{argument}=1&query=SELECT+1")
    assert response.status == 501
    assert b"Content-Encoding" in body


def test_refuses_an_empty_and_an_endless_statement(http: Http) -> None:
    """No statement is an error, and so is one that is larger than any sane one."""
    assert http("")[0].headers["X-ClickHouse-Exception-Code"] == "62"
    response, _ = http("", body=b"SELECT '" + b"x" * (2 << 20) + b"'")
    assert (response.status, response.headers["X-ClickHouse-Exception-Code"]) == (413, "229")


def test_inserts_are_never_asynchronous(http: Http, client: Client) -> None:
    """However a client asks for it, an insert is stored when it is answered."""
    http("?async_insert=1&wait_for_async_insert=0", body=b"INSERT INTO fresh.t VALUES (1, 'a')")
    asking = "INSERT INTO fresh.t SETTINGS async_insert = 1, wait_for_async_insert = 0 VALUES"
    http("?query=" + quote(asking), body=b"(2, 'b')")
    assert client.command("SELECT count() FROM t") == 2

"""
Bring a store's tables and views to this release, and tell whether they are there.

Tables change by numbered migrations, each applied once and known by its checksum. Materialized
views carry the data from table to table: one that is missing or old loses rows in silence. So they
are changed in place (ALTER … MODIFY QUERY), never dropped on a store in use, and every view says in
its comment which text it was made from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import structlog

from runtime.config import Config
from runtime.errors import SchemaMismatch
from schemas import statements
from store.client import Store

log = structlog.get_logger()

# format_schema_source and input_format_protobuf_oneof_presence came with 25.7; 25.8 is the first
# long-term release that has them.
OLDEST_VERSION = (25, 8)

_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    Number UInt32,
    Name String,
    Checksum String,
    AppliedAt DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(AppliedAt)
ORDER BY Number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One migration or one view, as this release has it, and how the store's compares."""

    name: str
    checksum: str
    state: str  # applied, missing, or changed


async def migrate(store: Store, config: Config) -> list[str]:
    """
    Apply what is missing or old, and return the names of what was applied.

    Args:
        store: whose database is migrated.
        config: when a session is idle, and how long deletions are remembered; and whether inserts
            wait for the disk. The embedded log forgets what is stored, so the embedded store must
            not lose it to a power cut; replicas keep one another's data.

    Raises:
        SchemaMismatch: a migration that was applied has another text in this release, or the
            server is too old.
    """
    await _check_version(store)
    await store.execute(_MIGRATIONS_TABLE)
    applied: list[str] = []
    for piece in await status(store):
        if piece.state == "applied":
            continue
        folder = piece.name.partition("/")[0]
        if folder == "migrations":
            await _apply_migration(store, piece, durable=not config.store.url)
        elif folder == "materialized_views":
            await _apply_materialized_view(store, piece)
        else:
            await _apply_view(store, piece)
        log.info("schema_applied", name=piece.name)
        applied.append(piece.name)
    await _execute_all(
        store,
        statements.statement(
            "from_settings",
            idle_seconds=str(max(1, round(config.sessions.idle_minutes * 60))),
            remembered_days=str(config.retention.deletions_days),
        ),
    )
    return applied


async def status(store: Store) -> list[Piece]:
    """Return every migration and view of this release, in the order in which they apply."""
    done = await _applied_migrations(store)
    comments: dict[str, str] = dict(
        await store.query(
            "SELECT name, comment FROM system.tables"
            " WHERE database = currentDatabase() AND engine IN ('View', 'MaterializedView')"
        )
    )
    pieces: list[Piece] = []
    migrations = ""
    for name in statements.names("migrations"):
        checksum = _checksum(statements.statement(name, fsync="0"))
        migrations += checksum
        stored = done.get(_number(name))
        pieces.append(Piece(name=name, checksum=checksum, state=_compare(stored, checksum)))
    for folder in ("materialized_views", "views"):
        for name in statements.names(folder):
            # A plain view's * means the columns at the time it was made, so it is made again
            # whenever a table may have changed.
            checksum = _checksum(statements.statement(name) + migrations)
            stored = comments.get(name.partition("/")[2])
            pieces.append(Piece(name=name, checksum=checksum, state=_compare(stored, checksum)))
    return pieces


async def check(store: Store) -> None:
    """
    Return when the store has every table and view of this release.

    Raises:
        SchemaMismatch: naming what is not as it must be, and what to do.
    """
    await _check_version(store)
    pieces = await status(store)
    wrong = [f"{piece.name} ({piece.state})" for piece in pieces if piece.state != "applied"]
    if all(piece.state == "missing" for piece in pieces):
        raise SchemaMismatch("the store has no tables yet: run 'sessiontrail migrate'")
    if wrong:
        raise SchemaMismatch(
            f"the store is not at this release: {', '.join(wrong)}. Run 'sessiontrail migrate'."
        )


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _number(name: str) -> int:
    return int(name.partition("/")[2][:4])


def _compare(stored: str | None, expected: str) -> str:
    if stored is None:
        return "missing"
    return "applied" if stored == expected else "changed"


async def _check_version(store: Store) -> None:
    [[version]] = await store.query("SELECT version()")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        wanted = ".".join(map(str, OLDEST_VERSION))
        raise SchemaMismatch(f"ClickHouse {version} is too old; {wanted} or newer is needed.")


async def _applied_migrations(store: Store) -> dict[int, str]:
    [[exists]] = await store.query("EXISTS TABLE schema_migrations")
    if not exists:
        return {}
    return dict(await store.query("SELECT Number, Checksum FROM schema_migrations FINAL"))


async def _apply_migration(store: Store, piece: Piece, *, durable: bool) -> None:
    if piece.state == "changed":
        raise SchemaMismatch(
            f"{piece.name} was applied with another text than this release has. Migrations never"
            " change once released: is this store from a development version?"
        )
    await _execute_all(store, statements.statement(piece.name, fsync=str(int(durable))))
    await store.execute(
        "INSERT INTO schema_migrations (Number, Name, Checksum)"
        " SELECT {number:UInt32}, {name:String}, {checksum:String}",
        {"number": _number(piece.name), "name": piece.name, "checksum": piece.checksum},
    )


async def _execute_all(store: Store, text: str) -> None:
    for single in text.split(";\n"):
        await store.execute(single.rstrip().removesuffix(";"))


async def _apply_materialized_view(store: Store, piece: Piece) -> None:
    view = piece.name.partition("/")[2]
    create, _, query = statements.statement(piece.name).partition("\nAS\n")
    if piece.state == "missing":
        await store.execute(f"{create}\nAS\n{query}")
    else:
        await store.execute(f"ALTER TABLE {view} MODIFY QUERY {query}")
    # Last: a view without its comment is applied again, which changes nothing.
    await store.execute(f"ALTER TABLE {view} MODIFY COMMENT '{piece.checksum}'")


async def _apply_view(store: Store, piece: Piece) -> None:
    text = statements.statement(piece.name)
    await store.execute(f"{text}\nCOMMENT '{piece.checksum}'")

"""The database behind the store: how it is opened, which schema it must have, and what its errors mean."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from nornflow.errors import ConfigurationError, StoreError
from nornflow.store.migrations import REVISIONS

KEPT, MOST = 2, 15
"""How many connections to a server a process keeps, and how many it takes at most for a moment: a server's bound counts all."""
BUSY = 30.0
"""Seconds to wait for another process that writes, before giving up."""
_SOCKET = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that is gone without a word is noticed, and not waited for as long as TCP would."""
_GONE = ("08", "25P03", "57P01", "57P02", "57P03", "57P05", "53300")
"""SQLSTATEs of a server that cannot be reached, is ending or starting, has no room for another session, or ended ours."""
_MOST_IDLE = "5s"
"""How long PostgreSQL bears a transaction in which nothing is said: whoever began it may be frozen, or without power.

What it has locked would keep everybody else waiting, the locks of devices included.
"""
_MIGRATING = threading.Lock()
"""Alembic keeps the migration of a process in its modules: two at a time, even of two databases, would mix their tables."""
_UPGRADE = 0x6E6F7275  # of PostgreSQL's advisory lock: controllers that start together upgrade one after the other


class StoreAway(StoreError):
    """The database cannot be reached at this moment; whether what was asked for has been done is not known."""


_NUL, _NO_CHARACTER = "\0", "\N{REPLACEMENT CHARACTER}"
_EXTRA = "pip install 'nornflow-netops[postgresql]'"


def parsed(url: str) -> URL:
    """Return the URL of a store, with our driver for PostgreSQL; ConfigurationError for any other database."""
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigurationError("store.url is not a URL of a database", hint=_URLS) from None
    kind = found.get_backend_name()
    if kind == "postgresql":
        return found.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise ConfigurationError(f"store.url: {kind} is not a database that the store knows", hint=_URLS)
    return found


_URLS = "for example postgresql://user@host/nornflow, or leave it out for a SQLite file in the workspace"


def connect(url: URL) -> Engine:
    """Return an engine for the URL; nothing is opened yet. StoreError when the driver is not installed."""
    if url.get_backend_name() == "postgresql":
        try:
            engine = create_engine(
                url, pool_size=KEPT, max_overflow=MOST - KEPT, pool_pre_ping=True, connect_args=_SOCKET
            )
        except ImportError:
            raise StoreError("the driver for PostgreSQL is not installed", hint=_EXTRA) from None
        from nornflow.store.heard import attend  # with the driver, which not everybody has

        attend(engine)
        event.listen(engine, "handle_error", _mark_gone)
        event.listen(engine, "connect", _bound_transactions)
        event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
        return engine
    memory = url.database in (None, "", ":memory:")
    pool: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(url, connect_args={"timeout": BUSY, "check_same_thread": False}, **pool)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def brisk(engine: Engine, seconds: float) -> Engine:
    """Return an engine for one short statement at a time that must not be late: whatever hangs for so long has failed.

    A connection of its own waits for no other one of the process, and not for what TCP repeats ever more seldom. In SQLite there
    is nothing to be quicker about: it is the same engine.
    """
    if engine.dialect.name != "postgresql":
        return engine
    options = {
        "connect_timeout": max(2, round(seconds)),  # libpq takes 1 for 2
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": max(1, round(seconds) - 1),
        "tcp_user_timeout": round(seconds * 1000),
    }
    from nornflow.store.heard import attend

    found = create_engine(engine.url, connect_args=options, pool_size=1, max_overflow=0)
    attend(found, seconds, knock=False)
    event.listen(found, "handle_error", _mark_gone)
    event.listen(found, "connect", _bound_transactions)
    return found


def _mark_gone(context: ExceptionContext) -> None:
    """Have the pool begin anew after a server that ended: over a local socket SQLAlchemy does not notice by itself."""
    if _is_gone(context.original_exception):
        context.is_disconnect = True


def _is_gone(error: BaseException | None) -> bool:
    """Tell whether an error of psycopg says that there is no server, or no session any more."""
    if type(error).__module__.partition(".")[0] != "psycopg":
        return False
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return type(error).__name__ in ("OperationalError", "ConnectionTimeout", "InterfaceError")
    return state.startswith(_GONE)


def _without_nul(connection: Any, cursor: Any, statement: str, given: Any, context: Any, many: bool) -> tuple[str, Any]:
    """Put the character for what is none in place of each NUL: devices and programs write them, PostgreSQL takes none."""
    if many:
        return statement, [_row_without_nul(row) for row in given]
    return statement, _row_without_nul(given)


def _row_without_nul(row: Any) -> Any:
    values = row.values() if isinstance(row, Mapping) else row
    if not any(type(value) is str and _NUL in value for value in values):
        return row
    clean = [value.replace(_NUL, _NO_CHARACTER) if type(value) is str else value for value in values]
    return dict(zip(row, clean, strict=True)) if isinstance(row, Mapping) else tuple(clean)


def _bound_transactions(connection: Any, record: object) -> None:
    """Have the server end a transaction that stands still: said by a statement, since poolers refuse it as an option."""
    connection.autocommit = True
    connection.execute(f"SET idle_in_transaction_session_timeout = '{_MOST_IDLE}'")
    connection.autocommit = False


def _prepare(connection: Any, record: object) -> None:
    """Set what SQLite keeps per connection; docs/decisions/0015 says why `synchronous` is FULL."""
    connection.isolation_level = None  # we say BEGIN ourselves: the driver's own timing breaks transactions
    cursor = connection.cursor()
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("outside"):  # a few pragmas cannot be in a transaction
        # a writer takes the lock at once: one that has read before could not wait for another writer, only fail
        connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Connection:
    """Return a connection that only reads, and so waits for no writer."""
    return engine.connect().execution_options(reading=True)


def glancing(engine: Engine) -> Connection:
    """Return a connection for a single query: in SQLite that needs no transaction around it."""
    return engine.connect().execution_options(outside=True)


def revision(engine: Engine) -> str | None:
    """Return the revision of the schema; None for a database without tables. StoreError for somebody else's tables."""
    with reading(engine) as connection:
        tables = set(inspect(connection).get_table_names())
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StoreError(
                f"the database at {shown(engine)} holds other tables and no store", hint="give the store one of its own"
            )
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def demand_schema(engine: Engine) -> None:
    """Raise StoreError, with what to do, unless the schema is the one of this NornFlow."""
    found = revision(engine)
    if found == REVISIONS[-1]:
        return
    if found is None or found in REVISIONS:
        state = "is empty" if found is None else f"has the older schema {found}"
        raise StoreError(f"the store at {shown(engine)} {state}", hint="nornflow db upgrade")
    raise StoreError(
        f"the store at {shown(engine)} has the schema {found}, which this NornFlow does not know: a newer one wrote it",
        hint="use a NornFlow that is at least as new, or another store.url",
    )


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema to the newest revision and return the one before and the one now; all of it or nothing."""
    from alembic import command
    from alembic.config import Config

    if engine.dialect.name == "sqlite":
        with engine.connect().execution_options(outside=True) as connection:  # the file remembers it
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    before = revision(engine)
    if before is not None and before not in REVISIONS:
        demand_schema(engine)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _MIGRATING, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, REVISIONS[-1]


def shown(engine: Engine) -> str:
    """Return where the database is, without its password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or "memory"
    return url.render_as_string(hide_password=True)


@contextmanager
def told(engine: Engine, what: str) -> Iterator[None]:
    """Turn errors of the database into StoreError with what to do; `what` was being done."""
    try:
        yield
    except SQLAlchemyError as error:
        original = getattr(error, "orig", None)
        cause = str(original or error).strip().splitlines()[0]
        away = _is_gone(original) or (isinstance(error, DBAPIError) and error.connection_invalidated)
        kind = StoreAway if away else StoreError
        raise kind(f"{what}: the store at {shown(engine)}: {cause}", hint=_hint(cause, error)) from error
    except UnicodeDecodeError as error:  # SQLite quotes what it found, and its driver takes that for text
        cause = "malformed: it holds what is no text"
        raise StoreError(f"{what}: the store at {shown(engine)}: {cause}", hint=_hint(cause, error)) from error


def _hint(cause: str, error: Exception) -> str:
    lower = cause.lower()
    for words, hint in _HINTS:
        if any(word in lower for word in words):
            return hint
    return "nornflow db check" if not isinstance(error, OperationalError) else "see whether the database can be reached"


_HINTS = (
    (
        ("disk is full", "no space", "disk full"),
        "make room on the disk; nothing is written to devices without a record",
    ),
    (
        ("disk i/o error",),
        "make room on the disk, or see whether it fails; nothing is written to devices without a record",
    ),
    (("readonly", "read-only", "permission denied", "unable to open"), "see who may write there, or set store.url"),
    (("locked", "busy"), "another process has been writing for too long; try again"),
    (("not a database", "malformed", "corrupt"), "nornflow db check says what is recoverable"),
    (
        ("too many clients", "remaining connection slots", "too many connections"),
        "end what holds connections, or let PostgreSQL have more (max_connections)",
    ),
    (
        ("connection refused", "connection failed", "connection is bad", "terminating connection", "server closed"),
        "see whether PostgreSQL runs there",
    ),
)

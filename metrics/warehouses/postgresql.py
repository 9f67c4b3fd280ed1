"""A team's PostgreSQL: a read-only snapshot, one statement at a time, with two clocks on it.

Queries go over the extended protocol, which takes a single statement, and always with a text of
ours around the team's: what is no SELECT is a syntax error there. (A cursor would do the same, but
the planner never runs a cursor on several cores.) Rows are streamed, so limits bite before memory
fills. The server's own time limit is backed by a watchdog on our side.
"""

import os
import re
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import sql as compose

from metrics.warehouses import errors
from metrics.warehouses.addresses import resolve
from metrics.warehouses.causes import Cause, explain
from metrics.warehouses.connections import SSL_MODES, Limits, Policy, PostgresSettings
from metrics.warehouses.dialects import POSTGRES, Column, Dialect, Family, around
from metrics.warehouses.executor import Rows, Stopwatch, gather, watchdog
from metrics.warehouses.sql_safety import called_functions, single_select_tree

_FAMILIES: Final[Mapping[str, Family]] = {
    "int2": Family.INTEGER,
    "int4": Family.INTEGER,
    "int8": Family.INTEGER,
    "float4": Family.NUMBER,
    "float8": Family.NUMBER,
    "numeric": Family.NUMBER,
    "bool": Family.BOOLEAN,
    "text": Family.TEXT,
    "varchar": Family.TEXT,
    "bpchar": Family.TEXT,
    "name": Family.TEXT,
    "uuid": Family.UUID,
    "timestamptz": Family.INSTANT,
    "timestamp": Family.INSTANT,
    "date": Family.INSTANT,
}
# Volatile by PostgreSQL's book, yet without effect on anything.
_HARMLESS_VOLATILE: Final = frozenset(
    {
        "random",
        "random_normal",
        "clock_timestamp",
        "timeofday",
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
    }
)
_VOLATILE: Final = """
SELECT DISTINCT proname::text FROM pg_catalog.pg_proc
WHERE provolatile = 'v' AND proname = ANY($1) ORDER BY 1"""


class PostgresExecutor:
    """Reads one PostgreSQL database."""

    def __init__(self, connection: psycopg.Connection[Any], limits: Limits) -> None:
        self.dialect: Dialect = POSTGRES
        self._connection = connection
        self._limits = limits

    def columns(self, sql: str) -> tuple[Column, ...]:
        """Names and types, from an empty result; refuses functions this server calls volatile."""
        self._refuse_volatile(sql)
        with self._guarded(), psycopg.RawCursor(self._connection) as cursor:
            cursor.execute(_trusted(around(sql)), binary=True)
            return tuple(self._column(entry) for entry in cursor.description or ())

    def _column(self, entry: psycopg.Column) -> Column:
        info = self._connection.adapters.types.get(entry.type_code)
        name = info.name if info else f"type {entry.type_code}"
        return Column(entry.name, name, _FAMILIES.get(name, Family.OTHER))

    def _refuse_volatile(self, sql: str) -> None:
        names = called_functions(single_select_tree(sql, "postgres")) - _HARMLESS_VOLATILE
        if not names:
            return
        found = self.run(_VOLATILE, [sorted(names)]).rows
        if found:
            raise errors.ForbiddenFunction(
                f"The query calls {found[0][0]}(), which this server marks as having effects.",
                function=found[0][0],
            )

    def run(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one SELECT within the limits."""
        clock = Stopwatch()
        with self._guarded(), psycopg.RawCursor(self._connection) as cursor:
            stream = cursor.stream(_trusted(sql), list(params), binary=True, size=200)
            # The stream holds the connection's lock until it is closed, read to its end or not.
            try:
                rows = gather(stream, self._limits)
            finally:
                if isinstance(stream, Generator):
                    stream.close()
        return Rows(rows, clock.seconds)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        grace = min(1.0, self._limits.seconds / 4)
        with watchdog(self._limits.seconds + grace, self._stop) as fired:
            try:
                yield
            except psycopg.Error as error:
                self._roll_back()
                raise (
                    _too_slow(self._limits) if fired.is_set() else translate(error, self._limits)
                ) from error
            except errors.WarehouseError:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):
            self._connection.rollback()

    def _stop(self) -> None:
        """Ask the server to stop, then hang up: some functions hear no request for seconds."""
        with suppress(psycopg.Error, OSError):
            self._connection.cancel_safe(timeout=min(1.0, self._limits.seconds / 8))
        with suppress(psycopg.Error, OSError), self._line() as line:
            line.shutdown(socket.SHUT_RDWR)

    def _line(self) -> socket.socket:
        return socket.socket(fileno=os.dup(self._connection.fileno()))

    def close(self) -> None:
        """End the transaction and hang up."""
        self._roll_back()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(settings: PostgresSettings, policy: Policy) -> PostgresExecutor:
    """Reach the server at an address that was judged, and open a read-only snapshot."""
    address = _address(settings, policy)
    try:
        connection = psycopg.connect(**_parameters(settings, address, policy.limits))
    except psycopg.OperationalError as error:
        raise translate_connection(error, settings) from error
    except psycopg.Error as error:
        raise errors.QueryFailed(f"The connection failed: {_tidy(str(error))}") from error
    try:
        _settle(connection, policy.limits)
    except psycopg.Error as error:
        connection.close()
        raise translate(error, policy.limits) from error
    return PostgresExecutor(connection, policy.limits)


def _address(settings: PostgresSettings, policy: Policy) -> str:
    if settings.sslmode not in SSL_MODES:
        raise errors.TlsTrouble(f"“{settings.sslmode[:30]}” is not a TLS mode.")
    for label, text in (("database", settings.database), ("user", settings.user)):
        if not text or "\0" in text:
            raise errors.UnknownDatabase(f"The name of the {label} is empty or unreadable.")
    address = resolve(settings.host, settings.port, policy)
    for host, port, database in policy.refused_databases:
        if (port, database) == (settings.port, settings.database) and _same(host, address):
            raise errors.ForbiddenAddress(
                "That is this installation's own database.", hint="Name the team's own database."
            )
    return address


def _same(host: str, address: str) -> bool:
    if not host or host.startswith("/"):
        return address in {"127.0.0.1", "::1"}
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return address in {entry[4][0] for entry in found}


def _parameters(settings: PostgresSettings, address: str, limits: Limits) -> dict[str, Any]:
    """Every parameter that libpq might else take from the environment or a file is set here."""
    nowhere = "/nonexistent"
    return {
        "host": settings.host,
        "hostaddr": address,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password,
        "sslmode": settings.sslmode,
        "connect_timeout": max(2, round(limits.connect_seconds)),
        "application_name": "wayfork",
        "passfile": nowhere,
        "sslcert": nowhere,
        "sslkey": nowhere,
        "sslrootcert": "system" if settings.sslmode == "verify-full" else nowhere,
        "options": "",
        "target_session_attrs": "any",
        "gssencmode": "disable",
        "client_encoding": "utf8",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        "prepare_threshold": None,
    }


def _settle(connection: psycopg.Connection[Any], limits: Limits) -> None:
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(max(1, round(limits.seconds * 1000))),
        "lock_timeout": str(round(limits.lock_seconds * 1000)),
        "idle_in_transaction_session_timeout": str(round(limits.seconds * 2000) + 60_000),
        "TimeZone": "UTC",
        "standard_conforming_strings": "on",
        # Sums per unit are hashed: the small default makes a large server write temporary files.
        "work_mem": "32MB",
        "jit": "off",
    }
    connection.autocommit = True
    for name, value in settings.items():
        connection.execute(
            compose.SQL("SET {} = {}").format(compose.Identifier(name), compose.Literal(value))
        )
    connection.autocommit = False
    connection.read_only = True
    # All statements of a visit see the same data.
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ


def _trusted(text: str) -> bytes:
    """psycopg asks for literal strings; this text was judged by sql_safety or is ours."""
    return text.encode()


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:300]


def _too_slow(limits: Limits) -> errors.WarehouseError:
    return errors.SlowQuery(f"The query was stopped after {limits.seconds:g} seconds.")


_REFUSALS: Final = (
    Cause(
        "authentication failed|no password supplied|empty password|password is required",
        errors.WrongPassword,
        "{host} refused the password of the user “{user}”.",
    ),
    Cause("role .* does not exist", errors.WrongPassword, "{host} knows no user “{user}”."),
    Cause(
        "database .* does not exist",
        errors.UnknownDatabase,
        "{host} has no database “{database}”.",
    ),
    Cause(
        "permission denied for database|not permitted to log in",
        errors.NotAllowedIn,
        "The user “{user}” may not connect to the database “{database}”.",
    ),
    Cause(
        "too many (connections|clients)|connection slots",
        errors.TooManyConnections,
        "{host} has no connection left for “{user}”.",
    ),
    Cause(
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        errors.NotAllowedIn,
        "{host} does not let the user “{user}” in from this server's address.",
    ),
    Cause(
        r"SSL|certificate|root\.crt",
        errors.TlsTrouble,
        "{host} and TLS mode “{sslmode}” do not go together.",
    ),
    Cause(
        "[Cc]onnection refused",
        errors.RefusedPort,
        "{host} is there, but refuses connections on port {port}.",
    ),
    Cause(
        "timeout|timed out|unreachable|No route to host",
        errors.UnreachableHost,
        "{host} port {port} did not answer in time.",
    ),
    Cause(
        "invalid response|received invalid|expected authentication|closed the connection",
        errors.UnreachableHost,
        "What answers on {host} port {port} does not speak as PostgreSQL does.",
    ),
)


def translate_connection(
    error: psycopg.OperationalError, settings: PostgresSettings
) -> errors.WarehouseError:
    """Why the connection was not made; before it stands there is no code, only the text."""
    text = str(error).strip()
    facts = {
        "host": settings.host,
        "port": settings.port,
        "user": settings.user,
        "database": settings.database,
        "sslmode": settings.sslmode,
    }
    # With "prefer" the text tells of both attempts; the reason is in the last one.
    last = text.rpartition("\n")[2]
    return (
        explain(_REFUSALS, last, **facts)
        or explain(_REFUSALS, text, **facts)
        or errors.UnreachableHost(f"The connection to {settings.host} failed: {_tidy(text)}")
    )


# Signs are PostgreSQL's own codes, which do not depend on its language.
_CAUSES: Final = (
    Cause("^57014", errors.SlowQuery, "The query was stopped after {seconds:g} seconds."),
    Cause(
        "^55P03",
        errors.SlowQuery,
        "A table was locked by somebody else for {lock_seconds:g} seconds.",
        hint="Try again when the other work is done.",
    ),
    Cause("^42P01", errors.UnknownTable, "There is no table “{name}”."),
    Cause("^3F000", errors.UnknownTable, "There is no schema “{name}”."),
    Cause("^42703", errors.UnknownColumn, "There is no column “{name}”."),
    Cause(
        "^42702",
        errors.UnknownColumn,
        "The column “{name}” could be meant in several tables.",
        hint="Write the table before the column.",
    ),
    Cause("^42501", errors.PermissionDenied, "The database says: {text}."),
    Cause("^25006", errors.WriteAttempted, "The query tried to change the database: {text}."),
    Cause("^42", errors.QuerySyntax, "PostgreSQL cannot read the query: {text}."),
    Cause("^22", errors.UnusableValue, "A value cannot be used: {text}."),
    Cause("^53300", errors.TooManyConnections, "The server is out of connections."),
    Cause("^5[34]", errors.ResultTooLarge, "The query needs more than the server gives: {text}."),
    Cause("^(57P|25P0)", errors.ConnectionLost, "The server ended the connection."),
    Cause("^(08|$)", errors.ConnectionLost, "The connection broke while the query ran."),
)


def translate(error: psycopg.Error, limits: Limits) -> errors.WarehouseError:
    """The cause behind a failed statement, by PostgreSQL's own code."""
    text = _tidy(error.diag.message_primary or str(error))
    found = re.search(r'column "?([^\s"]+)"? does|"([^"]+)"', text)
    name = (found.group(1) or found.group(2)) if found else text
    facts = {"seconds": limits.seconds, "lock_seconds": limits.lock_seconds}
    return explain(_CAUSES, error.sqlstate or "", name=name, text=text, **facts) or (
        errors.QueryFailed(f"PostgreSQL could not run the query: {text}.")
    )

"""What can go wrong with somebody's database: one class per cause, each a sentence one can act on."""

from typing import ClassVar

from accounts.errors import DomainError


class WarehouseError(DomainError):
    """The event source could not answer."""

    code: ClassVar[str] = "event_source_failed"
    status: ClassVar[int] = 422


class UnknownHost(WarehouseError):
    """The name of the host resolves to nothing."""

    code = "unknown_host"
    hint = "Check the spelling of the host, and that this server can resolve it."


class UnreachableHost(WarehouseError):
    """Nobody answered in time."""

    code = "unreachable_host"
    hint = "Check the address and the port, and that a firewall lets this server through."


class RefusedPort(WarehouseError):
    """The host is there, but nothing listens on the port."""

    code = "refused_port"
    hint = "Check the port (PostgreSQL's is usually 5432) and that the database is running."


class ForbiddenAddress(WarehouseError):
    """The address is one this installation does not connect to."""

    code = "forbidden_address"
    hint = "Use the database's own address. Private networks are the operator's switch."


class WrongPassword(WarehouseError):
    """User name and password do not belong together."""

    code = "wrong_password"
    hint = "Enter the password again, and check the user name."


class NotAllowedIn(WarehouseError):
    """The server does not let this user, database or address in at all."""

    code = "connection_not_allowed"
    hint = "Ask the database's administrator to allow this user from this server's address."


class TooManyConnections(WarehouseError):
    """The role or the server has no connection left."""

    code = "too_many_connections"
    hint = "Wait a moment, or raise the role's connection limit."


class UnknownDatabase(WarehouseError):
    """The server has no database of that name."""

    code = "unknown_database"
    hint = "Check the name of the database."


class TlsTrouble(WarehouseError):
    """No agreement about encryption."""

    code = "tls_trouble"
    hint = "Choose the TLS mode the server offers: disable, prefer, require, verify-full."


class NotADatabaseFile(WarehouseError):
    """There is a file, but it is not a database of that kind."""

    code = "not_a_database"
    hint = "Check that the file is a database of the chosen kind, and complete."


class FileNotFound(WarehouseError):
    """There is no such file."""

    code = "file_not_found"
    hint = "Give the path as this server sees it."


class ForbiddenFile(WarehouseError):
    """The file lies outside the folders the operator opened."""

    code = "forbidden_file"
    hint = "Put the file below a folder named in WAYFORK_EVENT_FILE_FOLDERS."


class BusyFile(WarehouseError):
    """Another process holds the file."""

    code = "busy_file"
    hint = "Close the program that has the file open for writing, or read a copy."


class ConnectionLost(WarehouseError):
    """The connection broke while the query ran."""

    code = "connection_lost"
    hint = "Try again; if it happens again, look at the database's own log."


class SlowQuery(WarehouseError):
    """The query did not end in the time it may take."""

    code = "slow_query"
    hint = "Narrow the query (dates, one experiment), or add an index on what it filters by."


class QuerySyntax(WarehouseError):
    """The text is not SQL as this database understands it."""

    code = "query_syntax"
    hint = "Mend the query at the place named."


class NotASelect(WarehouseError):
    """The text is something else than one SELECT."""

    code = "not_a_single_select"
    hint = "Write one SELECT (WITH and UNION are fine), nothing before or after it."


class ForbiddenFunction(WarehouseError):
    """The query calls something that reaches beyond reading tables."""

    code = "forbidden_function"
    hint = "Read from tables and views only."


class WriteAttempted(WarehouseError):
    """The query tried to change something."""

    code = "write_attempted"
    hint = "Event sources are only read. Use a SELECT without side effects."


class UnknownTable(WarehouseError):
    """The query names a table that is not there."""

    code = "unknown_table"
    hint = "Check the name, and write the schema before it if it is not on the search path."


class UnknownColumn(WarehouseError):
    """The query names a column that is not there."""

    code = "unknown_column"
    hint = "Check the spelling of the column inside the query."


class MissingColumn(WarehouseError):
    """The query works, but does not return what it must."""

    code = "missing_column"
    hint = "Rename columns with AS, for example `player_id AS user_id`."


class WrongColumnType(WarehouseError):
    """A column cannot be read as what it must be."""

    code = "wrong_column_type"
    hint = "Convert the column inside the query."


class UnusableValue(WarehouseError):
    """A row holds something that cannot be counted with."""

    code = "unusable_value"
    hint = "Filter or convert such rows inside the query."


class PermissionDenied(WarehouseError):
    """The role may not read that."""

    code = "source_permission_denied"
    hint = "Grant the role SELECT on the table (and USAGE on its schema)."


class ResultTooLarge(WarehouseError):
    """More came back than may."""

    code = "result_too_large"
    hint = "Narrow the query."


class QueryFailed(WarehouseError):
    """The database refused for a reason of its own, which is passed on."""

    code = "query_failed"
    hint = "The database's own words are in the message."

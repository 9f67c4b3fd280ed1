"""How the database is emptied after a test that committed.

Django truncates every table and registers all content types and rights again, which takes longer
than most of these tests. Here only tables with rows are emptied, and what migrations registered
stays.
"""

from typing import Any, Final

from django.db import connection, transaction
from django.test import TransactionTestCase

REGISTERED: Final = frozenset({"django_content_type", "auth_permission", "django_migrations"})
LARGE: Final = 500_000  # bytes
# The type stubs leave this one out.
_as_django_does = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


def install() -> None:
    """From now on, in this process."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]


def _empty(case: Any) -> None:
    if not _may_set_triggers_aside():
        _as_django_does(case)
        return
    filled = _filled_tables()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The ledger's triggers would refuse, and keys would ask for an order.
            cursor.execute("SET LOCAL session_replication_role = replica")
            if counted := _counted(cursor):
                named = ", ".join(f'"{table}"' for table in counted)
                cursor.execute(f"TRUNCATE {named} CASCADE")
        for table in filled:
            cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608 - our own names


def _may_set_triggers_aside() -> bool:
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


def _counted(cursor: Any) -> list[str]:
    """Tables whose rows the planner has counted, which would mislead it in the next test, and those
    that deleted rows have made large."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relname = ANY(%s)"
        " AND (reltuples >= 0 AND relpages > 0 OR pg_relation_size(oid) > %s)",
        [_our_tables(), LARGE],
    )
    return [str(name) for (name,) in cursor.fetchall()]


def _our_tables() -> list[str]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(found) - REGISTERED)


def _filled_tables() -> list[str]:
    looks = [
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")"  # noqa: S608 - our own names
        for table in _our_tables()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        return [str(name) for (name,) in cursor.fetchall()]

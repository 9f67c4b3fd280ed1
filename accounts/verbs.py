"""The frame every write of plain records runs in: permission, transaction, ledger line."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.access import Access
from accounts.errors import AlreadyExists
from accounts.permissions import Permission

P = ParamSpec("P")
R = TypeVar("R")
# PostgreSQL's code.
UNIQUE_VIOLATION: Final = "23505"


@dataclass(frozen=True, slots=True)
class Recorded(Generic[R]):
    """What a verb did, in the words the ledger will keep."""

    value: R
    action: str
    target: str
    before: object = None
    after: object = None
    reason: str = ""


def verb(
    permission: Permission,
) -> Callable[[Callable[Concatenate[Access, P], Recorded[R]]], Callable[Concatenate[Access, P], R]]:
    """Require the permission, open the transaction, write the line, unwrap the value."""

    def decorate(
        function: Callable[Concatenate[Access, P], Recorded[R]],
    ) -> Callable[Concatenate[Access, P], R]:
        @wraps(function)
        def run(access: Access, /, *args: P.args, **kwargs: P.kwargs) -> R:
            access.require(permission)
            with transaction.atomic():
                with _told_when_taken():
                    done = function(access, *args, **kwargs)
                audit.record(
                    access,
                    done.action,
                    done.target,
                    before=done.before,
                    after=done.after,
                    reason=done.reason,
                )
            return done.value

        return run

    return decorate


def verb_after(
    permission: Permission, first: Callable[Concatenate[Access, P], object]
) -> Callable[[Callable[Concatenate[Access, P], Recorded[R]]], Callable[Concatenate[Access, P], R]]:
    """As `verb`, with `first` given the same arguments before the transaction opens.

    What has to ask somebody else's server must not hold our locks while it waits.
    """

    def decorate(
        function: Callable[Concatenate[Access, P], Recorded[R]],
    ) -> Callable[Concatenate[Access, P], R]:
        framed = verb(permission)(function)

        @wraps(function)
        def run(access: Access, /, *args: P.args, **kwargs: P.kwargs) -> R:
            access.require(permission)
            first(access, *args, **kwargs)
            return framed(access, *args, **kwargs)

        return run

    return decorate


@contextmanager
def _told_when_taken() -> Iterator[None]:
    """Two people may take a key at once: both find it free, the table lets one have it."""
    try:
        yield
    except IntegrityError as error:
        if not _is_duplicate(error):
            raise
        raise AlreadyExists("Somebody else made this at the same moment.") from error


def _is_duplicate(error: IntegrityError) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.IntegrityError):
        return cause.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE"
    return getattr(cause, "sqlstate", "") == UNIQUE_VIOLATION

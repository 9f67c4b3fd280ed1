"""The root of everything Wayfork refuses, in words a person can act on."""

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """Something was refused. `code` is stable, `str(error)` is a sentence, `hint` says what to do.

    Children live in the module that raises them; `accounts.web.problems` turns them into HTTP once.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422
    hint: str = ""

    def __init__(self, message: str = "", *, hint: str = "", **data: object) -> None:
        super().__init__(message or self.code.replace("_", " "))
        self.hint = hint or type(self).hint
        self.data: Mapping[str, object] = data


class NotFound(DomainError):
    """There is no such thing, or it belongs to somebody else: outsiders cannot tell which."""

    code = "not_found"
    status = 404
    hint = "Check the address. If a colleague sent it, ask to be given a role in that project."


class NotPermitted(DomainError):
    """The person is inside, but lacks the right."""

    code = "not_permitted"
    status = 403
    hint = (
        "Ask an admin of this project for a role that includes this right, or for the right itself."
    )


class InvalidInput(DomainError):
    """A value cannot be accepted; `where` names the place."""

    code = "invalid_input"
    status = 422


class AlreadyExists(DomainError):
    """The key is taken."""

    code = "already_exists"
    status = 409
    hint = "Choose another key."


class ReasonMissing(DomainError):
    """This act asks for a reason."""

    code = "reason_missing"
    hint = "Say in a sentence why; it is kept in the audit history."

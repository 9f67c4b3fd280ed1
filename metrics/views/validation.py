"""The "Validate" button: run a query for a few rows and show its columns, or say what is wrong."""

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.access import Access
from accounts.errors import DomainError, InvalidInput
from accounts.permissions import Permission
from accounts.web.place import environment_access
from metrics import queries
from metrics.warehouses.contracts import Contract

CONTRACTS: Final = {"assignment": Contract.ASSIGNMENT, "fact": Contract.FACT}


@dataclass(frozen=True, slots=True)
class Preview:
    """What came of trying a query: what was found, or the refusal."""

    found: Any = None
    problem: DomainError | None = None

    @property
    def status(self) -> int:
        """200, or what the refusal asks for."""
        return self.problem.status if self.problem else 200


def preview(access: Access, source: str, sql: str, contract: Contract) -> Preview:
    """Try a query against its source; refusals are told, not raised."""
    access.require(Permission.EDIT_METRICS)
    if not sql.strip():
        return Preview(problem=InvalidInput("There is no query to run yet.", where="sql"))
    if "\x00" in sql:
        return Preview(problem=InvalidInput("The query holds a NUL character.", where="sql"))
    try:
        return Preview(found=queries.validate(queries.source(access, source), sql, contract))
    except DomainError as error:
        return Preview(problem=error)


@require_POST
def validate(request: HttpRequest, key: str, contract: str, **place: str) -> HttpResponse:
    """The preview alone, for the button of a form."""
    access = environment_access(request, **place)
    if contract not in CONTRACTS:
        raise InvalidInput(f"{contract!r} is no contract.", where="contract")
    tried = preview(access, key, request.POST.get("sql", ""), CONTRACTS[contract])
    return render(request, "metrics/_preview.html", {"preview": tried}, status=tried.status)

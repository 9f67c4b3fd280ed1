"""`manage.py prove_domain`: the operator's word that an e-mail domain is an organization's own."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import access as tickets
from accounts.actions import domains
from accounts.errors import DomainError
from accounts.models import Organization


class Command(BaseCommand):
    """Proves a domain without a DNS record, as where the name servers cannot be reached."""

    help = (
        "Prove that an e-mail domain is an organization's own, without looking for its DNS record."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organization", help="the organization's key")
        parser.add_argument("domain", help="as in an e-mail address: example.com")

    def handle(self, *_args: Any, **given: Any) -> None:
        organization = Organization.objects.filter(key=given["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization {given['organization']}.")
        try:
            proved = domains.prove_by_operator(tickets.command(organization), given["domain"])
        except DomainError as error:
            raise CommandError(f"{error} {error.hint}") from error
        leads = proved.provider.name if proved.provider else "no provider yet"
        self.stdout.write(f"{proved.domain} is {organization.name}'s own; it leads to {leads}.")

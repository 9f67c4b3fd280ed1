"""`manage.py verify_audit`: proves the chains of the audit history, or names the first broken link."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import proofs
from accounts.chains import Anchors
from accounts.models import Organization


class Command(BaseCommand):
    """Reads every line once; nothing is written."""

    help = "Prove the audit history of all organizations, or of one. Exit code 1 if it is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="KEY")
        parser.add_argument(
            "--anchor",
            metavar="FILE",
            type=Path,
            help="heads kept outside the database (default: what the hourly job wrote, if any)",
        )

    def handle(self, *_args: Any, **given: Any) -> None:
        organizations = Organization.objects.order_by("key")
        if given["organization"]:
            organizations = organizations.filter(key=given["organization"])
            if not organizations.exists():
                raise CommandError(f"There is no organization {given['organization']}.")
        anchors = self._anchors(given["anchor"])
        sound = [self._prove(one, anchors.get(one.pk, Anchors())) for one in organizations]
        sound += [self._is_there(one) for one in anchors if not given["organization"]]
        if not all(sound):
            raise CommandError("The audit history is broken.")
        if role := proofs.overpowered_role():
            self.stdout.write(
                f"The database role {role} could switch the triggers off that guard the history;"
                " docs/operations/database-roles.md has one that cannot."
            )

    def _anchors(self, path: Path | None) -> dict[UUID, Anchors]:
        default = settings.AUDIT_ANCHORS
        if path is None and not default.exists():
            self.stdout.write("No anchors: what was cut off at the end cannot be noticed.")
            return {}
        try:
            return proofs.read_anchors(path or default)
        except (OSError, proofs.BadAnchor) as error:
            raise CommandError(f"{error}.") from error

    def _prove(self, organization: Organization, anchors: Anchors) -> bool:
        found = proofs.prove(organization, anchors=anchors)
        problem = found.problem or proofs.check_index(organization)
        if problem:
            self.stdout.write(f"{organization.key}: BROKEN, {problem}.")
            return False
        counted = f"{found.checked:,} lines hold together, {len(anchors.hashes)} anchors"
        self.stdout.write(f"{organization.key}: {counted}, head {found.upto.hash or '(none)'}.")
        return True

    def _is_there(self, organization_id: UUID) -> bool:
        if Organization.objects.filter(pk=organization_id).exists():
            return True
        self.stdout.write(f"{organization_id}: BROKEN, anchored, but the organization is gone.")
        return False

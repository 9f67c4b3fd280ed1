"""`manage.py anchor_audit`: writes the heads of the audit history to a file, or prints them."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts import proofs
from accounts.models import AuditHead


class Command(BaseCommand):
    """What stands outside the database cannot be rewritten with it."""

    help = "Append the head of every chain to a file; without --file, print them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", metavar="FILE", type=Path)

    def handle(self, *_args: Any, **given: Any) -> None:
        if given["file"]:
            written = proofs.anchor(given["file"])
            self.stdout.write(f"{written} heads written to {given['file']}.")
            return
        for head in AuditHead.objects.select_related("organization").order_by("organization__key"):
            self.stdout.write(proofs.anchor_line(head))

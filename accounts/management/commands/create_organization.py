"""`manage.py create_organization`: the first organization of an installation, and its owner."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import access as tickets
from accounts.actions import organizations
from accounts.errors import DomainError
from accounts.models import User


class Command(BaseCommand):
    """Makes an organization with one project, and a person who owns it."""

    help = "Make an organization, its first project and its owner; prints the owner's password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="lowercase letters, digits and hyphens")
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--project", default="app", help="key of the first project")

    def handle(self, *_args: Any, **given: Any) -> None:
        password = secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                is_new = self._make(given, password)
        except DomainError as error:
            raise CommandError(f"{error} {error.hint}") from error
        self.stdout.write(f"{given['name']} is ready; {given['owner']} owns it.")
        if is_new:
            self.stdout.write(f"password: {password} (change it after signing in)")

    def _make(self, given: dict[str, Any], password: str) -> bool:
        owner = User.objects.filter(email__iexact=given["owner"]).first()
        is_new = owner is None
        if owner is None:
            owner = User.objects.create_user(given["owner"], password)
        organizations.create_organization(given["key"], given["name"], owner)
        access = tickets.of_member(owner, given["key"])
        organizations.create_project(access, given["project"], given["project"].capitalize())
        return is_new

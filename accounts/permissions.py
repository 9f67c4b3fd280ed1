"""What a person may do, and which role brings which right."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One right. Edits and verbs name the one they need."""

    VIEW = "view"
    EDIT_FLAGS = "edit flags"
    EDIT_TARGETING = "edit targeting"
    EDIT_SEGMENTS = "edit segments"
    EDIT_EXPERIMENTS = "edit experiments"
    EDIT_METRICS = "edit metrics"
    ROLL_BACK = "roll back"
    REVIEW = "review changes"
    BYPASS_REVIEW = "bypass review"
    MANAGE_SOURCES = "manage event sources"
    MANAGE_KEYS = "manage SDK keys"
    MANAGE_POLICY = "manage review policy"
    MANAGE_PROJECT = "manage the project"
    CREATE_PROJECTS = "create projects"
    MANAGE_ORGANIZATION = "manage the organization"

    @property
    def key(self) -> str:
        """How machines name it, as `edit_flags`; its value is for sentences."""
        return self.name.lower()


class Role(StrEnum):
    """A person's part in a project."""

    VIEWER = "viewer"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    ADMIN = "admin"


_VIEWER: Final = frozenset({Permission.VIEW})
_EDITOR: Final = _VIEWER | {
    Permission.EDIT_FLAGS,
    Permission.EDIT_TARGETING,
    Permission.EDIT_SEGMENTS,
    Permission.EDIT_EXPERIMENTS,
    Permission.EDIT_METRICS,
}
_REVIEWER: Final = _EDITOR | {Permission.REVIEW}
_ADMIN: Final = _REVIEWER | {
    Permission.MANAGE_SOURCES,
    Permission.MANAGE_KEYS,
    Permission.MANAGE_POLICY,
    Permission.MANAGE_PROJECT,
}

# What every project's roles bring; two rights stand apart from them (APART).
GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: _VIEWER,
    Role.EDITOR: _EDITOR,
    Role.REVIEWER: _REVIEWER,
    Role.ADMIN: _ADMIN,
}

OWNER_GRANTS: Final = frozenset(Permission)

# Rights that stand apart from roles. A project says from which role upwards each comes (None: with
# no role), and names people and teams who hold it besides. Here is what it begins with.
APART: Final[Mapping[Permission, Role | None]] = {
    Permission.ROLL_BACK: Role.EDITOR,
    Permission.BYPASS_REVIEW: Role.ADMIN,
}
# Whoever may only look gets such a right by name alone.
LEAST_ROLES: Final = (Role.EDITOR, Role.REVIEWER, Role.ADMIN)


def granted(role: Role, apart: Mapping[Permission, Role | None] = APART) -> frozenset[Permission]:
    """What a role brings, where the rights that stand apart come from these roles upwards."""
    return GRANTS[role] | {
        right for right, least in apart.items() if least and GRANTS[least] <= GRANTS[role]
    }

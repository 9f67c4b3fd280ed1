"""Who may enter where: one row per route and method, with what each of the cast is answered.

A route without a row is a red test (test_routes.py); so is a method that has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CAST: Final = ("owner", "admin", "reviewer", "editor", "viewer", "member", "stranger", "nobody")
# What nobody is answered by pages: the way to sign in, which no page that did as asked answers.
LED_TO_SIGN_IN: Final = "led to sign in"
# From which of the cast downwards a right is missing.
EVERYBODY, MEMBER, VIEWER, EDITOR, ADMIN, OWNER, NOBODY = range(7)
_REACH: Final[Mapping[str, int]] = {
    "owner": OWNER,
    "admin": ADMIN,
    "reviewer": EDITOR,
    "editor": EDITOR,
    "viewer": VIEWER,
    "member": MEMBER,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one route: who may, what it answers them, and with which content.

    Outsiders are told 404, so that they cannot tell what exists; insiders without the right, 403.
    Nobody is led to the sign-in page, or told 401 where machines ask.
    """

    method: str
    route: str
    least: int
    answer: int
    content: Mapping[str, Any] | None = None
    version: object = None
    but: Mapping[str, int] = field(default_factory=dict)
    at: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_rest(self) -> bool:
        """Whether a machine asks."""
        return self.route.startswith("api/v1/")

    def expected(self) -> dict[str, int | str]:
        """What each of the cast is answered."""
        outside = MEMBER if "<str:project>" in self.route else EVERYBODY
        found: dict[str, int | str] = {name: self._inside(_REACH[name], outside) for name in _REACH}
        found["stranger"] = 404 if "<str:organization>" in self.route else self.answer
        found["nobody"] = 401 if self.is_rest else LED_TO_SIGN_IN
        if self.least == EVERYBODY:
            found |= {"stranger": self.answer, "nobody": self.answer}
        return {**found, **self.but}

    def _inside(self, reach: int, outside: int) -> int:
        if reach >= self.least:
            return self.answer
        return 404 if reach <= outside else 403


@dataclass(frozen=True, slots=True)
class Prefix:
    """Routes of a library below one prefix, and why they need no rows of ours."""

    route: str
    reason: str


def do(act: str) -> dict[str, str]:
    """A step of a change request."""
    return {"act": act}


PREFIXES: Final = (
    Prefix("admin/", "Django's admin: `is_staff` opens it, and nobody of the cast has that."),
    Prefix("accounts/", "allauth's own pages: a person sees only what is theirs, no tenant's."),
    Prefix("scim/", "Directories' tokens alone enter; tests/accounts/scim tries every door."),
)

AREA: Final = "org/<str:organization>"
MANAGED: Final = f"{AREA}/projects/<str:project>"
PLACE: Final = "o/<str:organization>/<str:project>/<str:environment>/"
ENVIRONMENTS: Final = f"{PLACE}settings/environments/"
NEW_ORDER: Final = ["production", "staging", "canary", "development"]
FLAG: Final = f"{PLACE}flags/<str:key>/"
RULE: Final = f"{FLAG}rules/<str:rule_id>/"
VARIATION: Final = f"{FLAG}variations/<str:name>/"
SEGMENT: Final = f"{PLACE}segments/<str:key>/"
REQUEST: Final = f"{PLACE}requests/<int:number>/"
ACT: Final = f"{REQUEST}do/<str:act>"
SOURCE: Final = f"{PLACE}sources/<str:key>/"
ONE: Final = f"{PLACE}experiments/<str:key>/"
ORGANIZATION: Final = "api/v1/organizations/<str:organization>"
PROJECT: Final = f"{ORGANIZATION}/projects/<str:project>"
ENVIRONMENT: Final = f"{PROJECT}/environments/<str:environment>"
EXPERIMENT: Final = f"{ENVIRONMENT}/experiments/<str:key>"

NOT_ITS_AUTHOR: Final = {"editor": 403}
DESTINATION: Final = f"{ORGANIZATION}/destinations/<uuid:destination_id>"

RUNNING: Final = {"key": "running"}
FOLLOWED: Final = {"kind": "flag", "key": "quote-form"}
DESTINATION_JSON: Final = {"kind": "webhook", "name": "Chat", "project": "shop"}
APART: Final = {"right": "roll_back"}
DRAFT: Final = {"key": "draft"}
TEXTS: Final = {"key": "headline"}
# The changes that made a flag and a segment.
DEFINING: Final = {"change_id": "{definition_change_id}"}
MAKING: Final = {"change_id": "{segment_change_id}"}
SQL: Final = "SELECT experiment_id, user_id, timestamp, treatment FROM assigned"
SAID: Final = {"expected_version": "3"}
DEFINED: Final = {"expected_version": "1"}
METRIC: Final = {
    "name": "Rate",
    "key": "rate",
    "kind": "proportion",
    "fact": "submitted",
    "direction": "up",
    "delay": "",
    "window": "",
    "version": "1",
}
RULE_FORM: Final = {
    **SAID,
    "clauses": "1",
    "clause-0-group": "0",
    "clause-0-attribute": "country",
    "clause-0-op": "in",
    "clause-0-values": "DE",
    "serve": "on",
    "unit": "user",
    "share": "25",
    "share_unit": "user",
}
SEGMENT_FORM: Final = {"name": "Gold", "unit": "user", "included": "u-9", "clauses": "0"}
SOURCE_FORM: Final = {"name": "Team", "kind": "sqlite", "path": "{file}", "timeout_seconds": "5"}
SOURCE_JSON: Final = {"kind": "sqlite", "settings": {"path": "{file}"}}
PLAN_FORM: Final = {
    "flag": "quote-form",
    "key": "another",
    "name": "Another",
    "unit_type": "user",
    "share": "100",
    "planned_days": "14",
    "version": "1",
}
PLAN_JSON: Final = {
    "flag": "quote-form",
    "arms": [
        {"variation": "off", "weight": 50_000, "is_control": True},
        {"variation": "on", "weight": 50_000},
    ],
    "metrics": [{"metric": "submit-rate", "role": "primary"}],
}
FLAG_JSON: Final = {
    "key": "new",
    "type": "boolean",
    "variations": {"on": True, "off": False},
    "off": "off",
    "fallthrough": "on",
}

PEOPLE_AND_PLACES: Final = (
    # Somebody with one project is led to it; a member who sees none stays at home.
    Row("GET", "", VIEWER, 302, but={"member": 200, "stranger": 302}),
    # Operators alone, unless the installation lets everybody.
    Row("GET", "organizations/new", MEMBER, 403),
    Row("POST", "organizations/new", MEMBER, 403, {"name": "New", "key": "new"}),
    Row("GET", "invitations/<str:secret>/", EVERYBODY, 200, but=dict.fromkeys(CAST[:6], 200)),
    Row(
        "POST",
        "invitations/<str:secret>/",
        EVERYBODY,
        302,
        but={"nobody": 200},
    ),
    Row("GET", f"{AREA}/people/", MEMBER, 200),
    Row("GET", f"{AREA}/people/<uuid:member_id>/", MEMBER, 200),
    Row("POST", f"{AREA}/people/<uuid:member_id>/teams", OWNER, 302, {"teams": "web"}),
    Row("POST", f"{AREA}/people/<uuid:member_id>/owner", OWNER, 302, {"owner": "true"}),
    Row("POST", f"{AREA}/people/<uuid:member_id>/deactivate", OWNER, 302),
    Row("POST", f"{AREA}/people/<uuid:member_id>/reactivate", OWNER, 302),
    Row("POST", f"{AREA}/people/<uuid:member_id>/remove", OWNER, 302),
    Row(
        "POST",
        f"{AREA}/people/<uuid:member_id>/service-tokens/<uuid:service_id>/revoke",
        OWNER,
        302,
    ),
    Row("GET", f"{AREA}/invitations/", OWNER, 200),
    Row("POST", f"{AREA}/invitations/", OWNER, 200, {"uses": "1", "days": "7"}),
    Row("POST", f"{AREA}/invitations/<uuid:invitation_id>/resend", OWNER, 302),
    Row("POST", f"{AREA}/invitations/<uuid:invitation_id>/revoke", OWNER, 302),
    Row("GET", f"{AREA}/teams/", MEMBER, 200),
    Row("POST", f"{AREA}/teams/", OWNER, 302, {"name": "Data", "key": "data"}),
    Row("GET", f"{AREA}/teams/<str:team>/", MEMBER, 200),
    Row("POST", f"{AREA}/teams/<str:team>/", OWNER, 302, {"name": "Web two"}),
    Row("POST", f"{AREA}/teams/<str:team>/members", OWNER, 302),
    Row("POST", f"{AREA}/teams/<str:team>/delete", OWNER, 302),
    Row("GET", f"{AREA}/access-requests/", MEMBER, 200),
    Row(
        "POST",
        f"{AREA}/access-requests/",
        MEMBER,
        302,
        {"project": "nothing", "role": "viewer"},
    ),
    Row("GET", f"{AREA}/settings/", MEMBER, 200),
    Row("POST", f"{AREA}/settings/", OWNER, 302, {"name": "Solar"}),
    Row("POST", f"{AREA}/settings/transfer", OWNER, 302, {"heir": "{member_id}"}),
    # The last owner has to hand the organization over first.
    Row("POST", f"{AREA}/settings/leave", MEMBER, 302, but={"owner": 409}),
    Row("GET", f"{MANAGED}/", VIEWER, 200),
    Row("POST", f"{MANAGED}/", ADMIN, 302, {"name": "Shop"}),
    Row("POST", f"{MANAGED}/people", ADMIN, 302, {"member": "{member_id}", "role": "viewer"}),
    Row("POST", f"{MANAGED}/teams", ADMIN, 302, {"team": "web", "role": "viewer"}),
    Row("POST", f"{MANAGED}/rights", ADMIN, 302, {"right": "roll_back", "least_role": ""}),
    Row("POST", f"{MANAGED}/rights/named", ADMIN, 302, {"right": "roll_back", "who": "team:web"}),
    Row("POST", f"{MANAGED}/invite", ADMIN, 200, {"role": "viewer", "uses": "1", "days": "7"}),
    Row("POST", f"{MANAGED}/invitations/<uuid:invitation_id>/resend", ADMIN, 302),
    Row("POST", f"{MANAGED}/invitations/<uuid:invitation_id>/revoke", ADMIN, 302),
    Row(
        "POST",
        f"{MANAGED}/access-requests/<uuid:request_id>/approve",
        ADMIN,
        302,
        {"role": "editor"},
    ),
    Row(
        "POST",
        f"{MANAGED}/access-requests/<uuid:request_id>/decline",
        ADMIN,
        302,
        {"answer": "Not now."},
    ),
    Row("GET", "o/<str:organization>/projects/new", MEMBER, 200),
    Row(
        "POST",
        "o/<str:organization>/projects/new",
        MEMBER,
        302,
        {"key": "other", "name": "Other"},
    ),
    Row("GET", "o/<str:organization>/<str:project>/", VIEWER, 302),
    Row("GET", f"{PLACE}keys/", VIEWER, 200),
    Row("POST", f"{PLACE}keys/", ADMIN, 200, {"label": "shop", "kind": "server"}),
    Row("POST", f"{PLACE}keys/<uuid:key_id>/revoke", ADMIN, 302),
    Row("GET", f"{PLACE}tokens/", VIEWER, 200),
    # The password is asked for first.
    Row("POST", f"{PLACE}tokens/", VIEWER, 302, {"label": "script"}),
    # A token is its person's: nobody else's can be revoked.
    Row(
        "POST",
        f"{PLACE}tokens/<uuid:token_id>/revoke",
        OWNER,
        302,
        but=dict.fromkeys(CAST[1:7], 404),
    ),
    Row(
        "POST",
        f"{PLACE}service-tokens/",
        ADMIN,
        302,
        {"service-label": "deploy", "service-role": "viewer"},
    ),
    Row("POST", f"{PLACE}service-tokens/<uuid:service_id>/revoke", ADMIN, 302),
    Row("GET", "account/profile/", MEMBER, 200),
    Row("POST", "account/profile/", MEMBER, 302, {"name": "Somebody"}),
    Row("GET", "account/second-factor/", MEMBER, 200),
    # Nothing is being set up, so there is no picture of it.
    Row("GET", "account/second-factor/code.svg", MEMBER, 404),
    Row("GET", "account/sessions/", MEMBER, 200),
    Row("POST", "account/sessions/end-others", MEMBER, 302),
    Row(
        "POST",
        "account/sessions/<int:session_id>/end",
        OWNER,
        302,
        but=dict.fromkeys(CAST[1:7], 404),
    ),
    Row("GET", "account/tokens/", MEMBER, 200),
    Row(
        "POST",
        "account/tokens/<uuid:token_id>/revoke",
        OWNER,
        302,
        but=dict.fromkeys(CAST[1:7], 404),
    ),
    Row("GET", f"{AREA}/directory/", OWNER, 200),
    # The password is asked for first.
    Row("POST", f"{AREA}/directory/tokens", OWNER, 302, {"label": "Okta"}),
    Row("POST", f"{AREA}/directory/tokens/<uuid:directory_token_id>/revoke", OWNER, 302),
    Row("GET", ENVIRONMENTS, VIEWER, 200),
    Row("POST", ENVIRONMENTS, ADMIN, 302, {"name": "Beta", "key": "beta", "color": "blue"}),
    Row("POST", f"{ENVIRONMENTS}move", ADMIN, 302, {"key": "staging", "to": "later"}),
    Row("GET", f"{ENVIRONMENTS}<str:key>/", VIEWER, 200),
    Row("POST", f"{ENVIRONMENTS}<str:key>/", ADMIN, 302, {"name": "Canary", "color": "green"}),
    Row("POST", f"{ENVIRONMENTS}<str:key>/archive", ADMIN, 302, {"typed": "canary"}),
    Row("POST", f"{ENVIRONMENTS}<str:key>/unarchive", ADMIN, 302, at={"key": "attic"}),
    Row("GET", f"{PLACE}audit/", VIEWER, 200),
    Row("GET", f"{PLACE}audit/<int:sequence>/", VIEWER, 200),
    Row("POST", f"{PLACE}audit/export", VIEWER, 200, {"format": "csv"}),
    Row("GET", "org/<str:organization>/audit/", OWNER, 200, but={"member": 403}),
    Row("GET", "org/<str:organization>/audit/<int:sequence>/", OWNER, 200, but={"member": 403}),
    Row(
        "POST",
        "org/<str:organization>/audit/export",
        OWNER,
        200,
        {"format": "csv"},
        but={"member": 403},
    ),
    Row("GET", "api/", EVERYBODY, 200),
    Row("GET", "docs/errors", EVERYBODY, 200),
    Row("GET", "api/v1/schema", EVERYBODY, 200),
)

# Max wrote the request: nobody approves their own, and only authors and admins take one back.
REQUESTS: Final = (
    Row("GET", f"{PLACE}compare/", VIEWER, 302),
    Row("GET", f"{PLACE}compare/<str:other>/", VIEWER, 200),
    Row(
        "POST",
        f"{PLACE}compare/<str:other>/",
        EDITOR,
        303,
        {"flag": "{flag_seen}", "with_switch": "on"},
    ),
    Row("GET", f"{PLACE}requests/", VIEWER, 200),
    Row("GET", f"{PLACE}requests/count", VIEWER, 200),
    Row("GET", REQUEST, VIEWER, 200),
    Row("GET", f"{REQUEST}impact", VIEWER, 200),
    Row("GET", f"{REQUEST}edit", EDITOR, 200),
    Row("POST", f"{REQUEST}edit", EDITOR, 303, {"revision": "1", "parts": "{parts}"}),
    Row("GET", f"{REQUEST}schedule", EDITOR, 200),
    Row("POST", f"{REQUEST}schedule", EDITOR, 303, {"at": "2090-01-02T10:00", "zone": "UTC"}),
    Row(
        "POST",
        ACT,
        EDITOR,
        303,
        {"content_hash": "{content_hash}"},
        but=NOT_ITS_AUTHOR,
        at=do("approve"),
    ),
    Row(
        "POST", ACT, EDITOR, 303, {"comment": "Less"}, but=NOT_ITS_AUTHOR, at=do("request-changes")
    ),
    Row("POST", ACT, EDITOR, 303, {"reason": "No"}, but=NOT_ITS_AUTHOR, at=do("reject")),
    Row("POST", ACT, EDITOR, 303, but={"reviewer": 403}, at=do("withdraw")),
    Row("POST", ACT, VIEWER, 303, {"text": "Why?"}, at=do("comment")),
    Row("POST", ACT, EDITOR, 303, {"content_hash": "{content_hash}"}, at=do("apply")),
    Row("POST", ACT, ADMIN, 303, {"reason": "Fire", "place": "production"}, at=do("bypass")),
    # It went past no review, and is no draft.
    Row("POST", ACT, EDITOR, 409, but=NOT_ITS_AUTHOR, at=do("look-at")),
    Row("POST", ACT, VIEWER, 409, at=do("discard")),
    Row("POST", ACT, VIEWER, 409, at=do("send")),
    Row("POST", ACT, EDITOR, 303, at=do("unschedule")),
    Row("POST", ACT, EDITOR, 303, {"revision": "1"}, at=do("rebase")),
    Row("POST", ACT, EDITOR, 303, {"revision": "1", "part": "1"}, at=do("drop")),
    Row("GET", f"{PLACE}schedules/", VIEWER, 200),
    Row("GET", f"{PLACE}settings/review/", VIEWER, 200),
    Row(
        "POST",
        f"{PLACE}settings/review/<str:what>",
        ADMIN,
        303,
        {"approvals-expected_version": "0", "approvals-approvals": "1"},
        at={"what": "approvals"},
    ),
)

FLAGS: Final = (
    Row("GET", f"{PLACE}flags/", VIEWER, 200),
    Row("GET", f"{PLACE}new-flag/", EDITOR, 200),
    Row(
        "POST",
        f"{PLACE}new-flag/",
        EDITOR,
        303,
        {"name": "New", "key": "new", "type": "boolean", "expected_version": "0"},
    ),
    Row("GET", f"{PLACE}new-flag/key", VIEWER, 200),
    Row("GET", FLAG, VIEWER, 200),
    Row("GET", f"{FLAG}switch", EDITOR, 200),
    Row("POST", f"{FLAG}switch", EDITOR, 303, {**SAID, "on": "false"}),
    Row("GET", f"{FLAG}switch-row", EDITOR, 200),
    Row("POST", f"{FLAG}switch-row", EDITOR, 303, {**SAID, "on": "false"}),
    Row("GET", f"{FLAG}kill", EDITOR, 200),
    Row("POST", f"{FLAG}kill", EDITOR, 303, {"reason": "It hurts", "environment": "production"}),
    Row("GET", f"{FLAG}propagation", VIEWER, 200),
    Row("GET", f"{FLAG}serving", EDITOR, 200),
    Row(
        "POST",
        f"{FLAG}serving",
        EDITOR,
        303,
        {**SAID, "serve": "off", "unit": "user", "off": "off"},
    ),
    Row("GET", f"{FLAG}assignments", EDITOR, 200),
    Row(
        "POST",
        f"{FLAG}assignments",
        EDITOR,
        303,
        {**SAID, "unit_type": "user", "variation": "on", "unit_ids": "u-1"},
    ),
    Row("GET", f"{FLAG}unassign", EDITOR, 200),
    Row("POST", f"{FLAG}unassign", EDITOR, 303, {**SAID, "unit": "user", "id": "u-1"}),
    Row("GET", f"{FLAG}requirements", EDITOR, 200),
    Row("POST", f"{FLAG}requirements", EDITOR, 303, SAID),
    Row("GET", f"{FLAG}new-rule", EDITOR, 200),
    Row("POST", f"{FLAG}new-rule", EDITOR, 303, RULE_FORM),
    Row("GET", RULE, EDITOR, 200),
    Row("POST", RULE, EDITOR, 303, RULE_FORM),
    Row("GET", f"{RULE}rollout", EDITOR, 200),
    Row("POST", f"{RULE}rollout", EDITOR, 303, {**SAID, "share": "60"}),
    Row("GET", f"{RULE}move", EDITOR, 200),
    Row("POST", f"{RULE}move", EDITOR, 303, {**SAID, "to": "down"}),
    Row("GET", f"{RULE}remove", EDITOR, 200),
    Row("POST", f"{RULE}remove", EDITOR, 303, SAID),
    Row("GET", f"{FLAG}why", VIEWER, 200),
    Row("POST", f"{FLAG}why", VIEWER, 200, {"context": "u-1", "unit": "user"}),
    Row("GET", f"{FLAG}history", VIEWER, 200),
    Row("GET", f"{FLAG}history/<uuid:change_id>/roll-back", EDITOR, 200),
    Row("POST", f"{FLAG}history/<uuid:change_id>/roll-back", EDITOR, 303, {"reason": "Better"}),
    Row("GET", f"{FLAG}history/<uuid:change_id>/roll-back-definition", EDITOR, 200, at=DEFINING),
    Row(
        "POST",
        f"{FLAG}history/<uuid:change_id>/roll-back-definition",
        EDITOR,
        303,
        {"reason": "Better"},
        at=DEFINING,
    ),
    Row("GET", f"{FLAG}settings", VIEWER, 200),
    Row("GET", f"{FLAG}describe", EDITOR, 200),
    Row("POST", f"{FLAG}describe", EDITOR, 303, {**DEFINED, "name": "Form", "stage": "release"}),
    Row("GET", f"{FLAG}new-variation", EDITOR, 200, at=TEXTS),
    Row(
        "POST",
        f"{FLAG}new-variation",
        EDITOR,
        303,
        {**DEFINED, "variation": "d", "value": "D"},
        at=TEXTS,
    ),
    Row("GET", VARIATION, EDITOR, 200, at=TEXTS),
    Row("POST", VARIATION, EDITOR, 303, {**DEFINED, "value": "Sea"}, at=TEXTS),
    Row("GET", f"{VARIATION}remove", EDITOR, 200, at=TEXTS),
    Row("POST", f"{VARIATION}remove", EDITOR, 303, DEFINED, at=TEXTS),
    Row("GET", f"{FLAG}archive", EDITOR, 200),
    Row("POST", f"{FLAG}archive", EDITOR, 303, DEFINED),
    Row("GET", f"{FLAG}restore", EDITOR, 200, at={"key": "old"}),
    Row("POST", f"{FLAG}restore", EDITOR, 303, {"expected_version": "2"}, at={"key": "old"}),
    Row("GET", f"{PLACE}segments/", VIEWER, 200),
    Row("GET", f"{PLACE}new-segment/", EDITOR, 200),
    Row(
        "POST",
        f"{PLACE}new-segment/",
        EDITOR,
        303,
        {**SEGMENT_FORM, "key": "gold", "expected_version": "0"},
    ),
    Row("GET", SEGMENT, VIEWER, 200),
    Row("GET", f"{SEGMENT}history", VIEWER, 200),
    Row("GET", f"{SEGMENT}history/<uuid:change_id>/roll-back", EDITOR, 200, at=MAKING),
    Row(
        "POST",
        f"{SEGMENT}history/<uuid:change_id>/roll-back",
        EDITOR,
        303,
        {"reason": "Better"},
        at=MAKING,
    ),
    Row("GET", f"{SEGMENT}edit", EDITOR, 200),
    Row("POST", f"{SEGMENT}edit", EDITOR, 303, {**SEGMENT_FORM, **DEFINED}),
    Row("GET", f"{SEGMENT}archive", EDITOR, 200),
    Row("POST", f"{SEGMENT}archive", EDITOR, 303, DEFINED),
    Row("GET", f"{PLACE}connected/", VIEWER, 200),
    Row("GET", f"{PLACE}connected/panel", VIEWER, 200),
)

METRICS: Final = (
    Row("GET", f"{PLACE}metrics/", VIEWER, 200),
    Row("GET", f"{PLACE}metrics/-/new", EDITOR, 200),
    Row("POST", f"{PLACE}metrics/-/new", EDITOR, 303, METRIC),
    Row("GET", f"{PLACE}metrics/<str:key>/", VIEWER, 200),
    Row("POST", f"{PLACE}metrics/<str:key>/", EDITOR, 303, METRIC),
    Row("GET", f"{PLACE}metrics/<str:key>/history", VIEWER, 200),
    Row("POST", f"{PLACE}metrics/<str:key>/archive", EDITOR, 303),
    Row("GET", f"{PLACE}facts/-/new", EDITOR, 200),
    Row(
        "POST",
        f"{PLACE}facts/-/new",
        EDITOR,
        303,
        {"name": "New", "key": "new", "event_name": "new", "filters": "0"},
    ),
    Row("GET", f"{PLACE}facts/<str:key>/", VIEWER, 200),
    Row("POST", f"{PLACE}facts/<str:key>/", EDITOR, 303, {"name": "Sent", "event_name": "sent"}),
    Row("GET", f"{PLACE}sources/", VIEWER, 200),
    Row("GET", f"{PLACE}sources/-/new", ADMIN, 200),
    Row("POST", f"{PLACE}sources/-/new", ADMIN, 303, {**SOURCE_FORM, "key": "second"}),
    Row("GET", SOURCE, VIEWER, 200),
    Row("GET", f"{SOURCE}edit", ADMIN, 200),
    Row("POST", f"{SOURCE}edit", ADMIN, 303, SOURCE_FORM),
    Row("POST", f"{SOURCE}check", EDITOR, 303),
    Row("POST", f"{SOURCE}disconnect", ADMIN, 303),
    Row("POST", f"{SOURCE}validate/<str:contract>", EDITOR, 200, {"sql": SQL}),
    Row("GET", f"{SOURCE}assignments/-/new", EDITOR, 200),
    Row(
        "POST",
        f"{SOURCE}assignments/-/new",
        EDITOR,
        303,
        {"name": "Again", "key": "again", "unit_type": "user", "sql": SQL},
    ),
    Row("GET", f"{PLACE}assignments/<str:key>/", VIEWER, 200),
    Row(
        "POST",
        f"{PLACE}assignments/<str:key>/",
        EDITOR,
        303,
        {"sql": SQL, "name": "Assigned", "unit_type": "user"},
    ),
)

EXPERIMENTS: Final = (
    Row("GET", f"{PLACE}experiments/", VIEWER, 200),
    Row("GET", f"{PLACE}experiments/-/new", EDITOR, 200),
    Row("POST", f"{PLACE}experiments/-/new", EDITOR, 422, PLAN_FORM),
    Row("GET", f"{PLACE}experiments/-/on-flag/<str:flag>", VIEWER, 200),
    Row("GET", f"{PLACE}experiments/-/metric-uses", VIEWER, 200),
    Row("GET", ONE, VIEWER, 200, at=RUNNING),
    Row("GET", f"{ONE}plan", VIEWER, 200, at=RUNNING),
    Row("GET", f"{ONE}sql", VIEWER, 200, at=RUNNING),
    Row("GET", f"{ONE}history", VIEWER, 200, at=RUNNING),
    Row("GET", f"{ONE}edit", EDITOR, 200, at=DRAFT),
    Row("POST", f"{ONE}edit", EDITOR, 422, PLAN_FORM, at=DRAFT),
    Row("POST", f"{ONE}start", EDITOR, 303, at=DRAFT),
    Row("POST", f"{ONE}stop", EDITOR, 303, {"stop-reason": "Enough"}, at=RUNNING),
    Row("POST", f"{ONE}decide", EDITOR, 303, {"choice": "roll back:", "reason": "No"}, at=RUNNING),
    Row("GET", f"{ONE}growth", VIEWER, 200, at=RUNNING),
    Row("POST", f"{ONE}ask/<str:kind>", VIEWER, 303, at=RUNNING),
    Row("GET", f"{ONE}jobs/<uuid:job_id>", VIEWER, 200, at=RUNNING),
    Row("GET", f"{ONE}results/<uuid:result_id>", VIEWER, 200, at=RUNNING),
)

# A destination for a project: its admins look after it, and the organization's owners.
NOTIFICATIONS: Final = (
    Row("GET", f"{AREA}/inbox/", MEMBER, 200),
    Row("GET", f"{AREA}/inbox/wishes/", MEMBER, 200),
    Row("POST", f"{AREA}/inbox/wishes/", MEMBER, 302, {"review": "daily"}),
    Row("POST", f"{AREA}/inbox/read-all", MEMBER, 302),
    # A line is its reader's alone.
    Row("GET", f"{AREA}/inbox/<uuid:notice_id>/", OWNER, 302, but=dict.fromkeys(CAST[1:7], 404)),
    # The signed link in a letter is the proof.
    Row("GET", "notices/leave/<str:leaving_token>/", EVERYBODY, 200),
    Row("POST", "notices/leave/<str:leaving_token>/", EVERYBODY, 200),
    Row("GET", f"{PLACE}follow/<str:kind>/<str:key>/", VIEWER, 200, at=FOLLOWED),
    Row("POST", f"{PLACE}follow/<str:kind>/<str:key>/", VIEWER, 302, {"on": "true"}, at=FOLLOWED),
    *(
        Row(method, f"{at}/notifications/{route}", least, answer, content, at={"kind": "slack"})
        for at, least in ((AREA, OWNER), (f"{AREA}/projects/<str:project>", ADMIN))
        for method, route, answer, content in (
            ("GET", "", 200, None),
            ("GET", "new/<str:kind>/", 200, None),
            ("POST", "new/<str:kind>/", 200, {"name": "Chat", "url": "https://1.1.1.1/"}),
            ("GET", "<uuid:destination_id>/", 200, None),
            ("GET", "<uuid:destination_id>/edit", 200, None),
            ("POST", "<uuid:destination_id>/edit", 302, {"name": "Chat", "project": "shop"}),
            ("POST", "<uuid:destination_id>/test", 302, None),
            ("POST", "<uuid:destination_id>/rotate", 200, None),
            ("POST", "<uuid:destination_id>/switch", 302, None),
            ("POST", "<uuid:destination_id>/remove", 302, None),
            (
                "POST",
                "<uuid:destination_id>/deliveries/<uuid:delivery_id>/redeliver",
                302,
                None,
            ),
        )
    ),
)

REST_PEOPLE: Final = (
    Row("GET", "api/v1/me", MEMBER, 200),
    Row("GET", "api/v1/organizations", MEMBER, 200),
    Row("GET", ORGANIZATION, MEMBER, 200),
    Row("GET", f"{ORGANIZATION}/tokens", MEMBER, 200),
    Row("POST", f"{ORGANIZATION}/tokens", MEMBER, 201, {"label": "script"}),
    Row(
        "DELETE",
        f"{ORGANIZATION}/tokens/<uuid:token_id>",
        OWNER,
        204,
        but=dict.fromkeys(CAST[1:7], 404),
    ),
    Row("GET", f"{ORGANIZATION}/service-tokens", OWNER, 200),
    Row(
        "POST",
        f"{ORGANIZATION}/service-tokens",
        ADMIN,
        201,
        {"label": "deploy", "role": "viewer", "projects": ["shop"]},
        but={"member": 404},
    ),
    Row("DELETE", f"{ORGANIZATION}/service-tokens/<uuid:service_id>", OWNER, 204),
    Row("GET", f"{ORGANIZATION}/projects", MEMBER, 200),
    Row("POST", f"{ORGANIZATION}/projects", MEMBER, 201, {"key": "other", "name": "Other"}),
    Row("GET", f"{ORGANIZATION}/settings", MEMBER, 200),
    Row(
        "PATCH",
        f"{ORGANIZATION}/settings",
        OWNER,
        200,
        {"name": "Solar"},
        version="{settings_version}",
    ),
    Row("GET", f"{ORGANIZATION}/members", MEMBER, 200),
    Row("GET", f"{ORGANIZATION}/members/<uuid:member_id>", MEMBER, 200),
    Row(
        "PATCH",
        f"{ORGANIZATION}/members/<uuid:member_id>",
        OWNER,
        200,
        {"is_owner": True},
        version="{member_version}",
    ),
    Row(
        "DELETE",
        f"{ORGANIZATION}/members/<uuid:member_id>",
        OWNER,
        204,
        version="{member_version}",
    ),
    Row("GET", f"{ORGANIZATION}/teams", MEMBER, 200),
    Row("POST", f"{ORGANIZATION}/teams", OWNER, 201, {"key": "data", "name": "Data"}),
    Row("GET", f"{ORGANIZATION}/teams/<str:team>", MEMBER, 200),
    Row(
        "PATCH",
        f"{ORGANIZATION}/teams/<str:team>",
        OWNER,
        200,
        {"name": "Web two", "members": []},
        version="{team_version}",
    ),
    Row("DELETE", f"{ORGANIZATION}/teams/<str:team>", OWNER, 204, version="{team_version}"),
    Row("GET", f"{ORGANIZATION}/invitations", OWNER, 200),
    Row(
        "POST",
        f"{ORGANIZATION}/invitations",
        OWNER,
        201,
        {
            "emails": ["somebody@solar.example"],
            "roles": [{"project": "shop", "role": "viewer"}],
            "teams": ["web"],
            "days": 7,
            "uses": 1,
        },
    ),
    Row("DELETE", f"{ORGANIZATION}/invitations/<uuid:invitation_id>", OWNER, 204),
    Row("POST", f"{ORGANIZATION}/invitations/<uuid:invitation_id>/letter", OWNER, 200),
    Row("GET", f"{ORGANIZATION}/access-requests", MEMBER, 200),
    Row("POST", f"{ORGANIZATION}/access-requests", MEMBER, 204, {"project": "nothing"}),
    Row("GET", f"{PROJECT}/members", VIEWER, 200),
    Row("PUT", f"{PROJECT}/members/<uuid:member_id>/role", ADMIN, 204, {"role": "viewer"}),
    Row("DELETE", f"{PROJECT}/members/<uuid:member_id>/role", ADMIN, 204),
    Row("PUT", f"{PROJECT}/teams/<str:team>/role", ADMIN, 204, {"role": "viewer"}),
    Row("DELETE", f"{PROJECT}/teams/<str:team>/role", ADMIN, 204),
    Row("GET", f"{PROJECT}/rights", VIEWER, 200),
    Row("GET", f"{PROJECT}/rights/<str:right>", VIEWER, 200, at=APART),
    Row(
        "PATCH",
        f"{PROJECT}/rights/<str:right>",
        ADMIN,
        200,
        {"least_role": None, "teams": ["web"]},
        version="{right_version}",
        at=APART,
    ),
    Row("GET", f"{PROJECT}/invitations", ADMIN, 200),
    Row("POST", f"{PROJECT}/invitations", ADMIN, 201, {"role": "viewer"}),
    Row("DELETE", f"{PROJECT}/invitations/<uuid:invitation_id>", ADMIN, 204),
    Row(
        "POST",
        f"{PROJECT}/access-requests/<uuid:request_id>/approve",
        ADMIN,
        200,
        {"role": "editor"},
    ),
    Row(
        "POST",
        f"{PROJECT}/access-requests/<uuid:request_id>/decline",
        ADMIN,
        200,
        {"answer": "Not now."},
    ),
    Row("GET", PROJECT, VIEWER, 200),
    Row("PATCH", PROJECT, ADMIN, 200, {"name": "Shop"}, version="{project_version}"),
    Row("GET", f"{PROJECT}/environments", VIEWER, 200),
    Row("POST", f"{PROJECT}/environments", ADMIN, 201, {"key": "beta", "name": "Beta"}),
    Row("PUT", f"{PROJECT}/environment-order", ADMIN, 204, {"keys": NEW_ORDER}),
    Row("GET", ENVIRONMENT, VIEWER, 200),
    Row("PATCH", ENVIRONMENT, ADMIN, 200, {"name": "Live"}, version="{environment_version}"),
    Row(
        "POST",
        f"{ENVIRONMENT}/archive",
        ADMIN,
        200,
        {"confirm": "canary"},
        at={"environment": "canary"},
    ),
    Row("POST", f"{ENVIRONMENT}/unarchive", ADMIN, 200, at={"environment": "attic"}),
    Row("GET", f"{PROJECT}/history", VIEWER, 200),
    Row("GET", f"{PROJECT}/history/<int:sequence>", VIEWER, 200),
    Row("GET", f"{PROJECT}/history/export", VIEWER, 200),
    Row("GET", f"{ORGANIZATION}/history", OWNER, 200, but={"member": 403}),
    Row("GET", f"{ORGANIZATION}/history/export", OWNER, 200, but={"member": 403}),
    Row("GET", f"{ORGANIZATION}/history/<int:sequence>", OWNER, 200, but={"member": 403}),
    Row("GET", f"{ENVIRONMENT}/sdk-keys", VIEWER, 200),
    Row("POST", f"{ENVIRONMENT}/sdk-keys", ADMIN, 201, {"kind": "client", "label": "shop"}),
    Row("DELETE", f"{ENVIRONMENT}/sdk-keys/<uuid:key_id>", ADMIN, 204),
)

HOLIDAYS: Final = {"from": "2090-12-24T00:00", "to": "2090-12-27T00:00", "time_zone": "UTC"}
POLICY_JSON: Final = {"approvals": 1, "reviewers": [], "frozen": False, "freezes": [HOLIDAYS]}
STEWARDS_JSON: Final = {"stewards": [{"kind": "flag", "key": "banner", "approvals": 1}]}
REST_FLAGS: Final = (
    Row("GET", f"{PROJECT}/flags", VIEWER, 200),
    Row("POST", f"{PROJECT}/flags", EDITOR, 201, FLAG_JSON),
    Row("GET", f"{PROJECT}/flags/<str:key>", VIEWER, 200),
    Row(
        "PATCH",
        f"{PROJECT}/flags/<str:key>",
        EDITOR,
        200,
        {"edits": [{"edit": "set_tags", "tags": ["shop"]}]},
        version=1,
    ),
    Row("GET", f"{PROJECT}/flags/<str:key>/changes", VIEWER, 200),
    Row(
        "POST",
        f"{PROJECT}/flags/<str:key>/roll-back",
        EDITOR,
        200,
        {"change": "{definition_change_id}", "reason": "It was better"},
        version=1,
    ),
    Row("GET", f"{ENVIRONMENT}/flags/<str:key>", VIEWER, 200),
    Row(
        "PATCH",
        f"{ENVIRONMENT}/flags/<str:key>",
        EDITOR,
        200,
        {"edits": [{"edit": "turn_off"}]},
        version=3,
    ),
    Row("GET", f"{ENVIRONMENT}/flags/<str:key>/changes", VIEWER, 200),
    Row(
        "POST",
        f"{ENVIRONMENT}/flags/<str:key>/roll-back",
        EDITOR,
        200,
        {"change": "{change_id}", "reason": "It was better"},
        version=3,
    ),
    Row("POST", f"{ENVIRONMENT}/flags/<str:key>/evaluate", VIEWER, 200, {"context": {}}),
    Row("GET", f"{PROJECT}/segments", VIEWER, 200),
    Row("POST", f"{PROJECT}/segments", EDITOR, 201, {"key": "gold"}),
    Row("GET", f"{PROJECT}/segments/<str:key>", VIEWER, 200),
    Row(
        "PATCH",
        f"{PROJECT}/segments/<str:key>",
        EDITOR,
        200,
        {"edits": [{"edit": "archive_segment"}]},
        version=1,
    ),
    Row("GET", f"{PROJECT}/segments/<str:key>/changes", VIEWER, 200),
    Row(
        "POST",
        f"{PROJECT}/segments/<str:key>/roll-back",
        EDITOR,
        200,
        {"change": "{segment_change_id}", "reason": "It was better"},
        version=1,
    ),
    Row("GET", f"{PROJECT}/units", VIEWER, 200),
    Row(
        "PUT",
        f"{PROJECT}/units",
        ADMIN,
        200,
        {"units": [{"name": "user", "attributes": ["userId"]}]},
        version=0,
    ),
    Row("GET", f"{PROJECT}/stewards", VIEWER, 200),
    Row("PUT", f"{PROJECT}/stewards", ADMIN, 200, STEWARDS_JSON, version=0),
    Row("GET", f"{ENVIRONMENT}/review-policy", VIEWER, 200),
    Row("PUT", f"{ENVIRONMENT}/review-policy", ADMIN, 200, POLICY_JSON, version=0),
    Row("GET", f"{PROJECT}/changes/<uuid:change_id>", VIEWER, 200),
    Row("GET", f"{ENVIRONMENT}/connections", VIEWER, 200),
)

REST_REQUEST: Final = f"{PROJECT}/requests/<int:number>"
PROPOSED: Final = {
    "parts": [
        {
            "target": {"kind": "definition", "key": "quote-form"},
            "edits": [{"edit": "set_client_side", "client_side": True}],
            "expected_version": 1,
        }
    ]
}
# Of the request in the furnished world the editor is the author.
REST_REQUESTS: Final = (
    Row("POST", f"{ENVIRONMENT}/flags/<str:key>/kill", EDITOR, 200, {"reason": "It hurts"}),
    Row("GET", f"{PROJECT}/requests", VIEWER, 200),
    Row("POST", f"{PROJECT}/requests", EDITOR, 202, PROPOSED),
    Row("GET", REST_REQUEST, VIEWER, 200),
    Row("GET", f"{REST_REQUEST}/impact", VIEWER, 200),
    Row("PUT", REST_REQUEST, EDITOR, 200, PROPOSED, version=1),
    Row("POST", f"{REST_REQUEST}/open", VIEWER, 409),
    Row("POST", f"{REST_REQUEST}/discard", VIEWER, 409),
    Row(
        "POST",
        f"{REST_REQUEST}/approve",
        EDITOR,
        202,
        {"content_hash": "{content_hash}"},
        but=NOT_ITS_AUTHOR,
    ),
    Row(
        "POST",
        f"{REST_REQUEST}/request-changes",
        EDITOR,
        200,
        {"comment": "Less", "content_hash": "{content_hash}"},
        but=NOT_ITS_AUTHOR,
    ),
    Row(
        "POST",
        f"{REST_REQUEST}/reject",
        EDITOR,
        200,
        {"reason": "No", "content_hash": "{content_hash}"},
        but=NOT_ITS_AUTHOR,
    ),
    Row("POST", f"{REST_REQUEST}/withdraw", EDITOR, 200, but={"reviewer": 403}),
    Row("POST", f"{REST_REQUEST}/comments", VIEWER, 200, {"comment": "Why?"}),
    Row("POST", f"{REST_REQUEST}/rebase", EDITOR, 200),
    Row("POST", f"{REST_REQUEST}/schedule", EDITOR, 200, {"at": "2090-01-02T10:00"}),
    Row("POST", f"{REST_REQUEST}/unschedule", EDITOR, 200),
    Row("POST", f"{REST_REQUEST}/apply", EDITOR, 200),
    Row("POST", f"{REST_REQUEST}/bypass", ADMIN, 200, {"reason": "Fire"}),
    # It went past no review.
    Row("POST", f"{REST_REQUEST}/look-at", EDITOR, 409, but=NOT_ITS_AUTHOR),
)

REST_METRICS: Final = (
    Row("GET", f"{PROJECT}/event-sources", VIEWER, 200),
    Row("POST", f"{PROJECT}/event-sources", ADMIN, 201, {**SOURCE_JSON, "key": "second"}),
    Row("GET", f"{PROJECT}/event-sources/<str:key>", VIEWER, 200),
    Row("PUT", f"{PROJECT}/event-sources/<str:key>", ADMIN, 200, SOURCE_JSON, version="{source}"),
    Row("DELETE", f"{PROJECT}/event-sources/<str:key>", ADMIN, 204, version="{source}"),
    Row("POST", f"{PROJECT}/event-sources/<str:key>/test", EDITOR, 200),
    Row(
        "POST",
        f"{PROJECT}/event-sources/<str:key>/validate",
        EDITOR,
        200,
        {"sql": SQL, "contract": "assignment"},
    ),
    Row("GET", f"{PROJECT}/assignment-queries", VIEWER, 200),
    Row(
        "POST",
        f"{PROJECT}/assignment-queries",
        EDITOR,
        201,
        {"key": "again", "source": "team", "sql": SQL},
    ),
    Row("GET", f"{PROJECT}/assignment-queries/<str:key>", VIEWER, 200),
    Row(
        "PUT",
        f"{PROJECT}/assignment-queries/<str:key>",
        EDITOR,
        200,
        {"sql": SQL},
        version="{query}",
    ),
    Row("GET", f"{PROJECT}/facts", VIEWER, 200),
    Row("POST", f"{PROJECT}/facts", EDITOR, 201, {"key": "new", "event_name": "new"}),
    Row("GET", f"{PROJECT}/facts/<str:key>", VIEWER, 200),
    Row(
        "PUT",
        f"{PROJECT}/facts/<str:key>",
        EDITOR,
        200,
        {"event_name": "sent"},
        version="{fact}",
    ),
    Row("GET", f"{PROJECT}/metrics", VIEWER, 200),
    Row(
        "POST",
        f"{PROJECT}/metrics",
        EDITOR,
        201,
        {"key": "new", "kind": "count", "fact": "submitted"},
    ),
    Row("GET", f"{PROJECT}/metrics/<str:key>", VIEWER, 200),
    Row(
        "PUT",
        f"{PROJECT}/metrics/<str:key>",
        EDITOR,
        200,
        {"kind": "count", "fact": "submitted"},
        version=1,
    ),
    Row("POST", f"{PROJECT}/metrics/<str:key>/archive", EDITOR, 200, version=1),
    Row("GET", f"{ENVIRONMENT}/event-names", VIEWER, 200),
)

REST_EXPERIMENTS: Final = (
    Row("GET", f"{ENVIRONMENT}/experiments", VIEWER, 200),
    Row("POST", f"{ENVIRONMENT}/experiments", EDITOR, 201, {**PLAN_JSON, "key": "another"}),
    Row("GET", EXPERIMENT, VIEWER, 200, at=RUNNING),
    Row("PUT", EXPERIMENT, EDITOR, 200, PLAN_JSON, version=1, at=DRAFT),
    Row("POST", f"{EXPERIMENT}/start", EDITOR, 200, version=1, at=DRAFT),
    Row("POST", f"{EXPERIMENT}/stop", EDITOR, 200, {"reason": "Enough"}, version=1, at=RUNNING),
    Row(
        "POST",
        f"{EXPERIMENT}/decide",
        EDITOR,
        200,
        {"choice": "roll back", "reason": "No"},
        version=1,
        at=RUNNING,
    ),
    Row("POST", f"{EXPERIMENT}/jobs", VIEWER, 202, {"kind": "analysis"}, at=RUNNING),
    Row("GET", f"{EXPERIMENT}/jobs/<uuid:job_id>", VIEWER, 200, at=RUNNING),
    Row("GET", f"{EXPERIMENT}/results", VIEWER, 200, at=RUNNING),
    Row("GET", f"{EXPERIMENT}/results/<uuid:result_id>", VIEWER, 200, at=RUNNING),
    Row("GET", f"{EXPERIMENT}/exposures", VIEWER, 200, at=RUNNING),
)

REST_NOTIFICATIONS: Final = (
    Row("GET", f"{ORGANIZATION}/notices", MEMBER, 200),
    Row("POST", f"{ORGANIZATION}/notices/read", MEMBER, 204),
    Row(
        "POST",
        f"{ORGANIZATION}/notices/<uuid:notice_id>/read",
        OWNER,
        200,
        but=dict.fromkeys(CAST[1:7], 404),
    ),
    Row("GET", f"{ORGANIZATION}/notice-wishes", MEMBER, 200),
    Row("PATCH", f"{ORGANIZATION}/notice-wishes", MEMBER, 200, {"wishes": {"review": "daily"}}),
    Row("GET", f"{ORGANIZATION}/destinations", OWNER, 200),
    Row(
        "POST",
        f"{ORGANIZATION}/destinations",
        ADMIN,
        201,
        {"kind": "slack", "name": "Chat", "project": "shop", "url": "https://1.1.1.1/"},
        but={"member": 404},
    ),
    # Who cannot see the project cannot see its destination either.
    *(
        Row(method, f"{DESTINATION}{route}", ADMIN, answer, content, version, {"member": 404})
        for method, route, answer, content, version in (
            ("GET", "", 200, None, None),
            ("PUT", "", 200, DESTINATION_JSON, "{destination_version}"),
            ("DELETE", "", 204, None, None),
            ("POST", "/secret", 200, None, None),
            ("POST", "/test", 200, None, None),
            ("PUT", "/active", 200, None, None),
            ("DELETE", "/active", 200, None, None),
            ("GET", "/deliveries", 200, None, None),
            ("POST", "/deliveries/<uuid:delivery_id>/redeliver", 202, None, None),
        )
    ),
)

SIGN_IN: Final = f"{AREA}/sign-in"
PROVIDER: Final = f"{SIGN_IN}/providers/<str:key>"
COMPANY: Final = "sso/<str:key>"
PROVIDER_FORM: Final = {
    "name": "Okta",
    "client_id": "wayfork",
    "signing_algorithm": "RS256",
    "scopes": "openid email",
    "refresh_minutes": "15",
    "session_hours": "12",
}
COMPANY_SIGN_IN: Final = (
    Row("GET", "sso/", MEMBER, 200),
    Row("GET", f"{COMPANY}/login", EVERYBODY, 302),
    # Nobody of the cast has been anywhere: there is no answer to take and nothing to connect.
    Row("GET", f"{COMPANY}/callback", EVERYBODY, 403),
    Row("GET", f"{COMPANY}/renew", EVERYBODY, 302),
    Row("GET", f"{COMPANY}/connect", MEMBER, 302),
    Row("GET", f"{COMPANY}/link", MEMBER, 403),
    Row("POST", f"{COMPANY}/link", MEMBER, 403),
    Row("POST", f"{COMPANY}/disconnect", MEMBER, 302),
    # The signature of the token says who calls.
    Row("POST", f"{COMPANY}/back-channel", EVERYBODY, 400, {"logout_token": "none"}),
    Row("GET", f"{COMPANY}/signed-out", EVERYBODY, 200),
    Row("GET", f"{SIGN_IN}/", OWNER, 200),
    # An address that is never called: discovery says so.
    Row("POST", f"{SIGN_IN}/", OWNER, 422, {"name": "New", "issuer": "http://127.0.0.1:9"}),
    Row(
        "POST",
        f"{SIGN_IN}/break-glass",
        OWNER,
        302,
        {"member": "{owner_id}", "allowed": "true"},
    ),
    Row("POST", f"{SIGN_IN}/domains/", OWNER, 302, {"domain": "panels.example"}),
    Row("POST", f"{SIGN_IN}/domains/<uuid:domain_id>/prove", OWNER, 302),
    Row("POST", f"{SIGN_IN}/domains/<uuid:domain_id>/route", OWNER, 302, {"provider": ""}),
    Row("POST", f"{SIGN_IN}/domains/<uuid:domain_id>/give-up", OWNER, 302),
    Row("GET", f"{PROVIDER}/", OWNER, 200),
    Row("POST", f"{PROVIDER}/", OWNER, 302, PROVIDER_FORM),
    Row("GET", f"{PROVIDER}/test", OWNER, 302),
    Row("POST", f"{PROVIDER}/discover", OWNER, 422),
    Row("POST", f"{PROVIDER}/switch", OWNER, 302, {"on": "false"}),
    Row("POST", f"{PROVIDER}/require", OWNER, 302, {"on": "false"}),
    Row("POST", f"{PROVIDER}/delete", OWNER, 302),
    Row("POST", f"{PROVIDER}/groups/", OWNER, 302, {"group": "leads", "brings": "admin:shop"}),
    Row("POST", f"{PROVIDER}/groups/<uuid:group_id>/remove", OWNER, 302),
    Row("POST", f"{PROVIDER}/people/<uuid:identity_id>/forget", OWNER, 302),
)

NEVER_CALLED: Final = {"name": "New", "issuer": "http://127.0.0.1:9"}
REST_PROVIDER: Final = f"{ORGANIZATION}/providers/<str:key>"
REST_DOMAIN: Final = f"{ORGANIZATION}/domains/<uuid:domain_id>"
REST_COMPANY_SIGN_IN: Final = tuple(
    Row(method, route, OWNER, answer, content, version)
    for method, route, answer, content, version in (
        ("GET", f"{ORGANIZATION}/providers", 200, None, None),
        # An address that is never called: discovery says so.
        ("POST", f"{ORGANIZATION}/providers", 422, NEVER_CALLED, None),
        ("GET", REST_PROVIDER, 200, None, None),
        ("PATCH", REST_PROVIDER, 200, {"session_hours": 8}, "{provider_version}"),
        ("DELETE", REST_PROVIDER, 204, None, "{provider_version}"),
        ("POST", f"{REST_PROVIDER}/discover", 422, None, None),
        ("PUT", f"{REST_PROVIDER}/enabled", 200, None, None),
        ("DELETE", f"{REST_PROVIDER}/enabled", 200, None, None),
        # Nobody could break the glass.
        ("PUT", f"{REST_PROVIDER}/required", 409, None, None),
        ("DELETE", f"{REST_PROVIDER}/required", 200, None, None),
        ("GET", f"{REST_PROVIDER}/groups", 200, None, None),
        ("POST", f"{REST_PROVIDER}/groups", 201, {"group": "all", "team": "web"}, None),
        ("DELETE", f"{REST_PROVIDER}/groups/<uuid:group_id>", 204, None, None),
        ("GET", f"{ORGANIZATION}/domains", 200, None, None),
        ("POST", f"{ORGANIZATION}/domains", 201, {"domain": "panels.example"}, None),
        ("GET", REST_DOMAIN, 200, None, None),
        ("PATCH", REST_DOMAIN, 200, {"provider": ""}, "{domain_version}"),
        ("DELETE", REST_DOMAIN, 204, None, "{domain_version}"),
        ("POST", f"{REST_DOMAIN}/prove", 200, None, None),
        ("PUT", f"{ORGANIZATION}/members/<uuid:owner_id>/break-glass", 204, None, None),
        ("DELETE", f"{ORGANIZATION}/members/<uuid:owner_id>/break-glass", 204, None, None),
    )
)

ROWS: Final = (
    *PEOPLE_AND_PLACES,
    *COMPANY_SIGN_IN,
    *REST_COMPANY_SIGN_IN,
    *NOTIFICATIONS,
    *REST_NOTIFICATIONS,
    *FLAGS,
    *REQUESTS,
    *METRICS,
    *EXPERIMENTS,
    *REST_PEOPLE,
    *REST_FLAGS,
    *REST_REQUESTS,
    *REST_METRICS,
    *REST_EXPERIMENTS,
)


@dataclass(frozen=True, slots=True)
class Limited:
    """A token that was made for less than its person may: as whom of the cast it is answered, and
    where otherwise."""

    like: str
    but: Mapping[tuple[str, str], int] = field(default_factory=dict)


# A token for some projects has no say in the organization at large; a script has nothing of its
# own there, nobody it could ask for, and no eyes.
_AT_LARGE: Final = {
    ("POST", f"{ORGANIZATION}/tokens"): 403,
    ("POST", f"{ORGANIZATION}/projects"): 403,
    ("PATCH", f"{ORGANIZATION}/notice-wishes"): 403,
}
_OF_A_SCRIPT: Final = {
    **_AT_LARGE,
    ("GET", f"{ORGANIZATION}/notice-wishes"): 404,
    ("POST", f"{ORGANIZATION}/access-requests"): 404,
}
LIMITED: Final[Mapping[str, Limited]] = {
    "an owner's for another project": Limited("member", _AT_LARGE),
    "a script's for another project": Limited("member", _OF_A_SCRIPT),
    "a script's of another organization": Limited("stranger"),
    "a script's for this project": Limited(
        "admin",
        {
            **_OF_A_SCRIPT,
            ("POST", f"{ORGANIZATION}/service-tokens"): 403,
            ("POST", f"{PROJECT}/invitations"): 403,
            ("POST", f"{REST_REQUEST}/approve"): 403,
            ("POST", f"{REST_REQUEST}/request-changes"): 403,
            ("POST", f"{REST_REQUEST}/reject"): 403,
            ("POST", f"{REST_REQUEST}/bypass"): 403,
            ("POST", f"{REST_REQUEST}/look-at"): 403,
            # It would apply in nobody's name.
            ("POST", f"{REST_REQUEST}/schedule"): 422,
        },
    ),
}

# Routes outside Django: no cookie counts there, only an SDK key.
#   path -> (method, kinds of key that enter, what they are answered)
SDK_ROUTES: Final[Mapping[str, tuple[str, frozenset[str], int]]] = {
    "/api/v1/sdk/snapshot": ("GET", frozenset({"server"}), 200),
    "/api/v1/sdk/evaluate": ("POST", frozenset({"server", "client"}), 200),
    "/api/v1/sdk/contexts": ("POST", frozenset({"server"}), 202),
    "/api/v1/sdk/events": ("POST", frozenset({"server", "client"}), 202),
    "/api/v1/sdk/stream": ("SOCKET", frozenset({"server", "client"}), 101),
    "/healthz": ("GET", frozenset({"server", "client", "nobody"}), 200),
}

# The sockets of pages: a session cookie and an Origin of ours (tests/accounts/test_live.py).
#   path -> (least of the cast that may listen, the closing code of whoever else)
PAGE_SOCKETS: Final[Mapping[str, tuple[int, int]]] = {"/ws/ui": (VIEWER, 4404)}

"""Lines of the ledger reach the inboxes they concern, once, and are mailed as each member wishes."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import access as tickets
from accounts import audit, holders, inbox, mailing, tail
from accounts.access import Access
from accounts.actions import members
from accounts.actions import notices as acts
from accounts.audit import Subject
from accounts.errors import InvalidInput, NotFound
from accounts.models import AuditEntry, Membership, Notice, Team, TeamMember, TeamRole
from accounts.notices import KINDS
from accounts.permissions import Role
from tests.world.cast import Person, World

pytestmark = pytest.mark.django_db


def act(access: Access, action: str, target: str = "checkout", **line) -> AuditEntry:
    with transaction.atomic():
        entry = audit.record(access, action, target, **line)
    tail.read_all()
    return entry


def step(access: Access, name: str, **more) -> AuditEntry:
    """A step of the change request #12."""
    after = {"change": "c-1", "number": 12, "revision": 1, **more}
    return act(access, f"change.{name}", after=after)


def told(person: Person) -> list[tuple[str, str]]:
    """The person's inbox, newest first."""
    access = tickets.of_member(person.user, person.organization)
    return [(one.kind, one.text) for one in inbox.page(access).notices]


def kinds(person: Person) -> list[str]:
    return [kind for kind, _text in told(person)]


# --- reviews and requests


def test_whoever_may_review_is_asked_and_the_author_is_not(world: World):
    step(world.rita.at(), "submitted")
    text = "Rita asks you to review #12 checkout in Production"
    assert told(world.ada) == told(world.olivia) == [("review", text)]
    assert [told(one) for one in (world.rita, world.max, world.vera, world.mia, world.stan)] == [
        []
    ] * 5


def test_named_review_groups_are_asked_alone(world: World):
    team = Team.objects.create(organization=world.organization, key="payments", name="Payments")
    for person in (world.max, world.mia):
        member = Membership.objects.within(world.organization).get(user=person.user)
        TeamMember.objects.create(team=team, membership=member)
    step(world.ada.at(), "submitted", reviewers=["payments"])
    # Mia is in the team, but may not look at the project.
    assert [bool(told(one)) for one in (world.max, world.mia, world.rita, world.olivia)] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("approved", "progress"),
        ("changes_requested", "answer"),
        ("rejected", "answer"),
        ("schedule_refused", "answer"),
        ("commented", "progress"),
        ("scheduled", "progress"),
    ],
)
def test_the_author_hears_what_becomes_of_their_request(world: World, name: str, kind: str):
    step(world.max.at(), "submitted")
    step(world.rita.at(), name)
    assert kinds(world.max) == [kind]


def test_the_author_hears_that_their_request_was_applied(world: World):
    step(world.max.at(), "submitted")
    after = {"change": "c-1", "number": 12}
    act(world.rita.at(), "flag.changed", after=after, subjects=[Subject("flag", "checkout")])
    assert told(world.max) == [("progress", "Rita applied #12 checkout in Production")]


def test_nobody_is_asked_any_longer_once_a_request_is_decided(world: World):
    step(world.max.at(), "submitted")
    assert inbox.unread(world.rita.at()) == 1
    step(world.ada.at(), "rejected")
    assert inbox.unread(world.rita.at()) == 0


def test_a_bypass_is_loud_for_admins(world: World):
    step(world.ada.at(), "bypassed")
    assert kinds(world.olivia) == ["bypass"]
    assert told(world.ada) == told(world.max) == []


def test_who_may_look_at_a_bypass_hears_of_it(world: World):
    step(world.ada.at(), "bypassed")
    assert kinds(world.rita) == ["bypass"]


# --- access, invitations


def test_a_request_for_access_reaches_who_can_decide_and_the_answer_who_asked(world: World):
    mia = tickets.of_member(world.mia.user, "solar")
    asking = Access(mia.actor, mia.organization, frozenset(), world.project)
    act(asking, "access.requested", "mia@solar.example")
    assert kinds(world.ada) == kinds(world.olivia) == ["access"]
    act(world.ada.at(), "access.approved", "mia@solar.example", reason="Welcome")
    assert told(world.mia) == [("access_answer", "Ada let you into Shop")]


def test_the_inviter_hears_that_somebody_came(world: World):
    act(
        tickets.of_member(world.mia.user, "solar"),
        "invitation.accepted",
        "link",
        after={"invited_by": "Olivia"},
    )
    assert told(world.olivia) == [("invitation", "Mia accepted your invitation")]


# --- follows


@pytest.mark.parametrize(("kind", "key"), [("flag", "checkout"), ("tag", "payments")])
def test_who_follows_something_hears_of_its_changes(world: World, kind: str, key: str):
    acts.follow(world.vera.at(), kind, key, on=True)
    about = [Subject("flag", "checkout"), Subject("tag", "payments")]
    act(world.max.at(), "flag.changed", subjects=about)
    act(world.max.at(), "flag.killed", subjects=about)
    act(world.max.at(), "flag.changed", "other", subjects=[Subject("flag", "other")])
    assert told(world.vera) == [
        ("emergency", "Max killed flag checkout in Production"),
        ("follow", "Max changed flag checkout in Production"),
    ]
    acts.follow(world.vera.at(), kind, key, on=False)
    act(world.max.at(), "flag.changed", subjects=about)
    assert len(told(world.vera)) == 2


def test_nobody_hears_of_a_project_they_may_no_longer_look_at(world: World):
    acts.follow(world.vera.at(), "flag", "checkout", on=True)
    at_project = tickets.of_member(world.olivia.user, "solar", "shop")
    members.set_role(at_project, world.vera.user, None)
    act(world.max.at(), "flag.changed", subjects=[Subject("flag", "checkout")])
    assert told(world.vera) == []


def test_the_same_key_in_another_organization_is_something_else(world: World):
    stan = tickets.of_member(world.stan.user, "stranger", "shop", "production")
    acts.follow(stan, "flag", "checkout", on=True)
    act(world.max.at(), "flag.changed", subjects=[Subject("flag", "checkout")])
    assert told(world.stan) == []


def test_only_what_the_ledger_knows_can_be_followed(world: World):
    with pytest.raises(InvalidInput):
        acts.follow(world.vera.at(), "change", "12", on=True)


# --- reading


def test_a_line_is_told_once_however_often_the_ledger_is_read(world: World):
    step(world.max.at(), "submitted")
    for _ in range(3):
        tail.read_all()
    assert Notice.across_tenants.filter(membership__user=world.rita.user).count() == 1


def test_what_happened_while_nobody_read_is_caught_up_with(world: World):
    acts.follow(world.vera.at(), "flag", "checkout", on=True)
    with transaction.atomic():
        for _ in range(450):
            about = [Subject("flag", "checkout")]
            audit.record(world.max.at(), "flag.changed", "checkout", subjects=about)
    tail.read_all()
    assert inbox.unread(world.vera.at()) == 450


def test_nobody_reads_or_marks_another_persons_lines(world: World):
    step(world.max.at(), "submitted")
    hers = Notice.across_tenants.filter(membership__user=world.rita.user).first()
    assert hers is not None
    for person in (world.ada, world.max):
        with pytest.raises(NotFound):
            acts.mark_read(person.at(), hers.id)
    acts.mark_all_read(world.ada.at())
    assert inbox.unread(world.rita.at()) == 1


# --- mail


def letters_to(person: Person) -> list:
    return [letter for letter in mail.outbox if letter.to == [person.user.email]]


def test_only_what_waits_for_somebody_is_mailed_unasked(world: World):
    acts.follow(world.rita.at(), "flag", "checkout", on=True)
    step(world.max.at(), "submitted")
    act(world.max.at(), "flag.changed", subjects=[Subject("flag", "checkout")])
    assert mailing.send_due() == 3
    assert mailing.send_due() == 0
    (letter,) = letters_to(world.rita)
    assert letter.subject == "[Solar] Max asks you to review #12 checkout in Production"
    assert "http://127.0.0.1:8000/o/solar/shop/production/" in letter.body
    assert letter.alternatives[0][1] == "text/html"


def test_a_member_chooses_what_is_mailed_at_once_daily_or_never(world: World):
    acts.wish(world.rita.at(), {"review": "never"})
    acts.wish(world.ada.at(), {"review": "daily"})
    step(world.max.at(), "submitted")
    step(world.max.at(), "revised")
    mailing.send_due()
    assert letters_to(world.rita) == letters_to(world.ada) == []
    assert len(letters_to(world.olivia)) == 2
    assert mailing.send_digests() == 1
    assert mailing.send_digests() == 0
    (digest,) = letters_to(world.ada)
    assert digest.subject == "[Solar] 2 notices today"
    assert digest.body.count("checkout in Production") == 2


def test_what_was_read_or_is_old_or_of_somebody_gone_is_not_mailed(world: World):
    step(world.max.at(), "submitted")
    acts.mark_all_read(world.rita.at())
    Membership.objects.within(world.organization).filter(user=world.ada.user).update(
        is_active=False
    )
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert mailing.send_due() == 0
    mailing.send_due()
    assert letters_to(world.rita) == letters_to(world.ada) == []


@pytest.mark.parametrize("when", ["at_once", "daily"])
def test_a_notice_is_neither_shown_nor_mailed_once_its_member_is_let_out(world: World, when: str):
    acts.wish(world.rita.at(), {"review": when})
    acts.wish(world.ada.at(), {"review": when})
    step(world.max.at(), "submitted")
    asked = inbox.page(world.rita.at()).notices[0]
    owner, at_home = world.olivia.at(), tickets.of_member(world.rita.user, "solar")
    members.set_role(owner, world.rita.user, None)
    mailing.send_due()
    mailing.send_digests()
    assert "rita@solar.example" not in {one.to[0] for one in mail.outbox}
    assert "ada@solar.example" in {one.to[0] for one in mail.outbox}
    assert (told(world.rita), inbox.unread(at_home)) == ([], 0)
    with pytest.raises(NotFound):
        inbox.one(at_home, asked.id)
    members.set_role(owner, world.rita.user, Role.VIEWER)
    assert [kind for kind, _text in told(world.rita)] == ["review"]


@pytest.mark.parametrize("is_open", [True, False])
def test_whoever_may_look_at_a_project_reads_its_notices_and_nobody_else(
    world: World, *, is_open: bool
):
    """What the database is asked agrees with the tickets pages are entered with."""
    world.project.is_open = is_open
    world.project.save(update_fields=["is_open"])
    team = Team.objects.create(organization=world.organization, key="solo", name="Solo")
    rows = Membership.objects.within(world.organization)
    TeamMember.objects.create(team=team, membership=rows.get(user=world.vera.user))
    TeamRole.objects.create(team=team, project=world.project, role=Role.VIEWER)
    members.set_role(world.olivia.at(), world.vera.user, None)
    Notice.objects.bulk_create(
        Notice(membership=member, project=world.project, kind="follow", text="x", url="/")
        for member in rows
    )
    told_to = holders.readable(Notice.objects.within(world.organization))
    readers = {notice.membership for notice in told_to}
    assert readers == set(holders.viewers(world.project, rows))
    assert len(readers) == (6 if is_open else 5)


def test_a_letter_the_server_would_not_take_is_sent_later(world: World, settings):
    step(world.max.at(), "submitted")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert mailing.send_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mailing.send_due() == 3


def test_the_link_in_a_letter_ends_letters_of_that_kind_without_signing_in(world: World):
    step(world.max.at(), "submitted")
    mailing.send_due()
    (letter,) = letters_to(world.rita)
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<http://127.0.0.1:8000(/.+)>", letter.extra_headers["List-Unsubscribe"])
    assert link is not None
    client = Client(enforce_csrf_checks=True)
    assert b"Mail me no more" in client.get(link[1]).content
    answer = client.post(link[1], {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    member = Membership.objects.within(world.organization).get(user=world.rita.user)
    wishes = {one.kind: one.mail for one in inbox.wishes(member)}
    assert wishes["review"] == "never"
    assert wishes["access"] == "at_once"
    assert client.post(link[1].replace("notices/leave/", "notices/leave/x")).status_code == 404


def test_every_kind_can_be_wished_for_and_nothing_else(world: World):
    acts.wish(world.max.at(), dict.fromkeys(KINDS, "daily"))
    for wrong in ({"gossip": "daily"}, {"review": "hourly"}):
        with pytest.raises(InvalidInput):
            acts.wish(world.max.at(), wrong)


# --- pages


def test_the_inbox_shows_what_is_unread_and_following_a_line_reads_it(world: World):
    step(world.max.at(), "submitted")
    client = world.rita.client
    page = client.get("/org/solar/inbox/").content.decode()
    assert "Max asks you to review #12" in page
    assert re.search(r"data-unread\s*>1<", page)
    line = Notice.across_tenants.get(membership__user=world.rita.user)
    answer = client.get(f"/org/solar/inbox/{line.id}/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == line.url
    assert "Nothing waits for you." in client.get("/org/solar/inbox/").content.decode()
    assert "Max asks you" in client.get("/org/solar/inbox/?show=all").content.decode()


def test_all_lines_are_read_with_one_press(world: World):
    step(world.max.at(), "submitted")
    client = world.rita.client
    assert client.post("/org/solar/inbox/read-all").status_code == 302
    assert inbox.unread(world.rita.at()) == 0
    assert inbox.unread(world.ada.at()) == 1


def test_what_is_followed_is_let_go_of_on_the_page_of_wishes(world: World):
    acts.follow(world.vera.at(), "flag", "checkout", on=True)
    client = world.vera.client
    assert "Unfollow flag checkout" in client.get("/org/solar/inbox/wishes/").content.decode()
    answer = client.post(world.url("follow/flag/checkout/", "development"), {"on": "false"})
    assert answer.headers["Location"] == "/org/solar/inbox/wishes/"
    assert "Unfollow" not in client.get("/org/solar/inbox/wishes/").content.decode()


def test_wishes_are_saved_from_the_page(world: World):
    client = world.max.client
    assert client.get("/org/solar/inbox/wishes/").status_code == 200
    client.post("/org/solar/inbox/wishes/", {"follow": "at_once", "review": "never"})
    member = Membership.objects.within(world.organization).get(user=world.max.user)
    found = {one.kind: one.mail for one in inbox.wishes(member)}
    assert (found["follow"], found["review"], found["access"]) == ("at_once", "never", "at_once")


def test_the_follow_button_answers_with_itself(world: World):
    client, address = world.vera.client, world.url("follow/flag/checkout/")
    assert "Follow" in client.get(address).content.decode()
    pressed = client.post(address, {"on": "true"}, headers={"HX-Request": "true"})
    assert 'aria-pressed="true"' in pressed.content.decode()
    assert inbox.follows(world.vera.at(), world.project, "flag", "checkout")


def test_a_right_that_comes_through_a_team_counts(world: World):
    team = Team.objects.create(organization=world.organization, key="payments", name="Payments")
    member = Membership.objects.within(world.organization).get(user=world.vera.user)
    TeamMember.objects.create(team=team, membership=member)
    TeamRole.objects.create(project=world.project, team=team, role=Role.REVIEWER)
    step(world.max.at(), "submitted")
    assert kinds(world.vera) == ["review"]

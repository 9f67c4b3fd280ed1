"""Ways in: who may open them, who may use them, and how they close."""

import re
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from accounts import access as tickets
from accounts.access import Access, Origin
from accounts.actions import acceptance, invitations, members, organizations, teams
from accounts.actions.invitations import Entrance
from accounts.errors import DomainError, InvalidInput, NotFound, NotPermitted
from accounts.limits import TooOften
from accounts.models import Invitation, Membership, User
from accounts.permissions import Permission, Role
from tests.world.cast import World, make_world

EDITOR_OF_SHOP = Entrance((("shop", Role.EDITOR),))


def owner(world: World) -> Access:
    return tickets.of_member(world.olivia.user, "solar")


def newcomer(email: str = "nora@solar.example") -> User:
    return User.objects.create_user(email, "x")


def membership_id(world: World, user: User):
    return Membership.objects.within(world.organization).get(user=user).pk


def test_an_invited_person_comes_in_with_what_was_promised(world: World) -> None:
    teams.create(owner(world), "web", "Web")
    entrance = Entrance((("shop", Role.EDITOR),), ("web",), is_owner=False)
    made = invitations.invite(owner(world), [" Nora@Solar.example "], entrance)[0]
    acceptance.accept(newcomer(), made.secret, Origin())
    access = tickets.of_member(User.objects.get(email="nora@solar.example"), "solar", "shop")
    assert access.may(Permission.EDIT_FLAGS)
    assert access.teams == {"web"}
    actions = [line.action for line in world.ledger()]
    assert actions[-3:] == ["member.joined", "role.set", "invitation.accepted"]


def test_only_the_digest_of_the_secret_is_kept_and_the_letter_alone_carries_it(
    world: World,
) -> None:
    made = invitations.invite(world.ada.at(), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    assert invitations.mail(made)
    letter = mail.outbox[0]
    assert letter.to == ["nora@solar.example"]
    assert made.url in letter.body
    assert isinstance(letter, mail.EmailMultiAlternatives)
    assert made.url in str(letter.alternatives[0])
    row = Invitation.objects.within(world.organization).get()
    assert made.secret not in str(vars(row))
    assert made.secret not in str([vars(line) for line in world.ledger()])


def test_a_name_cannot_break_the_subject_of_a_letter(world: World) -> None:
    world.olivia.user.name = "Olivia\nBcc: everybody@example.com"
    world.olivia.user.save()
    made = invitations.invite(owner(world), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    assert invitations.mail(made)
    assert "\n" not in mail.outbox[0].subject
    assert mail.outbox[0].bcc == []


def test_an_admin_invites_to_their_project_alone(world: World) -> None:
    teams.create(owner(world), "web", "Web")
    assert invitations.invite(world.ada.at(), ["nora@solar.example"], EDITOR_OF_SHOP)
    for entrance in (
        Entrance((("shop", Role.VIEWER),), is_owner=True),
        Entrance((("shop", Role.VIEWER),), ("web",)),
        Entrance((("portal", Role.VIEWER),)),
        Entrance(),
    ):
        with pytest.raises(NotPermitted):
            invitations.invite(world.ada.at(), ["nora@solar.example"], entrance)


@pytest.mark.parametrize("who", ["rita", "max", "vera"])
def test_nobody_below_an_admin_invites(world: World, who: str) -> None:
    with pytest.raises(NotPermitted):
        invitations.make_link(getattr(world, who).at(), Entrance((("shop", Role.VIEWER),)))


def test_a_ticket_that_holds_less_than_a_role_cannot_promise_it(world: World) -> None:
    narrow = Access(
        world.ada.at().actor,
        world.organization,
        frozenset({Permission.VIEW, Permission.MANAGE_PROJECT}),
        world.project,
    )
    with pytest.raises(NotPermitted):
        invitations.make_link(narrow, Entrance((("shop", Role.ADMIN),)))


def test_only_a_person_vouches_for_another(world: World) -> None:
    with pytest.raises(NotPermitted):
        invitations.make_link(tickets.command(world.organization), EDITOR_OF_SHOP)


def test_a_letter_to_one_address_is_of_no_use_to_another_person(world: World) -> None:
    made = invitations.invite(owner(world), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    with pytest.raises(acceptance.NotTheInvited, match="nora"):
        acceptance.accept(world.stan.user, made.secret, Origin())
    assert not Membership.objects.within(world.organization).filter(user=world.stan.user).exists()


def _expired(invitation: Invitation) -> None:
    invitation.expires_at = timezone.now() - timedelta(seconds=1)


def _revoked(invitation: Invitation) -> None:
    invitation.revoked_at = timezone.now()


def _used(invitation: Invitation) -> None:
    invitation.uses_left = 0


@pytest.mark.parametrize(
    ("end", "sentence"),
    [(_expired, "run out"), (_revoked, "taken back"), (_used, "used already")],
)
def test_each_end_of_an_invitation_has_its_own_sentence(world: World, end, sentence: str) -> None:
    made = invitations.make_link(owner(world), EDITOR_OF_SHOP)
    end(made.invitation)
    made.invitation.save()
    with pytest.raises(acceptance.InvitationEnded, match=sentence):
        acceptance.accept(newcomer(), made.secret, Origin())


def test_a_secret_nobody_gave_out_leads_nowhere(world: World) -> None:
    with pytest.raises(NotFound):
        acceptance.accept(newcomer(), "nothing", Origin())


def test_a_link_lets_in_as_many_as_it_says(world: World) -> None:
    made = invitations.make_link(owner(world), EDITOR_OF_SHOP, uses=2)
    for number in range(2):
        acceptance.accept(newcomer(f"n{number}@solar.example"), made.secret, Origin())
    with pytest.raises(acceptance.InvitationEnded):
        acceptance.accept(newcomer("late@solar.example"), made.secret, Origin())


@pytest.mark.parametrize(
    ("days", "uses", "where"), [(0, 1, "days"), (31, 1, "days"), (7, 0, "uses"), (7, 501, "uses")]
)
def test_days_and_uses_have_bounds(world: World, days: int, uses: int, where: str) -> None:
    entrance = Entrance((("shop", Role.EDITOR),), days=days)
    with pytest.raises(InvalidInput) as refused:
        invitations.make_link(owner(world), entrance, uses=uses)
    assert refused.value.data["where"] == where


def test_a_link_makes_nobody_an_owner(world: World) -> None:
    with pytest.raises(InvalidInput):
        invitations.make_link(owner(world), Entrance(is_owner=True))


@pytest.mark.parametrize("addresses", [[], ["not an address"], ["MAX@solar.example"]])
def test_what_cannot_be_invited_is_refused_by_name(world: World, addresses: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        invitations.invite(owner(world), addresses, EDITOR_OF_SHOP)
    assert refused.value.data["where"] == "emails"
    assert not Invitation.objects.within(world.organization).exists()


def test_a_later_letter_replaces_the_earlier_one(world: World) -> None:
    first = invitations.invite(owner(world), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    entrance = Entrance((("shop", Role.VIEWER),))
    second = invitations.invite(owner(world), ["nora@solar.example"], entrance)[0]
    with pytest.raises(acceptance.InvitationEnded):
        acceptance.of_secret(first.secret)
    assert acceptance.of_secret(second.secret) == second.invitation


def test_sending_again_makes_the_earlier_letter_void(world: World) -> None:
    first = invitations.invite(owner(world), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    again = invitations.resend(owner(world), first.invitation.pk)
    with pytest.raises(NotFound):
        acceptance.of_secret(first.secret)
    assert acceptance.of_secret(again.secret) == again.invitation


def test_an_admin_neither_sees_nor_revokes_what_leads_beyond_their_project(world: World) -> None:
    wide = invitations.invite(owner(world), ["nora@solar.example"], Entrance(is_owner=True))[0]
    with pytest.raises(NotFound):
        invitations.revoke(world.ada.at(), wide.invitation.pk)
    narrow = invitations.invite(owner(world), ["nils@solar.example"], EDITOR_OF_SHOP)[0]
    invitations.revoke(world.ada.at(), narrow.invitation.pk)
    with pytest.raises(acceptance.InvitationEnded):
        acceptance.of_secret(narrow.secret)


def test_whoever_lost_the_right_leaves_no_open_door(world: World) -> None:
    made = invitations.make_link(world.ada.at(), EDITOR_OF_SHOP)
    members.set_role(
        tickets.of_member(world.olivia.user, "solar", "shop"), world.ada.user, Role.EDITOR
    )
    with pytest.raises(acceptance.InvitationEnded, match="no longer"):
        acceptance.accept(newcomer(), made.secret, Origin())


def test_a_deactivated_person_does_not_come_back_by_a_link(world: World) -> None:
    earlier = invitations.make_link(owner(world), EDITOR_OF_SHOP)
    members.deactivate(owner(world), membership_id(world, world.max.user), "")
    with pytest.raises(members.Deactivated):
        acceptance.accept(world.max.user, earlier.secret, Origin())
    letter = invitations.invite(owner(world), ["max@solar.example"], EDITOR_OF_SHOP)[0]
    acceptance.accept(world.max.user, letter.secret, Origin())
    assert world.max.at().grants


def test_an_admin_of_a_project_brings_no_deactivated_owner_back(world: World) -> None:
    mias = membership_id(world, world.mia.user)
    members.set_owner(owner(world), mias, is_owner=True)
    members.deactivate(owner(world), mias, "")
    with pytest.raises(InvalidInput, match="deactivated"):
        invitations.invite(world.ada.at(), ["mia@solar.example"], EDITOR_OF_SHOP)


def test_a_letter_counts_as_its_sender_is_now(world: World) -> None:
    """An owner wrote it; an admin who owns nothing sent it again."""
    members.deactivate(owner(world), membership_id(world, world.max.user), "")
    letter = invitations.invite(owner(world), ["max@solar.example"], EDITOR_OF_SHOP)[0]
    again = invitations.resend(world.ada.at(), letter.invitation.pk)
    with pytest.raises(members.Deactivated):
        acceptance.accept(world.max.user, again.secret, Origin())


def test_no_letter_brings_back_whom_the_directory_let_out(world: World) -> None:
    membership = Membership.objects.within(world.organization).get(user=world.max.user)
    members.suspend(world.organization, membership, via="directory", origin=Origin())
    letter = invitations.invite(owner(world), ["max@solar.example"], EDITOR_OF_SHOP)[0]
    rows = Membership.objects.within(world.organization).filter(pk=membership.pk)
    rows.update(directory_id="d-1")
    with pytest.raises(members.Deactivated):
        acceptance.accept(world.max.user, letter.secret, Origin())
    with pytest.raises(InvalidInput, match="deactivated"):
        invitations.invite(owner(world), ["max@solar.example"], EDITOR_OF_SHOP)


def test_deactivating_somebody_closes_the_doors_that_stand_open_for_them(world: World) -> None:
    nora = newcomer()
    made = invitations.invite(owner(world), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    members.join(world.organization, nora, via="sso", origin=Origin())
    members.deactivate(owner(world), membership_id(world, nora), "")
    with pytest.raises(acceptance.InvitationEnded):
        acceptance.accept(nora, made.secret, Origin())


def test_letters_are_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_LETTERS", 2)
    invitations.invite(owner(world), ["a@solar.example", "b@solar.example"], EDITOR_OF_SHOP)
    with pytest.raises(TooOften):
        invitations.invite(owner(world), ["c@solar.example"], EDITOR_OF_SHOP)


def test_more_organizations_bring_a_person_no_more_letters(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_LETTERS", 2)
    own = organizations.create_organization("second", "Second", world.olivia.user)
    at_own = tickets.of_member(world.olivia.user, own.key)
    invitations.invite(owner(world), ["a@x.example", "b@x.example"], EDITOR_OF_SHOP)
    with pytest.raises(TooOften):
        invitations.invite(at_own, ["c@x.example"], Entrance(is_owner=True))
    assert not Invitation.objects.within(own).exists()


def test_nobody_is_written_to_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_TO_ONE", 2)
    stranger = tickets.of_member(world.stan.user, "stranger")
    made = invitations.invite(owner(world), ["nora@x.example"], EDITOR_OF_SHOP)[0]
    invitations.resend(owner(world), made.invitation.id)
    with pytest.raises(TooOften, match="nora@") as refused:
        invitations.invite(stranger, ["Nora@x.example", "b@x.example"], Entrance(is_owner=True))
    assert 86_000 < refused.value.wait <= 86_400
    with pytest.raises(TooOften):
        invitations.resend(owner(world), made.invitation.id)
    invitations.invite(stranger, ["b@x.example"], Entrance(is_owner=True))


def test_the_last_use_of_a_link_lets_one_of_two_in(transactional_db: None) -> None:
    world = make_world()
    made = invitations.make_link(owner(world), EDITOR_OF_SHOP)
    people = [newcomer("a@x.example"), newcomer("b@x.example")]
    together, refused = Barrier(2), []

    def come_in(user: User) -> None:
        together.wait()
        try:
            acceptance.accept(user, made.secret, Origin())
        except DomainError as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=come_in, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(one) for one in refused] == [acceptance.InvitationEnded]
    inside = Membership.objects.within(world.organization).filter(user__in=people)
    assert inside.count() == 1


def test_the_secret_has_enough_to_guess(world: World) -> None:
    secret = invitations.make_link(owner(world), EDITOR_OF_SHOP).secret
    assert re.fullmatch(r"[\w-]{32}", secret)

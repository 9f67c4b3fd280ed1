"""The audit history as it is read: filters, pages, one line, exports."""

import csv
import html
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import access as tickets
from accounts import audit, ledger, streams
from accounts.access import Access
from accounts.actions import credentials, exports, organizations
from accounts.audit import Subject
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.filters import Wanted
from accounts.models import AuditEntry
from accounts.web import stories
from flags import changes
from flags.edits import CreateFlag, DescribeFlag, SetSegment, SetTags, TurnOff, TurnOn
from tests.api import ROOT, Api
from tests.world.cast import Person, World
from tests.world.factories import make_flag, make_segment, submit

LATER = datetime(2031, 3, 5, 12, tzinfo=UTC)


def found(access: Access, **wanted: Any) -> list[str]:
    """Which acts are found, oldest first."""
    return [f"{line.action} {line.target}" for line in reversed(lines(access, **wanted))]


def lines(access: Access, **wanted: Any) -> list[AuditEntry]:
    return list(ledger.page(access, Wanted(**wanted)).lines)


def owner(world: World) -> Access:
    """Olivia, looking at her whole organization."""
    return tickets.of_member(world.olivia.user, "solar")


@pytest.fixture
def busy(world: World) -> World:
    """A history in which each filter finds something and leaves something out."""
    make_flag(world.max.at(), tags=("release",))
    submit(world.max.at(), "quote-form", TurnOn(), comment="launch day")
    make_flag(world.max.at("staging"), "quota")
    make_segment(world.rita.at())
    with time_machine.travel(LATER, tick=False), transaction.atomic():
        audit.record(world.rita.at("staging"), "experiment.started", "headline")
    return world


@pytest.mark.parametrize(
    ("wanted", "acts"),
    [
        ({"person": "rita@solar.example"}, ["segment.created beta", "experiment.started headline"]),
        ({"person": "RITA"}, ["segment.created beta", "experiment.started headline"]),
        ({"person": "nobody"}, []),
        ({"action": "flag.changed"}, ["flag.changed quote-form"]),
        (
            {"action": "flag.*"},
            ["flag.created quote-form", "flag.changed quote-form", "flag.created quota"],
        ),
        ({"kind": "flag", "key": "quota"}, ["flag.created quota"]),
        (
            {"key": "quot"},
            ["flag.created quote-form", "flag.changed quote-form", "flag.created quota"],
        ),
        ({"kind": "segment"}, ["segment.created beta"]),
        ({"kind": "segment", "key": "quota"}, []),
        ({"tag": "release"}, ["flag.created quote-form", "flag.changed quote-form"]),
        ({"tag": "release", "action": "flag.changed"}, ["flag.changed quote-form"]),
        ({"tag": "release", "key": "quota"}, []),
        (
            {"environment": "staging"},
            [
                "flag.created quote-form",
                "flag.created quota",
                "segment.created beta",
                "experiment.started headline",
            ],
        ),
        (
            {"environment": "production", "action": "flag.*"},
            ["flag.created quote-form", "flag.changed quote-form", "flag.created quota"],
        ),
        ({"environment": "nowhere"}, []),
        ({"since": "2031-03-05"}, ["experiment.started headline"]),
        ({"since": "2031-03-05T12:00:01Z"}, []),
        ({"since": "2031-03-05", "until": "2031-03-05"}, ["experiment.started headline"]),
        ({"until": "2031-03-04", "person": "rita"}, ["segment.created beta"]),
        ({"until": "2031-03-05T12:00:00Z", "person": "rita"}, ["segment.created beta"]),
        ({"until": "2020-01-01"}, []),
    ],
    ids=str,
)
def test_a_filter_finds_what_it_says_and_nothing_else(
    busy: World, wanted: dict[str, str], acts: list[str]
):
    assert found(busy.vera.at(), **wanted) == acts
    assert found(owner(busy), project="shop", **wanted) == acts


@pytest.fixture
def mixed(world: World) -> World:
    """One change of a segment, of words nobody is served, of a new flag and of production."""
    make_segment(world.max.at())
    make_flag(world.max.at())
    words = changes.Part(changes.definition("quote-form"), (DescribeFlag("Words"),), 1)
    switch = changes.Part(changes.state("quote-form"), (TurnOn(),), 0)
    people = changes.Part(changes.segment("beta"), (SetSegment("user", ("u-2",), (), ()),), 1)
    new = changes.Part(changes.definition("quota"), (new_flag("quota"),), 0)
    changes.submit_all(world.max.at(), [people, new, words, switch])
    changes.submit_all(world.max.at("staging"), [words_again(), switch])
    return world


def words_again() -> changes.Part:
    return changes.Part(changes.definition("quote-form"), (DescribeFlag("Other words"),), 2)


def new_flag(key: str) -> CreateFlag:
    return CreateFlag(key, key, "boolean", {"on": True, "off": False}, "off", "on")


SEVERAL, STAGING = "flag.changed quote-form and 2 more", "flag.changed quote-form"
MADE = ["segment.created beta", "flag.created quote-form"]


@pytest.mark.parametrize(
    ("wanted", "acts"),
    [
        ({"environment": "production"}, [*MADE, SEVERAL]),
        ({"environment": "staging"}, [*MADE, SEVERAL, STAGING]),
        ({"action": "flag.*"}, [MADE[1], SEVERAL, STAGING]),
        ({"action": "flag.changed"}, [SEVERAL, STAGING]),
        ({"action": "flag.created"}, [MADE[1], SEVERAL]),
        ({"action": "segment.*"}, [MADE[0], SEVERAL]),
        ({"action": "segment.changed"}, [SEVERAL]),
        ({"action": "segment.changed", "environment": "production"}, [SEVERAL]),
        ({"action": "segment.changed", "environment": "production", "key": "quota"}, [SEVERAL]),
        ({"action": "segment.*", "environment": "nowhere"}, []),
        ({"action": "policy.*"}, []),
        ({"key": "staging"}, []),
    ],
    ids=str,
)
def test_no_part_of_a_change_is_lost_to_a_filter_by_what_comes_along_with_it(
    mixed: World, wanted: dict[str, str], acts: list[str]
):
    assert found(mixed.vera.at(), **wanted) == acts
    assert found(owner(mixed), project="shop", **wanted) == acts
    whole = found(owner(mixed), **wanted)
    assert [act for act in whole if not act.startswith("organization")] == acts


def test_what_is_served_in_another_projects_production_stays_there(mixed: World):
    organizations.create_project(owner(mixed), "mill", "Mill")
    there = tickets.of_member(mixed.olivia.user, "solar", "mill", "production")
    make_segment(there, "millers")
    assert "segment.created millers" in found(there, environment="production")
    assert "segment.created millers" not in found(mixed.vera.at(), environment="production")
    both = found(owner(mixed), environment="production")
    assert {"segment.created millers", SEVERAL} <= set(both)
    assert found(owner(mixed), environment="production", project="shop") == [*MADE, SEVERAL]


def test_what_a_line_is_found_by_besides_is_no_kind_of_object(mixed: World):
    assert not {"act", "served"} & set(streams.kinds(mixed.vera.at()))
    assert found(mixed.vera.at(), kind="served", key="staging")
    line = lines(mixed.vera.at(), action="segment.changed")[0]
    page = mixed.vera.client.get(mixed.url(f"audit/{line.sequence}/")).content.decode()
    assert "?environment=staging" in page
    assert "?action=segment.changed" in page
    plain = lines(mixed.vera.at(), action="flag.created")[1]
    page = mixed.vera.client.get(mixed.url(f"audit/{plain.sequence}/")).content.decode()
    assert mixed.url("flags/quote-form/") in page, "it is about one thing still"


@pytest.mark.parametrize(
    ("wanted", "more"), [({"action": "segment.changed"}, 0), ({"environment": "production"}, 1)]
)
def test_lines_that_are_found_besides_cost_no_more_questions(
    mixed: World, wanted: dict[str, Any], more: int, django_assert_num_queries: Any
):
    access = mixed.vera.at()
    with django_assert_num_queries(2 + more):
        assert ledger.page(access, Wanted(**wanted)).lines


def test_a_tag_that_was_taken_away_still_finds_what_was_done_under_it(busy: World):
    access = busy.max.at()
    target = changes.definition("quote-form")
    changes.submit(access, target, [SetTags(())], expected_version=1)
    submit(access, "quote-form", TurnOff())
    assert found(access, tag="release")[-1] == "flag.changed quote-form"
    assert len(found(access, tag="release")) == 3, "the last act came after the tag had gone"


def test_pages_leave_nothing_out_and_repeat_nothing(busy: World):
    for _ in range(7):
        credentials.create_token(busy.vera.at(), "t")
    access, seen = busy.vera.at(), list[int]()
    before: int | None = None
    while True:
        page = ledger.page(access, Wanted(before=before), size=3)
        seen += [line.sequence for line in page.lines]
        if page.rest is None:
            break
        before = page.rest
    whole = AuditEntry.objects.within(busy.project).order_by("-sequence")
    assert seen == list(whole.values_list("sequence", flat=True))


@pytest.fixture
def strangers(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Rita and changed flags: each frequent, they met twice, long ago; six lines are walked at once."""
    monkeypatch.setattr(streams, "SPANS", (2, 4))
    for _ in range(2):
        say(world.rita, "flag.changed")
    for _ in range(20):
        say(world.rita, "segment.changed")
        say(world.max, "flag.changed")
    return world


def say(person: Person, action: str) -> None:
    with transaction.atomic():
        audit.record(person.at(), action, "quote-form")


RARELY_MET: dict[str, Any] = {"person": "rita@solar.example", "action": "flag.changed"}


def test_filters_that_seldom_meet_are_followed_page_by_page(strangers: World):
    access, seen, pages = strangers.vera.at(), list[AuditEntry](), 0
    page = ledger.page(access, Wanted(**RARELY_MET))
    assert not page.lines
    assert page.rest
    assert page.looked_back_to == ledger.line(access, page.rest).at
    while page.rest is not None:
        page = ledger.page(access, Wanted(**RARELY_MET, before=page.rest))
        seen += page.lines
        pages += 1
    assert [(line.actor_label, line.action) for line in seen] == [tuple(RARELY_MET.values())] * 2
    assert pages == 3, "22 lines of the rarer stream, six at a time: the first page and three more"


def test_an_export_follows_filters_that_seldom_meet_to_the_end(strangers: World):
    address = strangers.url("audit/export")
    rows = taken(strangers.vera.client, address, "jsonl", **RARELY_MET).splitlines()
    told = [json.loads(row) for row in rows]
    assert [one["action"] for one in told] == ["flag.changed"] * 2


def test_a_page_on_which_filters_did_not_meet_leads_further_back(strangers: World):
    client, address = strangers.vera.client, strangers.url("audit/")
    shown = client.get(address, RARELY_MET)
    assert "No line back to" in shown.text
    further = shown.context["older_url"]
    assert shown.text.count(html.escape(further)) == 1, "one way on, in the middle of the page"
    for _ in range(3):
        shown = client.get(address + shown.context["older_url"])
    assert len(shown.context["stories"]) == 2
    assert not shown.context["older_url"]


def test_a_page_that_filters_filled_in_part_says_how_far_it_looked(strangers: World):
    say(strangers.rita, "flag.changed")
    shown = strangers.vera.client.get(strangers.url("audit/"), RARELY_MET)
    assert len(shown.context["stories"]) == 1
    assert "Looked back to" in shown.text
    assert html.escape(shown.context["older_url"]) in shown.text


def test_machines_follow_filters_that_seldom_meet_by_the_cursor(strangers: World):
    api, cursor, told = Api.of(strangers.vera), "", list[dict[str, Any]]()
    while cursor is not None:
        body = api.get(f"{ROOT}/history", **RARELY_MET, cursor=cursor, limit=2).body
        told += body["items"]
        cursor = body["next"]
    assert [one["action"] for one in told] == ["flag.changed"] * 2


def test_an_owner_sees_the_organization_and_others_only_their_project(busy: World):
    everything = found(owner(busy))
    assert "member.added ada@solar.example" in everything
    assert not [one for one in found(busy.vera.at()) if one.startswith("member.")]
    for person in (busy.ada, busy.vera):
        with pytest.raises(NotPermitted):
            ledger.page(tickets.of_member(person.user, "solar"), Wanted())


def test_nothing_of_another_organization_is_ever_found(busy: World):
    theirs = set(AuditEntry.objects.within(busy.organization).values_list("pk", flat=True))
    stranger = tickets.of_member(busy.stan.user, "stranger")
    for wanted in ({}, {"person": "max"}, {"key": "quota"}, {"tag": "release"}, {"kind": "flag"}):
        assert not theirs & {line.pk for line in lines(stranger, **wanted)}
    assert not {"max@solar.example", "rita@solar.example"} & set(streams.people(stranger))
    assert streams.tags(stranger) == []
    newest = busy.ledger()[-1].sequence
    with pytest.raises(NotFound):
        ledger.line(busy.stan.at(), newest)


def test_a_line_knows_its_neighbors_within_what_may_be_seen(busy: World):
    access = busy.vera.at()
    seen = [line.sequence for line in reversed(lines(access))]
    beside = ledger.neighbors(access, seen[1])
    assert (beside.older, beside.newer) == (seen[0], seen[2])
    assert ledger.neighbors(access, seen[0]).older is None
    assert ledger.neighbors(access, seen[-1]).newer is None


def test_a_line_says_in_short_what_became_of_what(busy: World):
    changed = lines(busy.vera.at(), action="flag.changed")[0]
    assert changed.summary == "Turn on"
    assert ["tag", "release"] in changed.subjects
    role = lines(owner(busy), action="role.set", key="vera@solar.example")[0]
    assert "viewer" in role.summary
    with transaction.atomic():
        many = {str(n): "x" * 90 for n in range(9)}
        line = audit.record(busy.max.at(), "fact.changed", "f", before={}, after=many)
    assert len(line.summary) <= 400
    assert line.summary.endswith("6 more")


def test_a_history_page_reads_no_documents(busy: World):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        ledger.page(busy.vera.at(), Wanted())
    assert not [one for one in asked.captured_queries if '"after"' in one["sql"]]


# --- pages


def test_the_page_of_a_project_filters_and_tells(busy: World):
    client, url = busy.vera.client, busy.url("audit/")
    page = client.get(url, {"kind": "flag", "key": "quote-form"}).content.decode()
    assert "Turn on" in page
    assert "launch day" in page
    assert "segment.created" not in page.split("<tbody>")[1]
    wrong = client.get(url, {"since": "yesterday", "person": "max"})
    assert wrong.status_code == 422
    assert b"Write it as 2026-11-21." in wrong.content
    assert b'value="yesterday"' in wrong.content
    assert b'value="max"' in wrong.content


def test_a_line_says_where_it_was_and_by_which_door(busy: World):
    Api.of(busy.max).post(f"{ROOT}/segments", {"key": "by-rest", "name": "By REST"})

    def told(access: Access) -> dict[str, tuple[str, str, str]]:
        page = stories.told(access, lines(access))
        return {f"{one.did} {one.target}": (one.door, one.where, one.wide) for one in page}

    here, everywhere = told(busy.vera.at()), told(owner(busy))
    assert here["changed flag quote-form"] == ("by system", "Production", "")
    assert everywhere["changed flag quote-form"] == ("by system", "Shop, Production", "")
    assert here["created segment by-rest"] == ("by REST", "", "project")
    assert everywhere["created segment by-rest"] == ("by REST", "", "Shop")
    assert everywhere["added member ada@solar.example"][1:] == ("", "organization")
    assert "by REST" in busy.vera.client.get(busy.url("audit/")).text


def test_the_page_of_the_organization_is_for_owners(busy: World):
    assert busy.olivia.client.get("/org/solar/audit/").status_code == 200
    assert busy.olivia.client.get("/org/solar/audit/1/").status_code == 200
    for person in (busy.ada, busy.vera, busy.mia):
        assert person.client.get("/org/solar/audit/").status_code == 403
        assert person.client.get("/org/solar/audit/1/").status_code == 403
    assert busy.stan.client.get("/org/solar/audit/").status_code == 404


def test_a_line_shows_its_object_its_neighbors_and_its_proof(busy: World):
    line = lines(busy.vera.at(), action="flag.changed")[0]
    page = busy.vera.client.get(busy.url(f"audit/{line.sequence}/")).content.decode()
    assert busy.url("flags/quote-form/") in page
    assert line.previous_hash in page
    assert f"audit/{line.sequence + 1}/" in page
    assert "not been verified as far as this line" in page


# --- exports


def taken(client: Client, url: str, form: str, **filters: str) -> str:
    response = client.post(url, {"format": form, **filters})
    assert response.status_code == 200, response
    return b"".join(response).decode()


@pytest.mark.parametrize(
    ("client_of", "url"),
    [
        (lambda world: world.vera.client, "/o/solar/shop/production/audit/export"),
        (lambda world: world.olivia.client, "/org/solar/audit/export"),
    ],
    ids=["project", "organization"],
)
def test_an_export_holds_what_the_filters_let_through_and_is_recorded(
    busy: World, client_of: Callable[[World], Client], url: str
):
    filters = {"person": "rita", "kind": "segment"}
    told = taken(client_of(busy), url, "jsonl", **filters)
    rows = [json.loads(row) for row in told.splitlines()]
    assert [row["action"] for row in rows] == ["segment.created"]
    assert "u-1" in json.dumps(rows[0]["after"]["beta"])
    line = busy.ledger()[-1]
    assert line.action == "audit.exported"
    assert line.after is not None
    assert line.after["person"] == "rita"
    rows = list(csv.DictReader(io.StringIO(taken(client_of(busy), url, "csv"))))
    assert rows[0]["action"] == "audit.exported", "the first export; never itself"
    assert {"experiment.started", "flag.created"} <= {row["action"] for row in rows}


def test_an_export_in_many_chunks_is_whole(busy: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger, "CHUNK", 2)
    told = taken(busy.vera.client, busy.url("audit/export"), "jsonl")
    whole = AuditEntry.objects.within(busy.project).order_by("-sequence")
    sequences = [json.loads(row)["sequence"] for row in told.splitlines()]
    assert sequences == list(whole.values_list("sequence", flat=True))[1:]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_a_table_is_a_formula(world: World, start: str):
    with transaction.atomic():
        audit.record(world.max.at(), "flag.changed", f"{start}cmd", reason=f"{start}HYPERLINK()")
    told = taken(world.vera.client, world.url("audit/export"), "csv")
    for row in csv.reader(io.StringIO(told, newline="")):
        assert not [cell for cell in row if cell.startswith(exports.FORMULA)]


def test_an_export_in_no_form_is_refused(world: World):
    with pytest.raises(InvalidInput, match="no form"):
        exports.export_history(world.vera.at(), Wanted(), "xlsx")
    assert world.ledger()[-1].action != "audit.exported"


def test_a_link_exports_nothing(busy: World):
    assert busy.vera.client.get(busy.url("audit/export")).status_code == 405


# --- REST


def test_the_history_is_read_by_machines(busy: World):
    api = Api.of(busy.vera)
    told = api.get(f"{ROOT}/history", tag="release").body["items"]
    assert [one["action"] for one in told] == ["flag.changed", "flag.created"]
    assert {"kind": "tag", "key": "release"} in told[0]["subjects"]
    assert told[0]["summary"] == "Turn on"
    assert api.get(f"{ROOT}/history", since="soon").status == 422
    mine = Api.of(busy.olivia)
    everything = mine.get("/api/v1/organizations/solar/history", project="shop", limit=1).body
    assert everything["next"]
    sequence = everything["items"][0]["sequence"]
    line = mine.get(f"/api/v1/organizations/solar/history/{sequence}")
    assert line.body["hash"] == busy.ledger()[sequence - 1].hash
    assert api.get("/api/v1/organizations/solar/history").status == 403


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"query_params": {"format": "csv"}}, "text/csv; charset=utf-8"),
        ({"headers": {"Accept": "text/csv"}}, "text/csv; charset=utf-8"),
        ({}, "application/x-ndjson"),
    ],
    ids=["format", "accept", "neither"],
)
def test_the_history_is_taken_out_by_machines(busy: World, asked: dict[str, Any], kind: str):
    token = {"Authorization": f"Bearer {busy.vera.token(read_only=True)}"}
    headers = {**token, **asked.get("headers", {})}
    query = asked.get("query_params")
    answer = Client().get(f"{ROOT}/history/export", headers=headers, query_params=query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == kind
    assert re.search(rb"flag\.changed", b"".join(answer))
    assert busy.ledger()[-1].via == "REST"


def test_subjects_of_a_change_name_every_target(busy: World):
    line = lines(busy.vera.at(), action="segment.created")[0]
    served = [["served", place] for place in ("development", "production", "staging")]
    assert line.subjects == [["segment", "beta"], *served]
    with transaction.atomic():
        about = [Subject("flag", "a"), Subject("flag", "b"), Subject("flag", "a")]
        made = audit.record(busy.max.at(), "change.submitted", "a, b", subjects=about)
    assert made.subjects == [["flag", "a"], ["flag", "b"]]
    assert found(busy.vera.at(), kind="flag", key="b") == ["change.submitted a, b"]


def test_a_clock_that_was_set_back_hides_no_line(world: World):
    for moment in (LATER, LATER - timedelta(minutes=30), LATER + timedelta(minutes=1)):
        with time_machine.travel(moment, tick=False), transaction.atomic():
            audit.record(world.max.at(), "flag.changed", f"at {moment:%H:%M}")
    acts = [f"flag.changed at {clock}" for clock in ("12:00", "11:30", "12:01")]
    assert found(world.vera.at(), since="2031-03-05T11:15Z", until="2031-03-05T12:02Z") == acts
    assert found(world.vera.at(), since="2031-03-05T11:45Z", until="2031-03-05T12:01Z") == acts[:1]

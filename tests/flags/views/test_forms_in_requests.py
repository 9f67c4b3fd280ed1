"""A flag's own forms, opened in a request: whoever saves second is told, and nothing is undone."""

import json
import re
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flags import changes, docket, queries, requests
from flags.changes import Part
from flags.edits import AddRule, Edit, SetFallthrough, SetRollout, TurnOff
from flags.models import Change
from tests.api import ROOT, Api
from tests.flags.requests.steps import approve, ask_for_review, number_of
from tests.world.cast import Person, World
from tests.world.factories import add_rule, make_flag, make_rule, submit

SERVING = "flags/quote-form/serving"
# The condition of a rule as the factory makes it.
CLAUSE = {"group": "0", "attribute": "country", "op": "in", "values": "DE"}
IN = re.compile(r'name="in" value="([^"]*)"')


@pytest.fixture
def reviewed(world: World) -> World:
    """A flag that is on for a quarter, in a production where one other person must approve."""
    make_flag(world.max.at(), on=True)
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    ask_for_review(world)
    return world


def part(world: World, *edits: Edit) -> Part:
    version = queries.flag(world.max.at(), "quote-form").version
    return Part(changes.state("quote-form"), edits, version)


def open_request(world: World, *edits: Edit, by: Person | None = None) -> Change:
    access = (by or world.max).at()
    asked = requests.open_request(access, [part(world, *edits)], comment="Because")
    assert isinstance(asked, changes.Pending)
    return asked.change


def keep_draft(world: World, *edits: Edit) -> Change:
    return requests.save_draft(world.max.at(), [part(world, *edits)])


def now(world: World, change: Change) -> dict[str, Any]:
    """What the request would leave of the flag."""
    after: dict[str, Any] = docket.request(world.max.at(), number_of(change)).parts[0]["after"]
    return after


class Tab:
    """A form on somebody's screen, opened in a request."""

    def __init__(self, world: World, person: Person, change: Change, path: str = SERVING) -> None:
        self.client = person.client
        self.url = world.url(f"{path}?in={change.number}")
        shown = self.client.get(self.url)
        assert shown.status_code == 200
        self.text = shown.content.decode()

    def save(self, **typed: Any) -> Any:
        """Press its button; a refusal stays on the screen."""
        (seen,) = IN.findall(self.text)
        version = re.search(r'name="expected_version" value="(\d+)"', self.text)
        assert version
        form = {"in": seen, "expected_version": version[1], **typed}
        answer = self.client.post(self.url, form)
        if answer.status_code != 303:
            self.text = answer.content.decode()
        return answer

    def serve(self, serve: str, off: str = "off") -> Any:
        return self.save(serve=serve, off=off, unit="user")


def test_a_form_opened_in_a_request_shows_and_adds_to_what_the_request_says(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    address = reviewed.url(f"flags/quote-form/rules/r1/?in={change.number}")
    shown = reviewed.max.client.get(reviewed.url(f"requests/{change.number}/")).content.decode()
    assert address in shown
    form = reviewed.max.client.get(address).content.decode()
    assert 'value="50"' in form
    assert f"Save in #{change.number}" in form
    answer = Tab(reviewed, reviewed.max, change).serve("off")
    assert answer.url == reviewed.url(f"requests/{change.number}/")
    after = now(reviewed, change)
    assert after["fallthrough"] == "off"
    assert after["rules"][0]["allocation"]["ranges"] == [[0, 50_000]]
    assert queries.flag(reviewed.max.at(), "quote-form").state.fallthrough == "on"


def test_the_second_of_two_people_is_told_what_the_first_saved(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    mine, theirs = Tab(reviewed, reviewed.max, change), Tab(reviewed, reviewed.rita, change)
    assert theirs.serve("off").status_code == 303
    late = mine.serve("on", off="on")
    assert late.status_code == 409
    assert f"You started from revision 1 of #{change.number}; it is at revision 2" in mine.text
    assert f"{reviewed.rita.user.email} wrote: quote-form: To everyone else, serve off" in mine.text
    assert now(reviewed, change)["fallthrough"] == "off"
    typed = re.search(r'<select name="off"[^>]*>(.*?)</select>', mine.text, re.DOTALL)
    assert typed
    assert '<option value="on" selected>' in typed[1]
    # One press goes on, on top of what was just read.
    assert mine.serve("on", off="on").status_code == 303
    after = now(reviewed, change)
    assert (after["fallthrough"], after["off"]) == ("on", "on")


def test_two_tabs_of_one_draft_do_not_undo_each_other(reviewed):
    draft = keep_draft(reviewed, SetRollout("r1", 50_000))
    first, second = (Tab(reviewed, reviewed.max, draft) for _ in range(2))
    assert first.serve("off").status_code == 303
    assert second.serve("on", off="on").status_code == 409
    assert "quote-form: To everyone else, serve off" in second.text
    assert now(reviewed, draft)["fallthrough"] == "off"
    assert second.serve("off", off="on").status_code == 303
    assert (now(reviewed, draft)["fallthrough"], now(reviewed, draft)["off"]) == ("off", "on")


@pytest.mark.parametrize("path", [SERVING, "flags/quote-form/rules/r1/"])
def test_to_save_nothing_new_leaves_the_request_and_its_approvals_alone(reviewed, path):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    approve(reviewed.rita, change)
    typed = {"serve": "on", "off": "off", "unit": "user"}
    if path != SERVING:
        (rule,) = queries.flag(reviewed.max.at(), "quote-form").state.rules
        typed |= {"name": rule.name, "share": "50", "share_unit": "user", "clauses": "1"}
        typed |= {f"clause-0-{name}": text for name, text in CLAUSE.items()}
    answer = Tab(reviewed, reviewed.max, change, path).save(**typed)
    assert answer.url == reviewed.url(f"requests/{change.number}/")
    row = docket.request(reviewed.max.at(), number_of(change))
    assert (row.revision, row.status) == (1, Change.Status.APPROVED)


def test_a_rule_taken_out_of_the_request_meanwhile_comes_back_with_what_was_typed(reviewed):
    change = open_request(reviewed, AddRule(make_rule(rule_id="r9")), SetFallthrough("off"))
    mine = Tab(reviewed, reviewed.max, change, "flags/quote-form/rules/r9/")
    left = [part(reviewed, SetFallthrough("off"))]
    requests.revise(reviewed.rita.at(), number_of(change), left, expected_revision=1)
    typed = {"name": "Typed", "serve": "on", "unit": "user", "clauses": "1", "share": ""}
    typed |= {"share_unit": "user"}
    typed |= {f"clause-0-{name}": text for name, text in CLAUSE.items()}
    late = mine.save(**typed)
    assert late.status_code == 409
    assert "it is at revision 2 now" in mine.text
    assert "saving again adds the rule anew" in mine.text
    assert 'value="Typed"' in mine.text
    assert [one["id"] for one in now(reviewed, change)["rules"]] == ["r1"]
    assert mine.save(**typed).status_code == 303
    assert [one["name"] for one in now(reviewed, change)["rules"] if one["id"] == "r9"] == ["Typed"]


def test_rows_that_are_added_keep_the_revision_the_form_was_opened_on(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    path = "flags/quote-form/rules/r1/"
    mine, theirs = (Tab(reviewed, reviewed.max, change, path), Tab(reviewed, reviewed.rita, change))
    assert theirs.serve("off").status_code == 303
    assert mine.save(reshape="add", serve="on", unit="user").status_code == 200
    assert IN.findall(mine.text) == [f"{change.number}@1"]


def test_a_form_that_names_no_revision_has_seen_none(reviewed):
    draft = keep_draft(reviewed, SetRollout("r1", 50_000))
    form = {"serve": "off", "off": "off", "unit": "user", "expected_version": "2"}
    url = reviewed.url(f"{SERVING}?in={draft.number}")
    answer = reviewed.max.client.post(url, form)
    assert answer.status_code == 409
    assert now(reviewed, draft)["fallthrough"] == "on"
    added = reviewed.max.client.post(reviewed.url(SERVING), {**form, "how": f"add:{draft.number}"})
    assert added.status_code == 409
    assert now(reviewed, draft)["fallthrough"] == "on"


def test_adding_from_the_flags_own_form_names_the_revision_that_was_offered(reviewed):
    draft = keep_draft(reviewed, SetRollout("r1", 50_000))
    client, url = reviewed.max.client, reviewed.url("flags/quote-form/rules/r1/rollout")
    assert f'value="add:{draft.number}@1"' in client.get(url).content.decode()
    assert Tab(reviewed, reviewed.max, draft).serve("off").status_code == 303
    form = {"share": "40", "how": f"add:{draft.number}@1", "expected_version": "2"}
    late = client.post(url, form)
    assert late.status_code == 409
    text = late.content.decode()
    assert "quote-form: To everyone else, serve off" in text
    assert f'value="add:{draft.number}@2"' in text
    assert client.post(url, {**form, "how": f"add:{draft.number}@2"}).status_code == 303
    assert now(reviewed, draft)["rules"][0]["allocation"]["ranges"] == [[0, 40_000]]


def test_what_was_typed_into_a_request_that_closed_may_go_its_own_way(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    mine = Tab(reviewed, reviewed.max, change)
    requests.withdraw(reviewed.max.at(), number_of(change))
    assert mine.serve("off").status_code == 409
    assert "is withdrawn" in mine.text
    assert "Submit for review (1 approval)" in mine.text
    assert mine.serve("off").status_code == 303
    (newer,) = docket.requests(reviewed.max.at(), status=[Change.Status.OPEN])
    assert now(reviewed, newer)["fallthrough"] == "off"
    assert now(reviewed, newer)["rules"][0]["allocation"]["ranges"] == [[0, 25_000]]


def test_a_closed_request_opens_no_forms(reviewed):
    change = open_request(reviewed, TurnOff())
    requests.withdraw(reviewed.max.at(), number_of(change))
    answer = reviewed.max.client.get(reviewed.url(f"{SERVING}?in={change.number}"))
    assert answer.status_code == 409


def test_forms_of_another_environment_do_not_save_into_a_request(reviewed):
    change = open_request(reviewed, TurnOff())
    asked = f"{SERVING}?in={change.number}"
    assert reviewed.max.client.get(reviewed.url(asked, "staging")).status_code == 404


def test_adding_to_a_request_whose_base_moved_says_to_merge_first(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    other = open_request(reviewed, SetFallthrough("off"), by=reviewed.ada)
    requests.bypass(reviewed.ada.at(), number_of(other), reason="now")
    form = {"share": "40", "how": f"add:{change.number}@1", "expected_version": "3"}
    answer = reviewed.max.client.post(reviewed.url("flags/quote-form/rules/r1/rollout"), form)
    assert answer.status_code == 422
    assert "starts from an older version. Merge it on its page first" in answer.content.decode()


def test_an_old_form_does_not_slip_into_a_request_that_starts_from_a_newer_flag(reviewed):
    submit(reviewed.olivia.at(), "quote-form", SetFallthrough("off"))
    (waiting,) = docket.requests(reviewed.max.at(), status=[Change.Status.OPEN])
    requests.bypass(reviewed.olivia.at(), number_of(waiting), reason="now")
    change = open_request(reviewed, SetRollout("r1", 50_000))
    old = {"serve": "on", "off": "on", "unit": "user", "expected_version": "2"}
    how = {"how": f"add:{change.number}@1"}
    answer = reviewed.max.client.post(reviewed.url(SERVING), {**old, **how})
    assert answer.status_code == 409
    assert "You started from version 2; it is at version 3 now." in answer.content.decode()
    assert now(reviewed, change)["fallthrough"] == "off"


def test_edits_written_as_json_are_kept_when_somebody_was_faster(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    client, url = reviewed.max.client, reviewed.url(f"requests/{change.number}/edit")
    assert Tab(reviewed, reviewed.rita, change).serve("off").status_code == 303
    mine = [
        {
            "target": {"kind": "state", "key": "quote-form"},
            "base_version": 2,
            "edits": [{"edit": "set_rollout", "rule_id": "r1", "steps": 70_000}],
        }
    ]
    late = client.post(url, {"revision": "1", "parts": json.dumps(mine)})
    text = late.content.decode()
    assert late.status_code == 409
    assert "wrote: quote-form: To everyone else, serve off" in text
    assert "70000" in text
    assert 'name="revision" value="2"' in text
    assert client.post(url, {"revision": "2", "parts": json.dumps(mine)}).status_code == 303


def test_over_rest_a_save_names_its_revision_and_learns_what_changed(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    api = Api.of(reviewed.max)
    url = f"{ROOT}/requests/{change.number}"
    seen = api.get(url).etag
    assert Tab(reviewed, reviewed.rita, change).serve("off").status_code == 303
    body = {
        "parts": [
            {
                "target": {"kind": "state", "key": "quote-form"},
                "expected_version": 2,
                "edits": [{"edit": "set_rollout", "rule_id": "r1", "steps": 70_000}],
            }
        ]
    }
    late = api.put(url, body, version=seen.strip('"'))
    assert (late.status, late.body["code"]) == (409, "revision_changed")
    assert (late.body["expected"], late.body["actual"]) == (1, 2)
    assert late.body["meanwhile"] == [
        f"{reviewed.rita.user.email} wrote: quote-form: To everyone else, serve off"
    ]
    assert now(reviewed, change)["fallthrough"] == "off"


# --- whatever order two tabs are used in

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "save"]),
        st.integers(0, 1),
        st.sampled_from(["on", "off"]),
        st.sampled_from(["on", "off"]),
    ),
    min_size=2,
    max_size=6,
)


@pytest.mark.parametrize("is_draft", [True, False])
def test_no_save_is_lost_and_none_is_undone_by_somebody_who_has_not_seen_it(reviewed, is_draft):
    make = keep_draft if is_draft else open_request

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(steps=STEPS)
    def holds(steps: list[tuple[str, int, str, str]]) -> None:
        with transaction.atomic():
            change = make(reviewed, SetRollout("r1", 50_000))
            people = [reviewed.max, reviewed.max if is_draft else reviewed.rita]
            tabs = [Tab(reviewed, person, change) for person in people]
            seen, saved = [1, 1], [("on", "off")]
            for act, who, serve, off in steps:
                if act == "open":
                    tabs[who] = Tab(reviewed, people[who], change)
                    seen[who] = len(saved)
                    continue
                answer = tabs[who].serve(serve, off)
                # Only on top of the newest that was on this screen; else it is told, once.
                if seen[who] == len(saved):
                    assert answer.status_code == 303
                    if (serve, off) != saved[-1]:
                        saved.append((serve, off))
                else:
                    assert answer.status_code == 409
                    seen[who] = len(saved)
            after = now(reviewed, change)
            assert (after["fallthrough"], after["off"]) == saved[-1]
            row = docket.request(reviewed.max.at(), number_of(change))
            assert row.revision == len(saved)
            transaction.set_rollback(True)

    holds()

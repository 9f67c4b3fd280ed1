"""What a change request would do, told in sentences: a fragment of its page, loaded after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from accounts.errors import DomainError
from accounts.models import Environment
from accounts.web.place import environment_access
from flags import docket, impact
from flags.impact import Decider, PlaceImpact, Transition

MOST_WAYS_TOLD: Final = 3
MOST_ROWS: Final = 12
DECIDERS: Final = {
    "off": lazy("the flag is off"),
    "requirement": lazy("a required flag"),
    "holdout": lazy("a holdout"),
    "assignment": lazy("a custom assignment"),
    "everyone": lazy("everyone else"),
    "error": lazy("an error"),
    "no_flag": lazy("no such flag"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """So many contexts of a flag go from one variation to another, and who decides."""

    flag: str
    before: str
    after: str
    was: str
    by: str
    contexts: str
    share: str
    percent: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a change would do in one environment, as a page says it."""

    environment: Environment
    headline: str
    lines: tuple[Line, ...]
    more: int
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    is_known: bool


@require_GET
def request_impact(request: HttpRequest, number: int, **place: str) -> HttpResponse:
    """The impact of a request on what is served now; the page loads it behind itself."""
    access = environment_access(request, **place)
    change = docket.request(access, number)
    told: list[Told] = []
    problem = ""
    try:
        told = [tell(found) for found in impact.of_change(access, change).places]
    except DomainError as error:
        problem = f"{error} {error.hint}".strip()
    context = {"nav": "requests", "number": number, "told": told, "problem": problem}
    htmx = getattr(request, "htmx", None)
    return render(request, "flags/_impact.html" if htmx else "flags/impact.html", context)


def tell(place: PlaceImpact) -> Told:
    """An environment's part in words."""
    shown = place.transitions[:MOST_ROWS]
    return Told(
        environment=place.environment,
        headline=headline(place),
        lines=tuple(_line(place, one) for one in shown),
        more=len(place.transitions) - len(shown),
        notes=tuple(_notes(place)),
        warnings=tuple(_warnings(place)),
        is_known=place.tried > 0,
    )


def headline(place: PlaceImpact) -> str:
    """The one sentence a person could paste into a chat."""
    name = place.environment.name
    if not place.flags:
        return _("Nothing that %(name)s serves would change.") % {"name": name}
    if place.keeps_none:
        sentence = _("What it would do in %(name)s cannot be told: no recent contexts are kept.")
        return sentence % {"name": name}
    if not place.tried:
        sentence = _(
            "What it would do in %(name)s cannot be told: no application has sent recent contexts."
        )
        return sentence % {"name": name}
    if not place.changed:
        sentence = ngettext(
            "The %(n)s recent context in %(name)s keeps what it gets.",
            "All %(n)s recent contexts in %(name)s keep what they get.",
            place.tried,
        )
        return sentence % {"n": intcomma(place.tried), "name": name}
    sentence = ngettext(
        "Of %(tried)s recent contexts in %(name)s, %(n)s (%(share)s) gets something else: %(ways)s.",
        "Of %(tried)s recent contexts in %(name)s, %(n)s (%(share)s) get something else: %(ways)s.",
        place.changed,
    )
    return sentence % {
        "tried": intcomma(place.tried),
        "name": name,
        "n": intcomma(place.changed),
        "share": percent(place.share),
        "ways": _ways(place),
    }


def percent(share: float) -> str:
    """A share as people read it; what is there is never called nothing."""
    if 0 < share < 0.001:
        return _("under 0.1 %")
    if 0.999 < share < 1:
        return _("over 99.9 %")
    return f"{share * 100:.1f} %" if share < 1 else "100 %"


def _ways(place: PlaceImpact) -> str:
    """off → on 3,050, on → off 52; with several flags each is named."""
    counts: dict[tuple[str, str, str], int] = {}
    for one in place.transitions:
        way = (one.flag, _variation(one.before), _variation(one.after))
        counts[way] = counts.get(way, 0) + one.contexts
    is_one = len({flag for flag, _before, _after in counts}) == 1
    ranked = sorted(counts.items(), key=lambda one: -one[1])
    told = [
        f"{'' if is_one else flag + ': '}{before} → {after} {intcomma(count)}"
        for (flag, before, after), count in ranked[:MOST_WAYS_TOLD]
    ]
    more = len(ranked) - len(told)
    if more:
        told.append(ngettext("%(n)d more way", "%(n)d more ways", more) % {"n": more})
    return ", ".join(told)


def _variation(name: str | None) -> str:
    return _("the code's default") if name is None else name


def _line(place: PlaceImpact, one: Transition) -> Line:
    share = one.contexts / place.tried
    return Line(
        flag=one.flag,
        before=_variation(one.before),
        after=_variation(one.after),
        was=decider(one.was),
        by=decider(one.by),
        contexts=intcomma(one.contexts),
        share=percent(share),
        percent=round(share * 100, 1),
    )


def decider(one: Decider) -> str:
    """Who decided, in words."""
    if one.kind == "rule":
        return _("rule %(name)s") % {"name": one.name}
    return str(DECIDERS[one.kind])


def _notes(place: PlaceImpact) -> Iterable[str]:
    if place.created:
        names = ", ".join(place.created)
        yield _("Nobody asks for %(names)s yet.") % {"names": names}
    if place.tried < place.contexts:
        sentence = _("So many flags are touched that %(tried)s of %(known)s contexts were tried.")
        yield sentence % {"tried": intcomma(place.tried), "known": intcomma(place.contexts)}


def _warnings(place: PlaceImpact) -> Iterable[str]:
    for one in place.experiments:
        sentence = ngettext(
            "Experiment %(key)s is running: %(n)s context leaves its arm or enters another.",
            "Experiment %(key)s is running: %(n)s contexts leave their arm or enter another.",
            one.contexts,
        )
        yield sentence % {"key": one.experiment, "n": intcomma(one.contexts)}
    if place.errors:
        sentence = ngettext(
            "%(n)s evaluation would fail and give the code's default.",
            "%(n)s evaluations would fail and give the code's default.",
            place.errors,
        )
        yield sentence % {"n": intcomma(place.errors)}
    if place.unseen:
        sentence = _(
            "No recent context holds %(names)s, so conditions on it matched nobody here."
            " SDKs send only what some rule asks for, and nothing private."
        )
        yield sentence % {"names": ", ".join(place.unseen)}
    if place.hidden:
        sentence = _(
            "Contexts hold only hashes of %(names)s: whether one begins with or contains something"
            " cannot be told."
        )
        yield sentence % {"names": ", ".join(place.hidden)}

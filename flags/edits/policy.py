"""Who must look at a change before it applies: review rules of an environment, stewards of things."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from accounts.permissions import Permission
from flags.edits.base import Edit, EditKind, InvalidEdit, edit, read_bool, read_text, read_texts
from flags.edits.documents import check_key

MOST_APPROVALS: Final = 5
MOST_FREEZES: Final = 50
MOST_TEAMS: Final = 20
MOST_STEWARDS: Final = 500
# So many changed rules a sentence names.
MOST_TOLD: Final = 3
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999
# What a steward rule may name. A tag stands for every flag that carries it.
THINGS: Final = ("flag", "segment", "experiment", "tag")


@dataclass(frozen=True, slots=True)
class Freeze:
    """A stretch of time in which an environment takes no changes; ends before `ends`."""

    starts: datetime
    ends: datetime
    reason: str = ""

    def holds(self, now: datetime) -> bool:
        """Whether it is on."""
        return self.starts <= now < self.ends

    def told(self) -> str:
        """When it is and why, in words."""
        why = f" ({self.reason})" if self.reason else ""
        return f"from {self.starts:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M} UTC{why}"

    def to_json(self) -> dict[str, Any]:
        return {
            "from": self.starts.isoformat(),
            "to": self.ends.isoformat(),
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any], where: str = "freezes") -> Self:
        _refuse_unknown(given, {"from", "to", "reason"}, where)
        starts = _moment(given.get("from"), f"{where}.from")
        ends = _moment(given.get("to"), f"{where}.to")
        if ends <= starts:
            raise InvalidEdit("a freeze ends after it begins", where=f"{where}.to")
        reason = read_text(given.get("reason", ""), f"{where}.reason").strip()
        if len(reason) > 200:
            raise InvalidEdit("at most 200 characters", where=f"{where}.reason")
        return cls(starts, ends, reason)


def _moment(given: object, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(read_text(given, where))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidEdit(
            "must be a moment with its offset",
            where=where,
            hint="Write it as 2026-12-24T12:00:00+00:00.",
        )
    # At the ends of the calendar a moment has no other time zones to be shown in.
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InvalidEdit(f"must lie between {FIRST_YEAR} and {LAST_YEAR}", where=where)
    return found.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """How many other people must approve a change in an environment; a freeze refuses all.

    `reviewers` are teams: only approvals of their people count. None: of anybody with the right.
    """

    approvals: int = 0
    frozen: bool = False
    reviewers: tuple[str, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def freeze(self, now: datetime) -> Freeze | None:
        """The window that is on, the one that ends last if there are several."""
        on = [window for window in self.freezes if window.holds(now)]
        return max(on, key=lambda window: window.ends, default=None)

    def to_json(self) -> dict[str, Any]:
        return {
            "approvals": self.approvals,
            "frozen": self.frozen,
            "reviewers": list(self.reviewers),
            "freezes": [window.to_json() for window in self.freezes],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Read a stored document; what it does not say is as if nobody had asked for it."""
        return cls(
            _approvals(given.get("approvals", 0), "approvals"),
            read_bool(given.get("frozen", False), "frozen"),
            _teams(given.get("reviewers", ()), "reviewers"),
            _freezes(given.get("freezes", ())),
        )


def _approvals(given: object, where: str) -> int:
    # `type`, because True is an int to `isinstance`.
    if type(given) is not int or not 0 <= given <= MOST_APPROVALS:
        raise InvalidEdit(f"must be a whole number from 0 to {MOST_APPROVALS}", where=where)
    return given


def _teams(given: object, where: str) -> tuple[str, ...]:
    named = tuple(sorted(set(read_texts(given, where))))
    if len(named) > MOST_TEAMS:
        raise InvalidEdit(f"at most {MOST_TEAMS} teams", where=where)
    for key in named:
        check_key(key, where)
    return named


def _freezes(given: Any) -> tuple[Freeze, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given):
        raise InvalidEdit("must be a list of objects", where="freezes")
    if len(given) > MOST_FREEZES:
        raise InvalidEdit(f"at most {MOST_FREEZES} windows", where="freezes")
    read = [Freeze.from_json(one, f"freezes[{index}]") for index, one in enumerate(given)]
    return tuple(sorted(read, key=lambda window: (window.starts, window.ends)))


@dataclass(frozen=True, slots=True)
class Steward:
    """The teams that look after one thing.

    With `editors` only their people (and owners) may change it; each team of `reviewers` must
    approve once, and `approvals` asks for so many in all.
    """

    kind: str
    key: str
    editors: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    approvals: int | None = None

    def told(self) -> str:
        """What they do, in words."""
        many = self.approvals or 0
        said = [
            f"{' or '.join(self.editors)} may change it" if self.editors else "",
            f"{' and '.join(self.reviewers)} approve" if self.reviewers else "",
            f"{many} approval{'' if many == 1 else 's'}" if many else "",
        ]
        return ", ".join(one for one in said if one) or "nobody named"

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "editors": list(self.editors),
            "reviewers": list(self.reviewers),
            "approvals": self.approvals,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any], where: str = "stewards") -> Self:
        _refuse_unknown(given, {"kind", "key", "editors", "reviewers", "approvals"}, where)
        kind = read_text(given.get("kind"), f"{where}.kind")
        if kind not in THINGS:
            raise InvalidEdit(f"{kind!r} is not one of {', '.join(THINGS)}", where=f"{where}.kind")
        key = read_text(given.get("key"), f"{where}.key").strip()
        if not 0 < len(key) <= 100:
            raise InvalidEdit("names nothing", where=f"{where}.key")
        approvals = given.get("approvals")
        return cls(
            kind,
            # Tags are kept in small letters.
            key.lower() if kind == "tag" else key,
            _teams(given.get("editors", ()), f"{where}.editors"),
            _teams(given.get("reviewers", ()), f"{where}.reviewers"),
            None if approvals is None else _approvals(approvals, f"{where}.approvals"),
        )


def _refuse_unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise InvalidEdit(f"unknown field {unknown[0]!r}", where=where)


@dataclass(frozen=True, slots=True)
class Stewards:
    """A project's stewards, at most one rule for each thing."""

    rules: tuple[Steward, ...] = ()

    def of(self, kind: str, key: str) -> Steward | None:
        """The rule about one thing."""
        return next((one for one in self.rules if (one.kind, one.key) == (kind, key)), None)

    def to_json(self) -> dict[str, Any]:
        return {"stewards": [one.to_json() for one in self.rules]}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        listed = given.get("stewards", ())
        read = [Steward.from_json(one, f"stewards[{index}]") for index, one in enumerate(listed)]
        seen: set[tuple[str, str]] = set()
        for index, one in enumerate(read):
            if (one.kind, one.key) in seen:
                raise InvalidEdit(
                    f"{one.kind} {one.key} is named twice", where=f"stewards[{index}]"
                )
            seen.add((one.kind, one.key))
        return cls(tuple(sorted(read, key=lambda one: (one.kind, one.key))))


@edit("set_review_rules", EditKind.POLICY, Permission.MANAGE_POLICY)
@dataclass(frozen=True, slots=True)
class SetReviewRules(Edit):
    """How many approvals a change needs here and of whom, and when changes are frozen."""

    approvals: int
    frozen: bool = False
    reviewers: tuple[str, ...] = ()
    freezes: tuple[Mapping[str, object], ...] = ()

    def apply(self, _policy: ReviewRules | None) -> ReviewRules:
        return ReviewRules(
            _approvals(self.approvals, "approvals"),
            self.frozen,
            _teams(self.reviewers, "reviewers"),
            _freezes(self.freezes),
        )

    def sentence(self) -> str:
        windows = len(self.freezes)
        frozen = ", frozen" if self.frozen else ""
        listed = f", {windows} freeze{'' if windows == 1 else 's'}" if windows else ""
        return self._asked() + frozen + listed

    def sentence_from(self, before: ReviewRules | None, /) -> str:
        old, new = before or ReviewRules(), self.apply(None)
        told = [
            self._asked() if _is_asked(old) != _is_asked(new) else "",
            "freeze everything" if new.frozen and not old.frozen else "",
            "end the freeze" if old.frozen and not new.frozen else "",
            _windows("drop the planned freeze", old.freezes, new.freezes),
            _windows("plan a freeze", new.freezes, old.freezes),
        ]
        said = "; ".join(one for one in told if one)
        return f"{said[0].upper()}{said[1:]}" if said else self.sentence()

    def _asked(self) -> str:
        whom = f" of {' or '.join(self.reviewers)}" if self.reviewers else ""
        return f"Ask for {self.approvals} approval{'' if self.approvals == 1 else 's'}{whom}"


def _is_asked(rules: ReviewRules) -> tuple[int, tuple[str, ...]]:
    return rules.approvals, rules.reviewers


def _windows(verb: str, some: tuple[Freeze, ...], others: tuple[Freeze, ...]) -> str:
    """The windows of one side only, each named."""
    return "; ".join(f"{verb} {window.told()}" for window in some if window not in others)


@edit("set_stewards", EditKind.STEWARDS, Permission.MANAGE_POLICY)
@dataclass(frozen=True, slots=True)
class SetStewards(Edit):
    """Say which teams look after which flags, segments, experiments and tags: the whole list."""

    stewards: tuple[Mapping[str, object], ...]

    def apply(self, _stewards: Stewards | None) -> Stewards:
        if len(self.stewards) > MOST_STEWARDS:
            raise InvalidEdit(f"at most {MOST_STEWARDS} rules", where="stewards")
        return Stewards.from_json({"stewards": self.stewards})

    def sentence(self) -> str:
        named = [f"{one.get('kind')} {one.get('key')}" for one in self.stewards[:3]]
        more = len(self.stewards) - len(named)
        told = ", ".join(named) + (f" and {more} more" if more else "")
        return f"Stewards for {told}" if told else "No stewards"

    def sentence_from(self, before: Stewards | None, /) -> str:
        old, new = before or Stewards(), self.apply(None)
        gone = [one for one in old.rules if new.of(one.kind, one.key) is None]
        come = [one for one in new.rules if one not in old.rules]
        told = [f"{one.kind} {one.key}: {one.told()}" for one in come]
        told += [f"{one.kind} {one.key}: no stewards any more" for one in gone]
        more = len(told) - MOST_TOLD
        said = "; ".join(told[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
        return f"Stewards of {said}" if told else self.sentence()

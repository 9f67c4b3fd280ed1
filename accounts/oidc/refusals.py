"""Every way a company sign-in can be refused: what happened, and what to do about it."""

from enum import StrEnum
from typing import Final

from accounts.errors import DomainError

TELL_OWNER: Final = "Tell an owner of your organization, with the reference below."
AGAIN: Final = "Start again from the sign-in page."
NOTHING_DONE: Final = "Nobody was signed in and nothing was changed."


class Cause(StrEnum):
    """Why; the ledger keeps it, so a value never changes its meaning."""

    STATE_UNKNOWN = "state_unknown"
    STATE_OLD = "state_old"
    OTHER_PROVIDER = "other_provider"
    MIXED_UP = "mixed_up"
    PROVIDER_REFUSED = "provider_refused"
    DISABLED = "disabled"
    UNREACHABLE = "unreachable"
    BAD_ANSWER = "bad_answer"
    EXCHANGE_REFUSED = "exchange_refused"
    TOKEN_MALFORMED = "token_malformed"  # noqa: S105 - a cause, no secret
    ALGORITHM = "algorithm"
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    CLAIM_MISSING = "claim_missing"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_FRESH = "not_fresh"
    NONCE = "nonce"
    SUBJECT = "subject"
    ASSURANCE = "assurance"
    EMAIL_MISSING = "email_missing"
    EMAIL_UNVERIFIED = "email_unverified"
    DOMAIN_UNPROVED = "domain_unproved"
    SUBJECT_CHANGED = "subject_changed"
    ACCOUNT_TAKEN = "account_taken"
    DEACTIVATED = "deactivated"
    OTHER_PERSON = "other_person"
    NOT_A_LOGOUT = "not_a_logout"
    SEEN_BEFORE = "seen_before"


# What happened, and what to do.
SENTENCES: Final[dict[Cause, tuple[str, str]]] = {
    Cause.STATE_UNKNOWN: (
        "This answer of your company's sign-in belongs to no sign-in begun in this browser.",
        f"{AGAIN} If it happens again, allow cookies for this site.",
    ),
    Cause.STATE_OLD: ("This sign-in was begun too long ago.", AGAIN),
    Cause.OTHER_PROVIDER: (
        "This answer belongs to a sign-in with another provider.",
        f"{AGAIN} If you did not begin one, somebody may be trying to mislead you.",
    ),
    Cause.MIXED_UP: (
        "This answer was given by another provider than the one that was asked.",
        f"{AGAIN} If it happens again: {TELL_OWNER}",
    ),
    Cause.PROVIDER_REFUSED: ("Your company's sign-in said no.", TELL_OWNER),
    Cause.DISABLED: ("This company sign-in is switched off.", TELL_OWNER),
    Cause.UNREACHABLE: (
        "Your company's sign-in cannot be reached from here.",
        "Try again in a minute. If it lasts, ask an owner to test the connection.",
    ),
    Cause.BAD_ANSWER: ("Your company's sign-in answered something unreadable.", TELL_OWNER),
    Cause.EXCHANGE_REFUSED: (
        "Your company's sign-in did not accept our client id, secret or code.",
        f"{AGAIN} If it happens again, an owner checks the client id and secret.",
    ),
    Cause.TOKEN_MALFORMED: ("The identity token cannot be read.", TELL_OWNER),
    Cause.ALGORITHM: (
        "The identity token is signed by another method than the one agreed.",
        "An owner chooses the provider's signing method on the sign-in page.",
    ),
    Cause.KEY_UNKNOWN: (
        "The identity token is signed with a key the provider does not publish.",
        TELL_OWNER,
    ),
    Cause.SIGNATURE: ("The signature of the identity token is wrong.", TELL_OWNER),
    Cause.CLAIM_MISSING: ("The identity token lacks something it must say.", TELL_OWNER),
    Cause.ISSUER: ("The identity token was issued by somebody else.", TELL_OWNER),
    Cause.AUDIENCE: ("The identity token was issued for another application.", TELL_OWNER),
    Cause.EXPIRED: (
        "The identity token has expired.",
        f"{AGAIN} If it happens again, the clocks of the two servers differ.",
    ),
    Cause.NOT_FRESH: (
        "The identity token was not issued just now.",
        f"{AGAIN} If it happens again, the clocks of the two servers differ.",
    ),
    Cause.NONCE: ("The identity token belongs to another sign-in.", AGAIN),
    Cause.SUBJECT: ("The provider named two different people in one answer.", TELL_OWNER),
    Cause.ASSURANCE: (
        "Your organization asks for a stronger way of signing in than the one used.",
        "Sign in again with your second factor, or ask an owner which way is required.",
    ),
    Cause.EMAIL_MISSING: (
        "Your company's sign-in did not name your e-mail address.",
        "An owner adds the scope 'email', or the claim, at the provider.",
    ),
    Cause.EMAIL_UNVERIFIED: (
        "Your company's sign-in does not say that your e-mail address is verified.",
        "Verify the address there, or ask an owner for an invitation.",
    ),
    Cause.DOMAIN_UNPROVED: (
        "The domain of your e-mail address is not one this organization has proved as its own.",
        "Ask an owner for an invitation, or to prove the domain.",
    ),
    Cause.SUBJECT_CHANGED: (
        "Your company's sign-in now calls you by another name than before.",
        "Ask an owner to remove your old connection on the sign-in page; then sign in again.",
    ),
    Cause.ACCOUNT_TAKEN: (
        "This company identity is connected to somebody else's account.",
        TELL_OWNER,
    ),
    Cause.DEACTIVATED: (
        "Your account is deactivated in this organization.",
        "Ask an owner of your organization.",
    ),
    Cause.OTHER_PERSON: (
        "Your company's sign-in answered for somebody else than the person signed in here.",
        AGAIN,
    ),
    Cause.NOT_A_LOGOUT: ("The token does not ask for a sign-out.", ""),
    Cause.SEEN_BEFORE: ("The token was used before.", ""),
}


class SignInRefused(DomainError):
    """A company sign-in was refused; `cause` is what the ledger keeps."""

    code = "sign_in_refused"
    status = 403

    def __init__(self, cause: Cause, detail: str = "") -> None:
        sentence, hint = SENTENCES[cause]
        super().__init__(sentence, hint=hint, cause=str(cause), detail=detail)
        self.cause = cause
        # Facts for whoever looks after the provider; never shown to the person refused.
        self.detail = detail


class ProviderUnreachable(SignInRefused):
    """The provider did not answer, or not in a readable way: nobody's fault here."""

    code = "provider_unreachable"
    status = 503

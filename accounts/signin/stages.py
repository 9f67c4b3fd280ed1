"""What stands between a right password and being signed in."""

from typing import Any

from allauth.account.stages import EmailVerificationStage

from accounts.models import Membership


class ProveAddress(EmailVerificationStage):  # type: ignore[misc]
    """Proof of the e-mail address, from those nobody vouches for.

    Members were invited, provisioned or entered by an operator; people who signed up by
    themselves belong nowhere until they have followed the link.
    """

    def handle(self) -> tuple[Any, bool]:
        member = Membership.across_tenants.filter(user=self.login.user, is_active=True).exists()
        if member and not self.login.signup:
            return None, True
        response, goes_on = super().handle()
        return response, goes_on

"""Second factors by allauth: its secrets are sealed like all others."""

from allauth.mfa.adapter import DefaultMFAAdapter

from accounts.sealing import seal, unseal


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Wayfork's manners for allauth's second factors."""

    def encrypt(self, text: str) -> str:
        """Seeds of authenticator apps and recovery codes are not kept in the clear."""
        return seal(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode())

    def _get_site_name(self) -> str:
        """What authenticator apps and passkey dialogs call this place."""
        return "Wayfork"

"""Local sign-in by django-allauth, made to fit: manners, factors, forms and stages."""

from accounts.signin.adapter import AccountAdapter

__all__ = ["AccountAdapter"]

"""Addresses in the place a page stands in, without spelling the place out each time."""

from typing import Any

from django import template
from django.urls import reverse

register = template.Library()


@register.simple_tag(takes_context=True)
def here(context: dict[str, Any], name: str, *keys: object) -> str:
    """The address of a page of this organization, project and environment."""
    place = context["place"]
    stands = (place.organization.key, place.project.key, place.environment.key)
    return reverse(name, args=(*stands, *keys))

"""Tables that refuse to answer without a tenant."""

from typing import Any, ClassVar, TypeVar

from django.db import models

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class UnscopedQuery(RuntimeError):
    """A tenant table was queried without saying whose rows are wanted."""


class TenantManager(models.Manager[M_co]):
    """Answers only `within(tenant)`; `create` is allowed because a non-null key names the tenant."""

    def get_queryset(self) -> models.QuerySet[M_co]:
        raise UnscopedQuery(f"use {self.model.__name__}.objects.within(...)")

    def within(self, tenant: models.Model) -> models.QuerySet[M_co]:
        """Rows of this tenant: an organization, a project or an environment above the table."""
        name = tenant._meta.model_name or ""
        paths: dict[str, str] = getattr(self.model, "tenant_paths", {})
        return super().get_queryset().filter(**{paths.get(name, name): tenant})

    def create(self, **fields: Any) -> M_co:
        return super().get_queryset().create(**fields)

    def bulk_create(self, *args: Any, **options: Any) -> list[M_co]:
        return super().get_queryset().bulk_create(*args, **options)


class TenantModel(models.Model):
    """A table whose every row belongs to one organization by a non-null path.

    `tenant_paths` maps the lower-case model name of a tenant to the lookup that reaches it,
    where that is not a field of the same name.
    """

    tenant_paths: ClassVar[dict[str, str]] = {}

    objects: ClassVar[TenantManager[Any]] = TenantManager()
    across_tenants: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "across_tenants"
        base_manager_name = "across_tenants"

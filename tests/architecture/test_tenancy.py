"""Every row belongs to one organization by a path that cannot be empty, or is named here."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.apps import apps
from django.db.models import Field, Model
from django.db.models.fields.related import ForeignKey, OneToOneField

from accounts.models import Organization
from accounts.tenancy import TenantManager, TenantModel, UnscopedQuery
from config.workplace import HOME
from tests.architecture.test_conventions import modules

ROOMS: Final = ("accounts", "flags", "metrics", "experiments")
TENANTS: Final = ("organization", "project", "environment")
# Rows of nobody's.
NOBODYS: Final = {
    "accounts.Organization": "the tenant itself",
    "accounts.User": "a person may belong to several organizations",
    "accounts.User_groups": "of Django's admin; nobody is in a group",
    "accounts.User_user_permissions": "of Django's admin; nobody holds one",
}
# Rows that are reached through the one row they hang on, by a field that cannot be empty.
HANGING: Final = {
    "accounts.AuditHead": "organization",
    "accounts.AuditProof": "organization",
    "accounts.InboxCursor": "organization",
    "experiments.Arm": "experiment",
    "experiments.ExperimentMetric": "experiment",
}


def models() -> list[type[Model]]:
    return [
        model
        for room in ROOMS
        for model in apps.get_app_config(room).get_models(include_auto_created=True)
    ]


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in models() if issubclass(model, TenantModel)]


def name_of(model: type[Model]) -> str:
    return str(model._meta.label)


def target_of(field: Field[Any, Any]) -> type[Model]:
    """The model a foreign key points at."""
    found = field.related_model
    assert isinstance(found, type), field
    return found


def steps(model: type[Model], path: str) -> Iterator[Field[Any, Any]]:
    """The fields a path goes over, first to last."""
    at: type[Model] = model
    for name in path.split("__"):
        found = at._meta.get_field(name)
        assert isinstance(found, ForeignKey | OneToOneField), f"{name_of(at)}.{name}"
        yield found
        at = target_of(found)


def nullable(model: type[Model], path: str) -> list[str]:
    return [one.name for one in steps(model, path) if one.null]


def end_of(model: type[Model], path: str) -> type[Model]:
    return target_of(list(steps(model, path))[-1])


def test_there_are_models_to_look_at():
    assert len(tenant_models()) > 35


def test_every_model_belongs_to_a_tenant_or_is_named_with_its_reason():
    others = {name_of(model) for model in models() if not issubclass(model, TenantModel)}
    assert others == {*NOBODYS, *HANGING}


@pytest.mark.parametrize("model", tenant_models(), ids=name_of)
def test_every_row_reaches_its_organization_by_fields_that_cannot_be_empty(
    model: type[TenantModel],
):
    path = model.tenant_paths.get("organization", "organization")
    assert end_of(model, path) is Organization
    assert nullable(model, path) == []


@pytest.mark.parametrize("model", tenant_models(), ids=name_of)
def test_every_path_that_is_named_leads_to_the_tenant_of_its_name(model: type[TenantModel]):
    fields = {one.name for one in model._meta.fields}
    paths: dict[str, str] = {name: name for name in TENANTS if name in fields}
    for name, path in (paths | model.tenant_paths).items():
        assert end_of(model, path)._meta.model_name == name, path


@pytest.mark.parametrize("name", HANGING)
def test_what_hangs_on_a_tenants_row_cannot_hang_in_the_air(name: str):
    model = apps.get_model(name)
    assert nullable(model, HANGING[name]) == []
    above = end_of(model, HANGING[name])
    assert above is Organization or issubclass(above, TenantModel)


@pytest.mark.parametrize("model", tenant_models(), ids=name_of)
def test_no_table_answers_before_it_is_told_whose_rows_are_wanted(model: type[TenantModel]):
    assert isinstance(model.objects, TenantManager)
    for ask in (model.objects.all, model.objects.count, model.objects.first):
        with pytest.raises(UnscopedQuery):
            ask()
    # What Django follows by itself (cascades, forms, the admin) is told by name.
    assert model._meta.default_manager_name == "across_tenants"
    assert not isinstance(model._default_manager, TenantManager)


@pytest.mark.parametrize(
    "name", [one for one in modules(*ROOMS) if {"views", "api"} & set(one.split("/"))]
)
def test_pages_and_rest_never_look_across_tenants(name: str):
    assert "across_tenants" not in (HOME / name).read_text(encoding="utf-8")

"""The operator's settings become the policy event sources live under."""

from pathlib import Path

from metrics.warehouses.installation import policy


def test_the_operators_switches_reach_the_policy(settings):
    settings.EVENT_PRIVATE_HOSTS = False
    settings.EVENT_FILE_FOLDERS = ["/srv/events"]
    settings.EVENT_QUERY_SECONDS = 7
    found = policy()
    assert not found.allow_private
    assert found.allowed_folders == (Path("/srv/events"),)
    assert found.limits.seconds == 7.0


def test_the_products_own_database_is_never_an_event_source(settings):
    found = policy()
    assert found.refused_files or found.refused_databases

"""The Celery application: JSON messages that carry ids, no results kept; settings say the rest."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("wayfork")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

"""WebSocket routes of the SDKs."""

from django.urls import path

from flags.delivery.consumers import StreamConsumer

WEBSOCKETS = [path("api/v1/sdk/stream", StreamConsumer.as_asgi())]

"""Routes of company sign-in. The two under `accounts/` stand before allauth's of the same path."""

from django.urls import path

from accounts.sso import front_door, logout, views

urlpatterns = [
    path("accounts/login/", front_door.sign_in, name="sign-in"),
    path("accounts/logout/", logout.logout, name="sign-out"),
    path("sso/", views.own_identities, name="sso-identities"),
    path("sso/<str:key>/login", views.login, name="sso-login"),
    path("sso/<str:key>/callback", views.callback, name="sso-callback"),
    path("sso/<str:key>/renew", views.renew, name="sso-renew"),
    path("sso/<str:key>/connect", views.connect, name="sso-connect"),
    path("sso/<str:key>/link", views.link, name="sso-link"),
    path("sso/<str:key>/disconnect", views.disconnect, name="sso-disconnect"),
    path("sso/<str:key>/back-channel", logout.back_channel, name="sso-back-channel"),
    path("sso/<str:key>/signed-out", logout.signed_out, name="sso-signed-out"),
]

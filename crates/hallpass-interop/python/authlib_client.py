"""Authlib: a Flask application signs its user in as Authlib's manual shows it, then its OAuth 2.0 session refreshes,
introspects and revokes. The server's first line comes on standard input, the result goes to standard output."""

import json
import os
import sys
import traceback
from urllib.parse import parse_qs, urlsplit

# The server under test speaks plain HTTP on the loopback address.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, jsonify, request, session, url_for

from browser import Browser

SERVER = json.load(sys.stdin)
DISCOVERY = SERVER["issuer"].rstrip("/") + "/.well-known/openid-configuration"
SCOPE = "openid profile email offline_access"
HOST = "http://localhost:8402"
CALLBACK = HOST + "/callback"
SIGNED_OUT = HOST + "/signed-out"


def application(client_id, client_secret, method, redirect_uri):
    """The relying party. Nobody listens: its test client takes the requests."""
    app = Flask(__name__)
    app.secret_key = os.urandom(32)
    oauth = OAuth(app)
    oauth.register(
        "hallpass",
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=DISCOVERY,
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "token_endpoint_auth_method": method},
    )

    @app.get("/login")
    def login():
        return oauth.hallpass.authorize_redirect(redirect_uri, **request.args.to_dict())

    @app.get(urlsplit(redirect_uri).path)
    def callback():
        try:
            token = oauth.hallpass.authorize_access_token()
        except OAuthError as error:
            return jsonify(error=error.error), 400
        userinfo = oauth.hallpass.userinfo(token=token)
        return jsonify(token=token, userinfo=userinfo)

    @app.get("/logout")
    def logout():
        return oauth.hallpass.logout_redirect(
            post_logout_redirect_uri=request.args.get("to"), id_token_hint=request.args["id_token"]
        )

    @app.get("/signed-out")
    def signed_out():
        oauth.hallpass.validate_logout_response()
        return "bye"

    return app, oauth


def flow(client, method, step):
    redirect_uri = client["redirect_uris"][0]
    secret = client.get("client_secret")
    app, oauth = application(client["client_id"], secret, method, redirect_uri)
    base = "{0.scheme}://{0.netloc}".format(urlsplit(redirect_uri))
    rp = app.test_client()
    browser = Browser(SERVER["user"])

    def sign_in(**more):
        start = rp.get("/login", base_url=base, query_string=more)
        assert start.status_code == 302, start.text
        end = browser.walk(start.headers["Location"], end=redirect_uri)
        return rp.get(end, base_url=base)

    answer = sign_in(prompt="consent")
    assert answer.status_code == 200, answer.text
    token = answer.json["token"]
    step("discovered, signed in")
    subject = token["userinfo"]["sub"]
    assert token["userinfo"]["iss"] == SERVER["issuer"]
    step("verified the ID token")
    assert answer.json["userinfo"]["sub"] == subject
    assert answer.json["userinfo"]["preferred_username"] == SERVER["user"]["username"]
    step("read UserInfo")

    metadata = requests.get(DISCOVERY, timeout=20).json()
    api = OAuth2Session(
        client["client_id"],
        secret,
        token=token,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    refreshed = api.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert refreshed["access_token"] != token["access_token"]
    following = refreshed.get("refresh_token") or token["refresh_token"]
    # Those of a public client are replaced; those of a confidential one are bound to its secret.
    assert (following != token["refresh_token"]) == (method == "none")
    with app.test_request_context():
        if "id_token" in refreshed:
            assert oauth.hallpass.parse_id_token(refreshed, nonce=None)["sub"] == subject
        assert oauth.hallpass.userinfo(token=refreshed)["sub"] == subject
    step("refreshed")

    rs = next(c for c in SERVER["clients"] if c.get("client_secret") and not c["redirect_uris"])
    resource_server = OAuth2Session(rs["client_id"], rs["client_secret"])

    def introspect(text):
        url = metadata["introspection_endpoint"]
        return resource_server.introspect_token(url, token=text, token_type_hint="access_token").json()

    live = introspect(refreshed["access_token"])
    assert live["active"] is True and live["sub"] == subject, live
    step("introspected")

    gone = api.revoke_token(metadata["revocation_endpoint"], token=following, token_type_hint="refresh_token")
    assert gone.status_code == 200, gone.text
    try:
        api.refresh_token(metadata["token_endpoint"], refresh_token=following)
        raise AssertionError("a revoked token was refreshed")
    except OAuthError as error:
        assert error.error == "invalid_grant", error
    assert introspect(refreshed["access_token"]) == {"active": False}
    step("revoked")

    silent = sign_in(prompt="none")
    assert silent.status_code == 200, silent.text
    id_token = silent.json["token"]["id_token"]
    to = client.get("post_logout_redirect_uris", [None])[0]
    start = rp.get("/logout", base_url=base, query_string={"id_token": id_token, **({"to": to} if to else {})})
    if to:
        end = browser.walk(start.headers["Location"], end=to)
        assert parse_qs(urlsplit(end).query)["state"], end
        assert rp.get(end, base_url=base).text == "bye"
    else:
        browser.walk(start.headers["Location"], page_with="signed-out")
    after = sign_in(prompt="none")
    assert after.status_code == 400 and after.json["error"] == "login_required", after.text
    step("signed out")


def register(method):
    metadata = requests.get(DISCOVERY, timeout=20).json()
    answer = requests.post(
        metadata["registration_endpoint"],
        json={
            "client_name": "Authlib",
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [SIGNED_OUT],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": method,
            "scope": SCOPE,
        },
        timeout=20,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def find(wanted):
    return next(c for c in SERVER["clients"] if wanted(c))


CASES = {
    "a confidential client of the demo": lambda step: flow(
        find(lambda c: c.get("client_secret") and c["redirect_uris"]), "client_secret_basic", step
    ),
    "a public client of the demo": lambda step: flow(find(lambda c: not c.get("client_secret")), "none", step),
    "a client that registered itself": lambda step: flow(register("client_secret_post"), "client_secret_post", step),
}


def main():
    done = {}
    for name, case in CASES.items():
        steps = []
        try:
            case(steps.append)
        except Exception:
            print(json.dumps({"ok": False, "case": name, "after": steps, "error": traceback.format_exc()}))
            return 1
        done[name] = steps
    print(json.dumps({"ok": True, "done": done}))
    return 0


sys.exit(main())

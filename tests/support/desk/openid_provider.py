"""A real OpenID provider on the loopback, django-oauth-toolkit, in a process of its own; and a liar in front of it.

The provider shares no code with the desk's client: Django, oauthlib and jwcrypto, not authlib and joserfc.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.private_postgres import free_port

ROOT = Path(__file__).parents[3]
PASSWORD = "provider password"
CLIENT, SECRET = "coverlift", "client secret of a test"
PEOPLE = {"ann": ["editors"], "bob": ["staff"], "eve": [], "lea": ["editors", "leads"], "Ann": ["editors"]}
"""Who has an account at the provider, and the groups of each."""
LOGIN = "<form method=post>{% csrf_token %}{{ form.as_p }}<button>Log in</button></form>"


def configure(folder):
    """Django's settings."""
    from django.conf import settings
    from jwcrypto.jwk import JWK

    key = JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None).decode()
    settings.configure(
        SECRET_KEY="test",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="tests.support.desk.openid_provider",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.sqlite")}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN})]},
            }
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        LOGIN_URL="/login/",
        USE_TZ=True,
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": key,
            "SCOPES": {"openid": "", "profile": "", "email": ""},
            "OAUTH2_VALIDATOR_CLASS": "tests.support.desk.openid_provider_claims.Claims",
        },
    )


def populate(redirect):
    """The client and the people."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    Application.objects.create(
        name="desk",
        client_id=CLIENT,
        client_secret=SECRET,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        redirect_uris=redirect,
        skip_authorization=True,
    )
    for name in PEOPLE:
        User.objects.create_user(name, f"{name.lower()}@example.org", PASSWORD)


def serve(folder, port, redirect):
    """Until it is killed."""
    import django
    from django.core.wsgi import get_wsgi_application

    configure(Path(folder))
    django.setup()
    populate(redirect)
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Threads(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    make_server("127.0.0.1", int(port), get_wsgi_application(), Threads, Quiet).serve_forever()


def __getattr__(name):
    """Django asks its URL module, which this is, for the pages."""
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib.auth.views import LoginView
    from django.urls import include, path

    return [path("o/", include("oauth2_provider.urls")), path("login/", LoginView.as_view())]


class Liar(ThreadingHTTPServer):
    """What the desk and its browsers take for the provider: passes everything on, unless it is told to lie.

    ``forge``: id token -> what is sent in its place; ``down``: nothing is answered; ``key``: another of its keys,
    with which it signs what it forges.
    """

    daemon_threads = True

    def __init__(self, port, to):
        super().__init__(("127.0.0.1", port), _Handler)
        self.to, self.forge, self.down, self.key = to, None, False, None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self.server_port}/o"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if server.down:
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection("127.0.0.1", server.to, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
        upstream.request(self.command, self.path, body or None, headers)
        answer = upstream.getresponse()
        data = answer.read()
        if server.forge and self.path.startswith("/o/token") and answer.status == 200:
            token = json.loads(data)
            data = json.dumps({**token, "id_token": server.forge(token["id_token"])}).encode()
        if server.key and self.path.endswith("jwks.json"):
            data = json.dumps({"keys": [*json.loads(data)["keys"], server.key]}).encode()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@contextmanager
def provider(folder, port, redirect):
    """The provider and the liar before it, on ``port``; yields the liar."""
    behind = free_port()
    command = [sys.executable, "-c", "import sys; from tests.support.desk.openid_provider import serve; "
               "serve(*sys.argv[1:])", str(folder), str(behind), redirect]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    liar = Liar(port, behind)
    try:
        for _ in range(600):
            with suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", behind, timeout=1).connect()
                break
            time.sleep(0.05)
        yield liar
    finally:
        liar.shutdown()
        liar.server_close()
        process.kill()
        process.wait()


if __name__ == "__main__":
    serve(*sys.argv[1:])

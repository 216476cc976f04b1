"""A desk that people sign in to by a real provider, once a module."""

import re
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import requests

from benchmarks import made_up_night
from benchmarks.desk_server import add_people, serving
from benchmarks.private_postgres import free_port
from conf.settings import Settings
from generation.review.log.database import open_database
from jobs.lake.images import ImageStore
from tests.support.desk.openid_provider import CLIENT, PASSWORD, SECRET, provider


@contextmanager
def desk_with_provider(folder, **review):
    """A desk of six covers with local accounts and the provider."""
    port, secret = free_port(), folder / "secret"
    secret.write_text(SECRET + "\n")
    given = {"oidc_issuer": f"http://127.0.0.1:{port}/o", "oidc_client_id": CLIENT}
    given |= {"oidc_client_secret_file": str(secret), "oidc_name": "the test's account", **review}
    settings = Settings.model_validate({"review": given})
    url = f"sqlite:///{folder}/desk.sqlite"
    database = open_database(url, folder)
    made_up_night.fill(database, 6, images=ImageStore(str(folder / "images")))
    add_people(database, settings, {"lea": "lead", "bob": "reviewer"})
    with serving(url, folder, settings) as server:
        at = f"http://127.0.0.1:{server.port}"
        with provider(folder, port, f"{settings.review.public_url or at}/oidc/callback") as liar:
            yield SimpleNamespace(
                database=database, settings=settings, server=server, port=server.port, at=at, liar=liar
            )
    database.close()


class Browser(requests.Session):
    """A browser that stops at every redirect."""

    def __init__(self, desk, name):
        super().__init__()
        self.desk, self.name, self.trust_env = desk, name, False

    def go(self, url, **more):
        return self.get(url, allow_redirects=False, timeout=30, **more)

    def leave(self):
        """To the provider; returns its address, with the state and the nonce in it."""
        answer = self.go(f"{self.desk.at}/oidc/start")
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def at_provider(self, place):
        """Sign in there where need be; returns the address that leads back."""
        answer = self.go(place)
        if "/login/" in answer.headers.get("Location", ""):
            login = self.get(self.desk.liar.issuer.removesuffix("/o") + answer.headers["Location"], timeout=30)
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', login.text)[1]
            fields = {"csrfmiddlewaretoken": token, "username": self.name, "password": PASSWORD}
            answer = self.post(login.url, fields, headers={"Referer": login.url}, allow_redirects=False, timeout=30)
            answer = self.go(self.desk.liar.issuer.removesuffix("/o") + answer.headers["Location"])
        assert answer.status_code == 302, answer.text[:500]
        outside = self.desk.settings.review.public_url
        place = answer.headers["Location"]
        return place if outside is None else place.replace(outside, self.desk.at)  # as its proxy does

    def sign_in(self):
        """The whole way; returns the desk's answer."""
        return self.go(self.at_provider(self.leave()))

    def me(self):
        answer = self.go(f"{self.desk.at}/api/me")
        return answer.json()["name"] if answer.status_code == 200 else None


def query(url):
    """The fields of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

"""Signing in and out, the first account, people and the audit log."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from conf.errors import Forbidden, Refused
from generation.review.log import audit
from generation.review.web import return_to
from generation.review.web.accounts import ROLES, Accounts
from generation.review.web.pages.common import render
from generation.review.web.security import (
    COOKIE,
    Anybody,
    Form,
    Lead,
    address_of,
    note_in_audit,
    now_of,
    refusal,
    visitor_of,
)

router = APIRouter()


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    """The form; whoever is signed in goes on."""
    if visitor_of(request) is not None:
        return RedirectResponse("/queue", 303)
    return render(request, "sign_in.html.j2", None, problem=None, name="")


@router.post("/sign-in")
def sign_in(request: Request, form: Form) -> Response:
    """Check name and password and open a session."""
    people: Accounts = request.app.state.accounts
    name = form.get("name", "").strip()
    if people.settings.proxy_header:
        raise Forbidden("Here a proxy signs people in.")
    try:
        secret = people.sign_in(name, form.get("password", ""), address_of(request), now_of(request))
    except Refused as error:
        refusal(request, "sign in", error, name)
        return render(request, "sign_in.html.j2", None, error.status, problem=str(error), name=name)
    note_in_audit(request, name, "sign in")
    return signed_in(request, secret)


@router.post("/sign-out")
def sign_out(request: Request, visitor: Anybody) -> Response:
    """End the session."""
    request.app.state.accounts.close_session(request.cookies.get(COOKIE, ""))
    note_in_audit(request, visitor.name, "sign out")
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE)
    return response


@router.get("/password")
def password_page(request: Request, visitor: Anybody) -> HTMLResponse:
    """Where people change their own password."""
    return render(request, "password.html.j2", visitor, problem=None)


@router.post("/password")
def change_password(request: Request, visitor: Anybody, form: Form) -> Response:
    """Check the old one, keep the new one, and go on in a new session."""
    people: Accounts = request.app.state.accounts
    if people.settings.proxy_header:
        raise Forbidden("Here a proxy signs people in.")
    old, new = form.get("old", ""), form.get("new", "")
    try:
        if new != form.get("again"):
            raise Refused("The two new passwords differ; nothing was changed.")
        secret = people.change_password(visitor.name, old, new, address_of(request), now_of(request))
    except Refused as error:
        refusal(request, "own password", error, visitor.name)
        return render(request, "password.html.j2", visitor, error.status, problem=str(error))
    note_in_audit(request, visitor.name, "own password")
    return signed_in(request, secret)


@router.get("/setup")
def setup_page(request: Request, token: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:
    """The form for the first account, behind the link that the command printed."""
    _check_setup(request, token)
    return render(request, "setup.html.j2", None, token=token, problem=None, name="")


@router.post("/setup")
def setup(request: Request, form: Form) -> Response:
    """Make the first account, a lead, and sign in; the link works once."""
    _check_setup(request, form.get("token", ""))
    people: Accounts = request.app.state.accounts
    name = form.get("name", "").strip()
    try:
        people.put_first(name, form.get("password", ""), now_of(request))
    except Forbidden:
        raise
    except Refused as error:
        page = {"token": form.get("token", ""), "problem": str(error), "name": name}
        return render(request, "setup.html.j2", None, 422, **page)
    request.app.state.setup_token = None
    note_in_audit(request, name, "first account")
    return signed_in(request, people.open_session(name, now_of(request)))


@router.get("/people")
def people_page(request: Request, visitor: Lead) -> HTMLResponse:
    """Who may use the desk."""
    return render(
        request,
        "people.html.j2",
        visitor,
        people=request.app.state.accounts.all(),
        roles=ROLES,
        tab="people",
        said=None,
    )


@router.post("/people")
def change_people(request: Request, visitor: Lead, form: Form) -> HTMLResponse:
    """Add an account, change one, or disable one."""
    people: Accounts = request.app.state.accounts
    name = form.get("name", "").strip()
    if form.get("what") == "disable":
        if name == visitor.name:
            raise Refused("You cannot disable yourself.")
        people.disable(name, now_of(request), by=visitor.name)
        said = f"{name} cannot sign in any more."
        about = name
    elif name == visitor.name:
        raise Refused("Your own password is changed under your name; somebody else changes your role.")
    elif not form.get("password") and people.settings.oidc_issuer and people.role_of(name) is None:
        people.invite(name, form.get("role", ""), now_of(request), by=visitor.name)
        said = f"{name} is {form.get('role')} and signs in with {people.settings.oidc_name}."
        about = f"{name}: {form.get('role')}, by the provider"
    elif form.get("password"):
        people.put(name, form.get("role", ""), form["password"], now_of(request), by=visitor.name)
        said = f"{name} is {form.get('role')} now, and changes that password at the first sign-in."
        about = f"{name}: {form.get('role')}, password set"
    else:
        people.set_role(name, form.get("role", ""), now_of(request), by=visitor.name)
        said = f"{name} is {form.get('role')} now; the password stays."
        about = f"{name}: {form.get('role')}"
    note_in_audit(request, visitor.name, f"people: {form.get('what', 'put')}", about)
    return render(request, "people.html.j2", visitor, people=people.all(), roles=ROLES, tab="people", said=said)


@router.get("/audit")
def audit_page(request: Request, visitor: Lead) -> HTMLResponse:
    """The newest lines of the audit log."""
    return render(request, "audit.html.j2", visitor, lines=audit.recent(request.app.state.database), tab="audit")


@router.get("/audit.jsonl")
def audit_export(request: Request, visitor: Lead) -> StreamingResponse:
    """Everything that anybody did."""
    note_in_audit(request, visitor.name, "export the audit log")
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(
        audit.export(request.app.state.database), media_type="application/x-ndjson", headers=headers
    )


def _check_setup(request: Request, token: str) -> None:
    known = request.app.state.setup_token
    if known is None or not secrets.compare_digest(token.encode(), known.encode()):
        refusal(request, "set-up link", "")
        raise Forbidden("This set-up link is not valid any more. `coverlift review users add NAME` adds an account.")


def signed_in(request: Request, secret: str) -> Response:
    """On to the page that was asked for, with the session's cookie."""
    settings = request.app.state.settings
    response = RedirectResponse(return_to.place_of(request), 303)
    return_to.forget(response)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(settings.session_hours * 3600),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
        path="/",
    )
    return response

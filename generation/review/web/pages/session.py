"""Who a page belongs to, asked by its script: after a restart or a new sign-in, with the token of now."""

from fastapi import APIRouter, Request

from generation.review.web.security import Viewer

router = APIRouter()


@router.get("/api/me")
def me(request: Request, visitor: Viewer) -> dict[str, str]:
    """Name, role and form token of whoever is signed in."""
    return {"name": visitor.name, "role": visitor.role, "csrf": visitor.csrf}

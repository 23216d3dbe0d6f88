"""Logging in and out: a page with a form, and a cookie."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from query.access import cookies
from query.access.guard import Door
from query.access.passwords import Busy
from query.pages import context
from query.pages.rendering import page
from runtime import events
from runtime.errors import InvalidRequest

router = APIRouter(include_in_schema=False)

_FORM_BYTES_MAX = 16 * 1024
_FIELDS_MAX = 10
_NAME_CHARACTERS_MAX = 100


@router.get("/login")
async def login_form(request: Request, gate: Door, next: str = "/") -> Response:  # noqa: A002
    """Return the form. Open to everybody."""
    if gate.log_ins is None:
        return RedirectResponse(context.local(next, otherwise="/"), status_code=303)
    return _form(request, next_path=context.local(next, otherwise="/"))


@router.post("/login")
async def log_in(request: Request, gate: Door) -> Response:
    """Check name and password, and remember who it is. Open to everybody."""
    if gate.log_ins is None:
        return RedirectResponse("/", status_code=303)
    fields = await _fields(request)
    name, password = fields.get("name", ""), fields.get("password", "")
    next_path = context.local(fields.get("next", ""), otherwise="/")
    address = request.client.host if request.client else ""
    wait = gate.attempts.begin(name[:_NAME_CHARACTERS_MAX], address)
    if wait:
        events.log_in_refused(address=address)
        problem = f"Too many attempts. Try again in {wait} seconds."
        return _form(request, next_path=next_path, problem=problem, status=429, retry_after=wait)
    try:
        user = await gate.passwords.check(name, password)
    except Busy as busy:
        events.log_in_refused(address=address)
        return _form(request, next_path=next_path, problem=str(busy), status=429, retry_after=2)
    if user is None:
        events.log_in_failed(address=address)
        problem = "Name or password is wrong."
        return _form(request, next_path=next_path, problem=problem, name=name, status=401)
    gate.attempts.succeeded(name)
    events.logged_in(user=user.name, address=address)
    response = RedirectResponse(next_path, status_code=303)
    response.set_cookie(
        cookies.NAME,
        gate.log_ins.write(user),
        max_age=gate.log_ins.seconds,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/logout")
async def log_out() -> Response:
    """Forget who it is. Open to everybody."""
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(cookies.NAME, httponly=True, samesite="lax")
    return response


async def _fields(request: Request) -> dict[str, str]:
    """
    Return what was filled in.

    Raises:
        InvalidRequest: it is no form, or too large for one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequest("send the form's fields as application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES_MAX:
            raise InvalidRequest(f"the form is larger than {_FORM_BYTES_MAX} bytes")
    try:
        fields = parse_qs(body.decode(), max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise InvalidRequest(f"the form cannot be read: {error}") from error
    return {name: values[0] for name, values in fields.items()}


def _form(
    request: Request,
    *,
    next_path: str,
    problem: str = "",
    name: str = "",
    status: int = 200,
    retry_after: int = 0,
) -> Response:
    response = page(
        request, "login.html", status=status, next_path=next_path, problem=problem, name=name
    )
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response

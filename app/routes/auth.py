from typing import Any

from apiflask import APIBlueprint
from flask import g, request

from app.errors import Unauthorized
from app.models.user import User
from app.routes.credentials import issue_tokens, read_token, user_auth
from app.routes.edges import from_this_machine
from app.routes.errors import request_language
from app.routes.schemas.auth import (
    Login,
    MessageOnly,
    PasswordChange,
    PasswordChangeRead,
    ProfileUpdate,
    Registration,
    RegistrationRead,
    SignInRead,
    UserRead,
)
from app.routes.schemas.events import TicketRead
from app.routes.state import current_user, services
from app.services.auth import SignIn
from app.services.tickets import LIFE
from app.texts import text

bp = APIBlueprint("auth", __name__, url_prefix="/auth", tag="Auth")


@bp.post("/register")
@bp.input(Registration, arg_name="body")
@bp.output(RegistrationRead, status_code=201)
@bp.doc(responses=[403, 409, 503])
def register(body: Registration) -> dict[str, Any]:
    """Create an account"""
    user = services().auth.register(
        **body.model_dump(), from_this_machine=from_this_machine()
    )
    return {"message": text("auth.registered", request_language()), "user": user}


@bp.post("/login")
@bp.input(Login, arg_name="body")
@bp.output(SignInRead)
@bp.doc(responses=[401, 429, 503])
def login(body: Login) -> dict[str, Any]:
    """Sign in"""
    return _tokens(
        services().auth.login(
            email=body.email, password=body.password, address=g.address
        )
    )


@bp.post("/refresh")
@bp.output(SignInRead)
@bp.doc(
    security="AccessToken",
    description="Takes the refresh token as Bearer.",
    responses=[401],
)
def refresh() -> dict[str, Any]:
    """Exchange a refresh token for a new pair"""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized
    claims = read_token(token, kind="refresh")
    return _tokens(
        services().auth.refresh(
            user_id=claims.user_id,
            session_id=claims.session_id,
            refresh_id=claims.refresh_id or "",
        )
    )


@bp.post("/logout")
@bp.auth_required(user_auth)
@bp.output(MessageOnly)
def logout() -> dict[str, str]:
    """End this sign-in"""
    services().auth.logout(g.session_id)
    return {"message": text("auth.logged_out", request_language())}


@bp.get("/me")
@bp.auth_required(user_auth)
@bp.output(UserRead)
def get_me() -> User:
    """Who am I"""
    return current_user()


@bp.patch("/me")
@bp.auth_required(user_auth)
@bp.input(ProfileUpdate, arg_name="body")
@bp.output(UserRead)
def update_me(body: ProfileUpdate) -> User:
    """Change my name"""
    return services().auth.rename(current_user(), name=body.name)


@bp.post("/password")
@bp.auth_required(user_auth)
@bp.input(PasswordChange, arg_name="body")
@bp.output(PasswordChangeRead)
@bp.doc(responses=[429, 503])
def change_password(body: PasswordChange) -> dict[str, Any]:
    """Change my password; every other sign-in ends"""
    sign_in = services().auth.change_password(
        current_user(),
        current=body.current_password,
        new=body.new_password,
        address=g.address,
    )
    message = text("auth.password_changed", request_language())
    return {**_tokens(sign_in), "message": message}


@bp.post("/ticket")
@bp.auth_required(user_auth)
@bp.output(TicketRead)
def issue_ticket() -> dict[str, Any]:
    """Get a ticket that opens one stream within 30 s, as `?ticket=`"""
    ticket = services().tickets.issue(
        user_id=current_user().id, session_id=g.session_id
    )
    return {"ticket": ticket, "expires_in": LIFE}


def _tokens(sign_in: SignIn) -> dict[str, Any]:
    pair = issue_tokens(sign_in)
    return {
        "token": pair.token,
        "refresh_token": pair.refresh_token,
        "expires_in": pair.expires_in,
        "user": sign_in.user,
    }

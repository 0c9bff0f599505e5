"""Pages for sign-up, login, logout and change of password. `webapp.passwords` has the rules for passwords."""

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import accounts, passwords
from webapp.accounts import ProblemForPeople, current_user, login_required
from webapp.limits import login_limit, sign_up_limit
from webapp.pages.context import local_path, tell_on_next_page
from webapp.pages.root import pages
from webapp.pages.words import message


@pages.route("/signup", methods=["GET", "POST"])
@sign_up_limit
def sign_up() -> ResponseReturnValue:
    return _door("signup.html", accounts.sign_up)


@pages.route("/login", methods=["GET", "POST"])
@login_limit
def log_in() -> ResponseReturnValue:
    return _door("login.html", accounts.log_in)


@pages.post("/logout")
def log_out() -> ResponseReturnValue:
    accounts.log_out()
    return redirect(url_for("pages.log_in"), 303)


@pages.route("/password", methods=["GET", "POST"])
@login_required
def password() -> ResponseReturnValue:
    problem = None
    if request.method == "POST":
        try:
            accounts.change_password(request.form.get("old", ""), request.form.get("new", ""))
        except ProblemForPeople as error:
            problem = str(error)
        else:
            ended = "You are logged out on all other devices, and your API tokens have ended."
            tell_on_next_page(message("done", "Password changed", ended))
            return redirect(url_for("pages.dashboard"), 303)
    return _page("password.html", problem)


def _door(template: str, enter: Callable[[str, str], object]) -> ResponseReturnValue:
    """Serves sign-up or login. Redirects a logged-in person to the dashboard, after a success to the page asked for."""
    if current_user():
        return redirect(url_for("pages.dashboard"), 303)
    problem = None
    if request.method == "POST":
        try:
            enter(request.form.get("user", "").strip(), request.form.get("password", ""))
            return redirect(local_path(request.values.get("next", "")), 303)
        except ProblemForPeople as error:
            problem = str(error)
    return _page(template, problem)


def _page(template: str, problem: str | None) -> ResponseReturnValue:
    page = render_template(
        template,
        problem=problem,
        user=request.form.get("user", ""),
        next=request.values.get("next", ""),
        password_min=passwords.CHARACTERS_MIN,
    )
    return page, 422 if problem else 200

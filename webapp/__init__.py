"""The web: pages, JSON API and live updates. It publishes commands and reads the database; it changes no account.

`create_app` puts one web process together; `webapp.live` runs as another process. Importing this opens no connection.
"""

from datetime import timedelta

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import api, bodies, exports, failures, health, limits, security, security_events, sessions, static_files
from webapp.gateway import Gateway
from webapp.ids import CommandIds
from webapp.pages import pages
from webapp.settings import WebSettings
from webapp.site import EXTENSION, Site
from webapp.store import Store
from webapp.waiting import WaitingPlaces


def create_app(settings: WebSettings) -> Flask:
    """A running application, whose gateway connects in the background and keeps trying. End it with `close_app`."""
    app = make_flask(settings)
    app.config |= {
        "RATELIMIT_ENABLED": settings.limits,
        "TEMPLATES_AUTO_RELOAD": False,
        # A page left open for a day must still be able to send its form; the token ends with the session.
        "WTF_CSRF_TIME_LIMIT": None,
    }
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, count, count, count)  # type: ignore[method-assign]  # as Flask documents
    gateway = Gateway(settings.base.amqp_url, f"web {settings.base.replica}")
    store = Store(settings.base.database_url, settings.threads)
    waiting = WaitingPlaces(settings.waiting_max, settings.waiting_each_max)
    places_of_exports = WaitingPlaces(exports.AT_ONCE_MAX, exports.EACH_MAX)
    app.extensions[EXTENSION] = Site(
        settings, store, gateway, CommandIds(settings.secret_key), waiting, places_of_exports
    )
    limits.init_app(app)
    protection = CSRFProtect(app)
    protection.exempt(api.blueprint)  # it demands the token itself, from calls with a session
    app.register_blueprint(api.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(pages)
    failures.handle(app)
    bodies.limit(app)
    static_files.serve(app)
    security.protect(app, settings)
    security_events.watch(app)
    gateway.start()
    return app


def close_app(app: Flask) -> None:
    """Publishes the commands already accepted, then closes the connections to the broker and the database."""
    here: Site = app.extensions[EXTENSION]
    here.gateway.close()
    here.store.close()


def make_flask(settings: WebSettings) -> Flask:
    """Flask application with this site's sessions and nothing else; `webapp.live` needs it to read session cookies."""
    app = Flask(__name__, static_url_path=static_files.static_url_path())
    app.debug = False  # whatever FLASK_DEBUG says
    app.config |= {
        "SECRET_KEY": settings.secret_key,
        # Browsers send a host's cookies to all its ports: the port in the name keeps two of these sites apart.
        "SESSION_COOKIE_NAME": f"{'__Host-' if settings.https else ''}daytrade_{settings.port}",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.https,
        "PERMANENT_SESSION_LIFETIME": timedelta(milliseconds=sessions.LIFETIME_MS),
    }
    return app

"""Questions to a server over HTTP, with what the standard library has."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import IO, Any

from loom_studio._errors import StudioError

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PIECE_BYTES = 256 * 1024


class _StaysHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: Studio sends none, and the token is for it alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Connection:
    """A server's address and what it wants to see. Every question is an exchange of its own, so threads may share one."""

    def __init__(self, url: str, token: str | None, workspace: str | None, timeout_seconds: float) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            # What is wrong may be a part of the secret.
            raise StudioError("invalid_url", f"{_without_secret(url)!r} is no URL" + ("" if "@" in url else f": {error}")) from None
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not host:
            raise StudioError("invalid_url", f"{_without_secret(url)!r} is no server's URL: expected one like http://127.0.0.1:8765")
        authority = f"[{host}]" if ":" in host else host
        self.base = f"{scheme}://{authority}" + (f":{port}" if port is not None else "")
        self._token = token or urllib.parse.unquote(parts.password or "")
        self._workspace = workspace
        self._timeout_seconds = timeout_seconds
        handlers: list[urllib.request.BaseHandler] = [_StaysHere()]
        if host in _LOOPBACK:
            # A proxy of the environment can't reach this machine's loopback interface.
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, query: Mapping[str, object]) -> Any:
        """The document at a path. Members of the query that are None are left out."""
        with self._open(path, query) as answer:
            body = self._read(answer, None)
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._no_studio("its answer is no JSON") from error

    def pieces(self, path: str, query: Mapping[str, object]) -> Iterator[bytes]:
        """The answer as it comes."""
        with self._open(path, query) as answer:
            while piece := self._read(answer, _PIECE_BYTES):
                yield piece

    def _open(self, path: str, query: Mapping[str, object]) -> http.client.HTTPResponse:
        given = {"workspace": self._workspace, **query}
        encoded = urllib.parse.urlencode({name: _text(value) for name, value in given.items() if value is not None})
        request = urllib.request.Request(f"{self.base}{path}" + (f"?{encoded}" if encoded else ""))
        if self._token:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            answer: http.client.HTTPResponse = self._opener.open(request, timeout=self._timeout_seconds)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error) from None
        except http.client.HTTPException as error:
            raise self._no_studio(f"what answers there speaks no HTTP: {error!r}") from error
        except OSError as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise StudioError(
                "unreachable", f"no Loom Studio answers at {self.base}: {reason}. `loom-studio serve` or loom_studio.serve() starts one"
            ) from error
        return answer

    def _read(self, answer: http.client.HTTPResponse, size: int | None) -> bytes:
        try:
            return answer.read(size)
        except (http.client.HTTPException, OSError) as error:
            raise StudioError("broken_off", f"the answer of {self.base} broke off: {error!r}") from error

    def _refused(self, status: int, body: IO[bytes]) -> StudioError:
        try:
            problem = json.loads(body.read())
            code, detail = str(problem["code"]), str(problem["detail"])
        except (ValueError, TypeError, KeyError, OSError, http.client.HTTPException):
            return self._no_studio(f"it answers with status {status}", status)
        return StudioError(code, detail, status=status, position=problem.get("position"), expected=problem.get("expected"))

    def _no_studio(self, what: str, status: int | None = None) -> StudioError:
        return StudioError("no_studio", f"{self.base} is no Loom Studio, or not one of this version: {what}", status=status)


def _without_secret(url: str) -> str:
    """A URL for messages, which may end up in logs."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        # One without a zone is local time, as everywhere in `datetime`.
        return value.astimezone().isoformat()
    return str(value)

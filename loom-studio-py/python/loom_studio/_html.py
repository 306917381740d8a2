"""What a notebook shows. Whatever came in an event is only ever text here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already; everything else gets escaped."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as HTML."""
    if isinstance(value, Html):
        return value
    return Html("–" if value is None else escape(str(value), quote=True))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """A table, with a note beneath it."""
    head = "".join(f"<th style='text-align:left'>{text(header)}</th>" for header in headers)
    body = "".join("<tr>" + "".join(f"<td style='text-align:left'>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    below = f"<div>{text(note)}</div>" if note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def link(url: str) -> Html:
    """A link to a page of Studio; `url` is one that this package made."""
    return Html(f"<a href='{text(url)}' target='_blank' rel='noopener'>{text(url)}</a>")


def duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.1f} ms"


def short(value: object, letters: int = 200) -> str:
    said = value if isinstance(value, str) else repr(value)
    return said if len(said) <= letters else said[: letters - 1] + "…"

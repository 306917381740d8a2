"""What answers of models say of themselves, in the shapes that Loom's providers and the model APIs give them."""

from __future__ import annotations

from typing import Any

from loom_studio import _wire

#: The most text of one call that is sent, so that the event stays below the server's limit.
MAX_CHARS = 200_000


def member(value: Any, name: str) -> Any:
    """A member of a dictionary or an attribute of an object."""
    if isinstance(value, dict):
        return value.get(name)
    try:
        return getattr(value, name, None)
    except Exception:  # A property of the program may do anything.
        return None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def model_of(provider: Any, config: Any) -> str | None:
    """The model that a call asks for."""
    return (
        text(member(config, "model"))
        or text(member(member(member(provider, "config"), "generation"), "model"))
        or text(member(provider, "model"))
        or text(member(provider, "model_name"))
    )


def model_in(response: Any) -> str | None:
    return text(member(response, "model"))


def usage_of(value: Any) -> dict[str, Any] | None:
    """Tokens by their names, as they were reported; details of them as objects."""
    usage = member(value, "token_usage") or member(value, "usage")
    found = _figures(usage)
    return found or None


def _figures(usage: Any) -> dict[str, Any]:
    if usage is None or isinstance(usage, (str, int, float)):
        return {}
    members = usage if isinstance(usage, dict) else getattr(usage, "__dict__", {})
    figures: dict[str, Any] = {}
    for name, value in members.items():
        if not isinstance(name, str) or name.startswith("_") or isinstance(value, bool):
            continue
        if isinstance(value, int):
            figures[name] = value
        elif name.endswith("_details"):
            details = _figures(value)
            if details:
                figures[name] = details
    return figures


def total(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Both together."""
    both = dict(left)
    for name, value in right.items():
        if isinstance(value, dict):
            before = both.get(name)
            both[name] = total(before if isinstance(before, dict) else {}, value)
        else:
            both[name] = both.get(name, 0) + value
    return both


def chars_of(message: Any) -> int:
    """How long a message is: the characters of its texts."""
    content = member(message, "content")
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        return sum(len(one) if isinstance(one, str) else len(text(member(one, "text")) or "") for one in content)
    return len(str(content)) if content is not None else 0


def fitting(messages: Any) -> list[Any]:
    """The messages, or, where they are too long, the first and as many of the last ones as fit."""
    if sum(map(chars_of, messages)) <= MAX_CHARS:
        return list(messages)
    kept: list[Any] = []
    room = MAX_CHARS - chars_of(messages[0])
    for message in reversed(messages[1:]):
        room -= chars_of(message)
        if room < 0:
            break
        kept.append(message)
    first = [messages[0]] if chars_of(messages[0]) <= MAX_CHARS else []
    return first + kept[::-1]


def tool_name(tool: Any) -> str | None:
    return text(member(tool, "name")) or text(member(member(tool, "function"), "name"))


def error_of_chunk(content: Any) -> dict[str, Any]:
    """What a stream says went wrong, without the words of it where these may not leave."""
    error = {"type": text(member(content, "type")) or text(member(content, "error")) or "error"}
    message = content if isinstance(content, str) else text(member(content, "message"))
    if message is not None and _wire.content_is_captured():
        error["message"] = message[:MAX_CHARS]
    return error

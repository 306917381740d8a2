"""Writes `python/loom_studio/documents.py`, the documents of the HTTP API as Python types, from the server's `openapi.json`.

    python3 loom-studio-py/generate_documents.py

A test compares the committed file with what this writes.
"""

from __future__ import annotations

import json
import keyword
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DESCRIPTION = HERE.parent / "loom-studio-server" / "openapi.json"
DOCUMENTS = HERE / "python" / "loom_studio" / "documents.py"

# The answers that the reader hands out; what they refer to is added.
ROOTS = [
    "EventsPage", "EventDetail", "FirstAnswer", "SessionsDto", "RunsPage", "RunDetail", "OwnersDto", "MemoryDto", "StateDto", "TopologyDto",
    "MetricsDto", "Problem",
]  # fmt: skip
# Names that the package's own classes have, or that say too little by themselves.
RENAMED = {
    "CallDto": "CallRecord",
    "EntryDto": "MemoryEntry",
    "MemoryDto": "MemoryAnswer",
    "RecalledDto": "RecalledEntry",
    "RunDto": "RunSummary",
    "StepDto": "CriticalStep",
}

HEAD = '''"""The documents of Studio's HTTP API, as `docs/http-api.md` describes them.

An event is a `dict`: a CloudEvent with the members that were sent, plus `studioseq`, `studioreceived` and, where known,
`studiodispatched` and `studiopublished`. Members may be added to any document.
"""

# Written by generate_documents.py from the server's openapi.json.

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Event: TypeAlias = dict[str, Any]
'''

Schema = dict[str, Any]


class Writer:
    """Writes each schema once, after those it refers to."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas
        self.written: dict[str, str] = {}

    def name(self, schema: str) -> str:
        words = RENAMED.get(schema, schema.removesuffix("Dto")).split("_")
        return "".join(word.removesuffix("Dto") for word in words)

    def refer(self, reference: str) -> str:
        schema = reference.rpartition("/")[2]
        name = self.name(schema)
        if name not in self.written:
            self.written[name] = ""  # a schema may refer to itself
            self.written[name] = self.declare(name, self.schemas[schema])
            # After those it refers to.
            self.written[name] = self.written.pop(name)
        return name

    def expression(self, schema: Schema, owner: str) -> str:
        """A type as an annotation."""
        if "$ref" in schema:
            return self.refer(schema["$ref"])
        if "oneOf" in schema:
            return " | ".join(dict.fromkeys(self.expression(one, owner) for one in schema["oneOf"]))
        if "enum" in schema:
            return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
        if "allOf" in schema:
            return self.nested(schema, owner)
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        return " | ".join(self.simple(kind, schema, owner) for kind in kinds) or "Any"

    def simple(self, kind: str, schema: Schema, owner: str) -> str:
        if kind == "array":
            return f"list[{self.expression(schema.get('items', {}), owner)}]"
        if kind == "object":
            if "properties" in schema:
                return self.nested(schema, owner)
            return f"dict[str, {self.expression(schema.get('additionalProperties', {}), owner)}]"
        return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}[kind]

    def nested(self, schema: Schema, owner: str) -> str:
        """An object without a name of its own gets that of what it is in."""
        name = f"{owner}Item"
        self.written[name] = self.declare(name, schema)
        return name

    def declare(self, name: str, schema: Schema) -> str:
        text = schema.get("description", "")
        if "oneOf" in schema and "properties" not in schema:
            variants = []
            for one in schema["oneOf"]:
                variant = name + "".join(word.title() for kind in one["properties"]["kind"]["enum"] for word in kind.split("_"))
                self.written[variant] = self.typed_dict(variant, *self.members(one, variant), one.get("description", ""))
                variants.append(variant)
            return f"{name}: TypeAlias = {' | '.join(variants)}\n"
        alternatives = [part for part in self.parts(schema) if "oneOf" in part]
        if alternatives:
            # One of several objects, and members that all of them have.
            [alternative] = alternatives
            shared = {"allOf": [part for part in self.parts(schema) if part is not alternative]}
            variants = []
            for one in alternative["oneOf"]:
                variant = name + "".join(word.title() for kind in one["properties"]["kind"]["enum"] for word in kind.split("_"))
                members, required = self.members({"allOf": [one, shared]}, variant)
                self.written[variant] = self.typed_dict(variant, members, required, one.get("description", text))
                variants.append(variant)
            return f"{name}: TypeAlias = {' | '.join(variants)}\n"
        return self.typed_dict(name, *self.members(schema, name), text)

    def parts(self, schema: Schema) -> list[Schema]:
        """What a schema is made of, references followed."""
        if "$ref" in schema:
            return self.parts(self.schemas[schema["$ref"].rpartition("/")[2]])
        if "allOf" in schema:
            return [part for one in schema["allOf"] for part in self.parts(one)]
        return [schema]

    def members(self, schema: Schema, owner: str) -> tuple[dict[str, tuple[str, str]], set[str]]:
        """The members of an object with their types and descriptions, and those that are always there."""
        members: dict[str, tuple[str, str]] = {}
        required: set[str] = set()
        for part in self.parts(schema):
            for member, value in part.get("properties", {}).items():
                note = value.get("description") or next((one["description"] for one in value.get("oneOf", []) if "description" in one), "")
                members[member] = (self.expression(value, owner), note)
            required |= set(part.get("required", []))
        return members, required

    def typed_dict(self, name: str, members: dict[str, tuple[str, str]], required: set[str], text: str) -> str:
        def annotation(member: str) -> str:
            return members[member][0] if member in required else f"NotRequired[{members[member][0]}]"

        if any(keyword.iskeyword(member) for member in members):
            lines = [f"# {text}"] if text else []
            lines += [f"{name} = TypedDict(", f'    "{name}",', "    {"]
            for member, (_, note) in members.items():
                lines += [f"        # {note}"] * bool(note) + [f'        "{member}": "{annotation(member)}",'.replace('Literal["', "Literal['").replace('"]"', "']\"")]
            return "\n".join([*lines, "    },", ")", ""])
        lines = [f"class {name}(TypedDict):"]
        if text:
            lines += [f'    """{text}"""', ""]
        for member, (_, note) in members.items():
            lines += [f"    {member}: {annotation(member)}"] + [f'    """{note}"""'] * bool(note)
        return "\n".join([*lines, ""])


def documents() -> str:
    """The text of the module."""
    writer = Writer(json.loads(DESCRIPTION.read_text())["components"]["schemas"])
    for schema in ROOTS:
        writer.refer(f"#/components/schemas/{schema}")
    names = ["Event", *writer.written]
    exported = "__all__ = [\n" + "".join(f'    "{name}",\n' for name in sorted(names)) + "]\n"
    head, event = HEAD.rsplit("\nEvent", 1)
    return "\n\n".join([f"{head}\n{exported}\nEvent{event}", *writer.written.values()])


if __name__ == "__main__":
    DOCUMENTS.write_text(documents())

"""JSON for people and their tools: indented, and whatever a file name or an argument is made of."""

import json

import msgspec


def indented(value: object) -> str:
    """What msgspec can encode, as JSON; bytes of a name that are no UTF-8 as lone surrogates."""
    try:
        return msgspec.json.format(msgspec.json.encode(value)).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), indent=2)

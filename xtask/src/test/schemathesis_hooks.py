"""What schemathesis has to be told about Freight, beside its document."""

import itertools
import json

import schemathesis

ADDRESSES = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Each request comes from an address of its own.

    Failed authentication is limited by source address; without this, the check that takes the key
    away would be answered 429 from the twentieth time on, and would learn nothing.
    """
    number = next(ADDRESSES)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    """One line for each record; what is not a list is one line."""
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

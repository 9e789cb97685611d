"""Makes a table whose key is called as the arguments say, and fills it with items of every type.

Prints each item as the text that ought to arrive: names in byte order, numbers as they are spelt here,
sets sorted by their texts, binaries in base64.
"""

import base64
import json
import sys
from decimal import Decimal

import boto3

TABLE = "buyers.2024"
partition, sort = sys.argv[1:3]


def text(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, bytes):
        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, set):
        return "[" + ",".join(sorted(text(inner) for inner in value)) + "]"
    if isinstance(value, list):
        return "[" + ",".join(text(inner) for inner in value) + "]"
    names = sorted(value)
    return "{" + ",".join(text(name) + ":" + text(value[name]) for name in names) + "}"


def item(n):
    return {
        partition: f"buyer {n % 50} é",
        sort: n,
        "large": 12345678901234567890123456789012345678 - n,
        "small": Decimal("-1.5E-100"),
        "decimal": Decimal("0.10"),
        "a \"quoted\".name": "line\nbreak \u0001 \U0001f69a",
        "null": None,
        "empty": "",
        "flag": n % 2 == 0,
        "bytes": bytes([0, 255, n % 256]),
        "texts": {"b", "a", f"t{n}"},
        "numbers": {3, Decimal("-1.5"), n + 10},
        "blobs": {b"\x01", bytes([n % 200, 2])},
        "list": [1, "two", [None, {"deep": {"er": []}}]],
        "map": {"z": {}, "a": Decimal("1E+2")},
        "padding": "x" * 4000,
    }


resource = boto3.resource("dynamodb")
table = resource.create_table(
    TableName=TABLE,
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": partition, "AttributeType": "S"},
        {"AttributeName": sort, "AttributeType": "N"},
    ],
    KeySchema=[
        {"AttributeName": sort, "KeyType": "RANGE"},
        {"AttributeName": partition, "KeyType": "HASH"},
    ],
)
with table.batch_writer() as batch:
    for n in range(700):
        batch.put_item(Item=item(n))
for n in range(700):
    print(text(item(n)))

"""Serves moto on a free port, says which, and ends when standard input does.

It cannot outlive who started it, however that ends. Some things of moto are replaced, which take
seconds once a test has written much. Before each transaction it copies every item of every table that
the transaction names, in case it fails: here it puts those back that the transaction names, and an
update, which alone changes an item in its place, takes a copy of that one first. For each query it
sorts all items of the table: here those of the partition. For each message that it hands out it counts
all of the queue, to learn how long the queue keeps one: here it only looks that up. For each message
that it takes it counts the queue three times, by a slow clock: here ten times a second at most, which
is what `Approximate` in the names of these numbers allows, by the plain one. And with each request it
looks up in its own folder which services it has: here once.
"""

import copy
import logging
import sys
import threading
import time

from moto import backends
from moto.core.utils import unix_time
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.server import DomainDispatcherApplication, create_backend_app
from moto.sqs import models
from moto.sqs.models import Queue, SQSBackend
from werkzeug.serving import make_server


def transact_write_items(backend, steps):
    before = [place_of(backend, *step.values()) for step in steps]
    before = [(rows, row, rows.get(row)) for rows, row in before]
    try:
        moto_transact_write_items(backend, steps)
    except Exception:
        for rows, row, item in before:
            if item is None:
                rows.pop(row, None)
            else:
                rows[row] = item
        raise


def place_of(backend, step):
    """Where the item of a transaction's step is: in what, by what."""
    table, key = backend.get_table(step["TableName"]), step.get("Key") or step["Item"]
    part = DynamoType(key[table.hash_key_attr])
    if table.range_key_attr is None:
        return table.items, part
    return table.items[part], DynamoType(key[table.range_key_attr])


def update_item(backend, table_name, key, *rest, **named):
    table = backend.get_table(table_name)
    part, row = (DynamoType(key[name]) for name in (table.hash_key_attr, table.range_key_attr))
    if row in table.items.get(part, {}):
        table.items[part][row] = copy.deepcopy(table.items[part][row])
    return moto_update_item(backend, table_name, key, *rest, **named)


def query(table, hash_key, range_op, values, limit, start, forward, projection, index=None, *rest, **named):
    if index is None:
        part = copy.copy(table)
        part.items = {hash_key: table.items.get(hash_key, {})}
        table = part
    return moto_query(table, hash_key, range_op, values, limit, start, forward, projection, index, *rest, **named)


def is_kept(backend, queue_name, message):
    kept = backend.get_queue(queue_name).message_retention_period
    return message.sent_timestamp / 1000 + kept > unix_time()


def counted_at_times(name):
    count = getattr(Queue, name).fget

    def latest(queue):
        number, until = queue.__dict__.get(name, (0, 0))
        if until <= time.monotonic():
            number, until = count(queue), time.monotonic() + 0.1
            queue.__dict__[name] = (number, until)
        return number

    setattr(Queue, name, property(latest))


moto_transact_write_items = DynamoDBBackend.transact_write_items
DynamoDBBackend.transact_write_items = transact_write_items
moto_update_item = DynamoDBBackend.update_item
DynamoDBBackend.update_item = update_item
moto_query = Table.query
Table.query = query
Table.__deepcopy__ = lambda table, _memo: table
models.unix_time_millis = lambda: time.time() * 1000
for name in ("", "_delayed", "_not_visible"):
    counted_at_times("approximate_number_of_messages" + name)
SQSBackend.is_message_valid_based_on_retention_period = is_kept
modules = list(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: modules

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()

"""Serves moto on a free port, says which, and ends when standard input does.

It cannot outlive who started it, however that ends. Four things of moto are replaced, which take
seconds once a test has written much. Before each transaction it copies every item of every table that
the transaction names: here the copy shares the items, and an update, which alone changes an item in its
place, takes a copy of that one first. For each query it sorts all items of the table: here those of the
partition. For each message that it hands out it counts all of the queue, to learn how long the queue
keeps one: here it only looks that up. And with each request it looks up in its own folder which services
it has: here once.
"""

import collections
import copy
import logging
import sys
import threading

from moto import backends
from moto.core.utils import unix_time
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.server import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import SQSBackend
from werkzeug.serving import make_server


def snapshot(table, _memo):
    twin = copy.copy(table)
    twin.items = collections.defaultdict(dict, {part: dict(rows) for part, rows in table.items.items()})
    return twin


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


moto_update_item = DynamoDBBackend.update_item
DynamoDBBackend.update_item = update_item
moto_query = Table.query
Table.query = query
Table.__deepcopy__ = snapshot
SQSBackend.is_message_valid_based_on_retention_period = is_kept
modules = list(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: modules

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()

"""Reads Freight's tables as any other program would: with boto3, knowing nothing of Freight but its prefix.

    tables.py ENDPOINT PREFIX TABLE TEXT

Prints the names of the tables, and the item of TABLE whose data hold TEXT, as JSON.
"""

import json
import sys

import boto3

endpoint, prefix, table, text = sys.argv[1:]
keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
dynamodb = boto3.resource("dynamodb", endpoint_url=endpoint, region_name="eu-west-2", **keys)
names = [found.name for found in dynamodb.tables.all() if found.name.startswith(prefix)]
items = [item for item in dynamodb.Table(prefix + table).scan()["Items"] if text in item.get("data", "")]
print(json.dumps({"tables": sorted(names), "items": items}, default=repr))

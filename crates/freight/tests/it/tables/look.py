"""Lists the tables whose names end as the argument says, and prints what lies in their attribute `data`."""

import sys

import boto3

client = boto3.client("dynamodb")
tables = [name for name in client.list_tables()["TableNames"] if name.endswith(sys.argv[1])]
for name in tables:
    for page in client.get_paginator("scan").paginate(TableName=name):
        for item in page["Items"]:
            if "data" in item:
                print(item["data"]["S"])

"""Lists the tables whose names begin as the first argument says, and prints what lies in the attribute `data` of
the one that the second argument names behind that."""

import sys

import boto3

prefix, table = sys.argv[1:3]
client = boto3.client("dynamodb")
# Small pages, so that there are several.
pages = client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 3})
tables = [name for page in pages for name in page["TableNames"] if name.startswith(prefix)]
for name in tables:
    if name == prefix + table:
        for page in client.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                if "data" in item:
                    print(item["data"]["S"])

"""Prints everything that DynamoDB, SQS and CloudWatch Logs hold under names that begin as the argument says.

Each value of an item, each message and each log line begins a line, with the word for what it is. A message
that was printed is hidden for a while, as from anybody else.
"""

import sys

import boto3

prefix = sys.argv[1]
dynamodb, sqs, logs = (boto3.client(service) for service in ("dynamodb", "sqs", "logs"))


def pages(client, operation, **asked):
    return client.get_paginator(operation).paginate(**asked)


for page in pages(dynamodb, "list_tables"):
    for table in page["TableNames"]:
        if table.startswith(prefix):
            for items in pages(dynamodb, "scan", TableName=table):
                for item in items["Items"]:
                    for value in item.values():
                        print("item", *value.values())

for page in pages(sqs, "list_queues", QueueNamePrefix=prefix):
    for queue in page.get("QueueUrls", []):
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                print("message", message["Body"], message.get("MessageAttributes", {}))

for page in pages(logs, "describe_log_groups", logGroupNamePrefix=prefix.removesuffix("-")):
    for group in page["logGroups"]:
        for events in pages(logs, "filter_log_events", logGroupName=group["logGroupName"]):
            for event in events["events"]:
                print("log", event["message"])

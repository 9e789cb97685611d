"""Prints what CloudWatch Logs and SQS hold: a line for each event and for each message.

Arguments: the group, the queue. A line is the name of the stream (or `dead-letter`), the instant in
milliseconds, and the text.
"""

import sys

import boto3

group, queue = sys.argv[1:3]
logs = boto3.client("logs")
for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
    name, token = stream["logStreamName"], None
    while True:
        more = {"nextToken": token} if token else {}
        page = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True, **more)
        for event in page["events"]:
            print(name, event["timestamp"], event["message"])
        if page["nextForwardToken"] == token or not page["events"]:
            break
        token = page["nextForwardToken"]

sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
    for message in messages:
        print("dead-letter", 0, message["Body"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

"""Shows by plain calls, with nothing before moto, what it does otherwise than AWS. Prints a line for each thing."""

import uuid
from urllib.request import ProxyHandler, build_opener

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

once = Config(retries={"total_max_attempts": 1})
dynamodb, cognito = boto3.client("dynamodb", config=once), boto3.client("cognito-idp", config=once)
table = f"otherwise-{uuid.uuid4().hex}"
dynamodb.create_table(
    TableName=table,
    # AWS takes one small write a second from this, and what it saved up in five minutes.
    ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
)


def key(name):
    return {"pk": {"S": name}, "sk": {"S": "s"}}


def refusal(call, **asked):
    """The code of the refusal; none where it is done."""
    try:
        call(**asked)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def condition(value, expression, **values):
    """What becomes of a write to an item with this value under a condition."""
    dynamodb.put_item(TableName=table, Item=key("condition") | {"v": value})
    values = {f":{name}": value for name, value in values.items()}
    asked = {"ConditionExpression": expression, "ExpressionAttributeValues": values}
    return refusal(dynamodb.put_item, TableName=table, Item=key("condition"), **asked)


def token():
    """One transaction, asked for twice with one token."""
    step = {
        "TableName": table,
        "Key": key("counter"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[{"Update": step}], ClientRequestToken="once")
    return dynamodb.get_item(TableName=table, Key=key("counter"))["Item"]["n"]["N"]


def throttled():
    """Of writes of 100 units each, far more than are saved up: how many are refused."""
    item = key("large") | {"data": {"S": "x" * 100_000}}
    return sum(refusal(dynamodb.put_item, TableName=table, Item=item) != "done" for _ in range(20))


def left_over():
    """Of batches of writes that are worth more than the table takes in minutes: how many are handed back."""
    batch = [{"PutRequest": {"Item": key(f"batch {n}") | {"data": {"S": "x" * 100_000}}}} for n in range(25)]
    return sum(len(dynamodb.batch_write_item(RequestItems={table: batch})["UnprocessedItems"]) for _ in range(2))


def size(length):
    return refusal(dynamodb.put_item, TableName=table, Item=key("size") | {"data": {"S": "x" * length}})


def pool():
    """A user pool, and what its client answers to a code that nobody sent."""
    made = cognito.create_user_pool(PoolName="otherwise")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=made, ClientName="web")["UserPoolClient"]["ClientId"]
    person = {"ClientId": client, "Username": "jane@example.com"}
    cognito.sign_up(**person, Password="Correct-horse-7-battery!")
    return made, refusal(cognito.confirm_sign_up, **person, ConfirmationCode="000000")


def signed(made):
    """By which keys tokens of a pool are signed."""
    return build_opener(ProxyHandler({})).open(f"{cognito.meta.endpoint_url}/{made}/.well-known/jwks.json").read()


(one, confirmed), (other, _) = pool(), pool()
print("a transaction's token is forgotten:", token())
print("throttled:", throttled())
print("handed back:", left_over())
print("false is 0:", condition({"BOOL": False}, "v = :zero", zero={"N": "0"}))
print("true is 1:", condition({"BOOL": True}, "v = :one", one={"N": "1"}))
print("a text between numbers:", condition({"S": "x"}, "v BETWEEN :a AND :b", a={"N": "1"}, b={"N": "2"}))
print("405,000 bytes:", size(404_900), size(405_100))
print("a code that nobody sent:", confirmed)
print("pools share a key:", signed(one) == signed(other))

"""Creates the template as a stack on moto, and says what came of it, as JSON.

    stack.py ENDPOINT TEMPLATE ENVIRONMENT COMPUTE [NAME=VALUE ...]

moto leaves out resources of types that it does not know, and only logs that it does; here they are told
by type, so that a test can hold them against what it expects.
"""

import io
import json
import sys
import zipfile

import boto3
import yaml

endpoint, template, environment, compute, *further = sys.argv[1:]


def client(service):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-2", **keys)


def code():
    """A zip in a bucket: the function is made of it, and never invoked here."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    s3, bucket = client("s3"), f"code-{environment}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    s3.put_object(Bucket=bucket, Key="freight-lambda.zip", Body=packed.getvalue())
    return {"CodeBucket": bucket}


def place():
    """A network with two subnets in two zones."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"eu-west-2{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    certificate = client("acm").request_certificate(DomainName="api.example.com")["CertificateArn"]
    listed = ",".join(subnets)
    return {
        "VpcId": vpc,
        "PublicSubnetIds": listed,
        "PrivateSubnetIds": listed,
        "CertificateArn": certificate,
        "DomainName": "api.example.com",
        "Image": "freight:test",
    }


def wanted(text):
    """The resources of the chosen compute, by name: each its type."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda *_: None)
    conditions = {None, f"Is{compute.capitalize()}"}
    resources = yaml.load(text, loader)["Resources"].items()
    return {name: resource["Type"] for name, resource in resources if resource.get("Condition") in conditions}


def variables():
    """What the program is told by its environment."""
    if compute == "lambda":
        return client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    task = client("ecs").describe_task_definition(taskDefinition=name)["taskDefinition"]
    return {pair["name"]: pair["value"] for pair in task["containerDefinitions"][0]["environment"] if pair}


parameters = {"Environment": environment, "Compute": compute}
parameters |= code() if compute == "lambda" else place()
parameters |= dict(pair.split("=", 1) for pair in further)
with open(template, encoding="utf-8") as file:
    text = file.read()

cloudformation = client("cloudformation")
name = f"freight-{environment}"
cloudformation.create_stack(
    StackName=name,
    TemplateBody=text,
    Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    Capabilities=["CAPABILITY_IAM"],
)
stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
made = {resource["LogicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]}
print(
    json.dumps(
        {
            "status": stack["StackStatus"],
            "outputs": {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
            "variables": variables(),
            "made": sorted({kind for name, kind in wanted(text).items() if name in made}),
            "left_out": sorted({kind for name, kind in wanted(text).items() if name not in made}),
        }
    )
)

"""Says what a template allows whom, as JSON: the actions of each policy, and what bounds each role.

    roles.py TEMPLATE
"""

import json
import sys

import yaml


class Loader(yaml.SafeLoader):
    pass


def tagged(loader, tag, node):
    """`!Ref x` as `{"Ref": "x"}`."""
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    return {tag: loader.construct_mapping(node, deep=True)}


def actions(policy):
    """What its statements name, whether one or a list; all of them allow."""
    statements = policy["PolicyDocument"]["Statement"]
    assert all(statement["Effect"] == "Allow" and "NotAction" not in statement for statement in statements)
    named = [statement["Action"] for statement in statements]
    return sorted({action for some in named for action in ([some] if isinstance(some, str) else some)})


Loader.add_multi_constructor("!", tagged)
with open(sys.argv[1], encoding="utf-8") as file:
    resources = yaml.load(file, Loader)["Resources"]


def of(kind):
    return {name: found["Properties"] for name, found in resources.items() if found["Type"] == kind}


print(
    json.dumps(
        {
            "policies": {name: actions(policy) for name, policy in of("AWS::IAM::ManagedPolicy").items()},
            "boundaries": {name: role.get("PermissionsBoundary") for name, role in of("AWS::IAM::Role").items()},
        }
    )
)

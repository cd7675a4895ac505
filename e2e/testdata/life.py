"""The life of a shadow test through boto3, unchanged but for endpoint_url.

Any boto3 of 2022 or later will do. Started by python_test.go, which sets the environment as "gnomon env" prints it.
"""

import datetime
import json
import os
import time

import boto3
import botocore.config
import botocore.exceptions

URL = os.environ["GNOMON_URL"]
ROLE = os.environ["GNOMON_ROLE_ARN"]
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/digits:1"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:"
ONCE = botocore.config.Config(retries={"total_max_attempts": 1})

sagemaker = boto3.client("sagemaker", endpoint_url=URL, config=ONCE)
runtime = boto3.client("sagemaker-runtime", endpoint_url=URL, config=ONCE)

PICTURE = json.dumps({"features": [0] * 64})
OFTEN = {"Delay": 1, "MaxAttempts": 60}


def variant(name, model):
    return {
        "ModelName": model,
        "VariantName": name,
        "InfrastructureConfig": {
            "InfrastructureType": "RealTimeInference",
            "RealTimeInferenceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }


def shadowing(percent):
    return {
        "SourceModelVariantName": "AllTraffic",
        "ShadowModelVariants": [{"ShadowModelVariantName": "Shadow-01", "SamplingPercentage": percent}],
    }


def create(name, endpoint, **more):
    return sagemaker.create_inference_experiment(
        Name=name,
        Type="ShadowMode",
        RoleArn=ROLE,
        EndpointName=endpoint,
        ModelVariants=[variant("AllTraffic", "linear"), variant("Shadow-01", "trees")],
        ShadowModeConfig=shadowing(100),
        **more,
    )["InferenceExperimentArn"]


def until(name, want):
    """Polls as sagemaker's own Python SDK does; boto3 has no waiter for experiments."""
    deadline = time.monotonic() + 60
    while True:
        x = sagemaker.describe_inference_experiment(Name=name)
        if x["Status"] == want:
            return x
        assert x["Status"] not in ("Completed", "Cancelled"), x
        assert time.monotonic() < deadline, x
        time.sleep(0.1)


def refused(code, call, **args):
    """Returns the message of the error that the call must end with."""
    try:
        call(**args)
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        return e.response["Error"]["Message"]
    raise AssertionError(f"{code} was expected")


def invoke(**more):
    out = runtime.invoke_endpoint(EndpointName="digits", ContentType="application/json", Body=PICTURE, **more)
    return out["InvokedProductionVariant"], json.load(out["Body"])


def deploy():
    for model, artifact in (("linear", "linear.tar.gz"), ("trees", "trees.tar.gz")):
        made = sagemaker.create_model(
            ModelName=model,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://models/" + artifact},
        )
        assert made["ModelArn"] == ARN + "model/" + model, made
    sagemaker.create_endpoint_config(
        EndpointConfigName="digits-1",
        ProductionVariants=[
            {"VariantName": "AllTraffic", "ModelName": "linear", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    )
    sagemaker.create_endpoint(EndpointName="digits", EndpointConfigName="digits-1")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="digits", WaiterConfig=OFTEN)
    shown = sagemaker.describe_endpoint(EndpointName="digits")
    assert shown["ProductionVariants"][0]["CurrentInstanceCount"] == 1, shown


def experiment():
    arn = create("life", "digits", Description="Through boto3", Tags=[{"Key": "team", "Value": "vision"}])
    assert arn == ARN + "inference-experiment/life", arn
    x = until("life", "Running")
    assert x["Schedule"]["EndTime"] - x["Schedule"]["StartTime"] > datetime.timedelta(days=6.9), x
    assert {v["VariantName"]: v["Status"] for v in x["ModelVariants"]} == {"AllTraffic": "InService", "Shadow-01": "InService"}, x
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "vision"}]
    for _ in range(20):
        who, answer = invoke()
        assert who == "AllTraffic" and answer["model"] == "digits-linear", (who, answer)
    # boto3 truncates times to whole seconds, and sends the schedule that it has read.
    end = x["Schedule"]["EndTime"].replace(microsecond=0) + datetime.timedelta(days=1)
    sagemaker.update_inference_experiment(
        Name="life",
        Description="Less of it",
        Schedule={"StartTime": x["Schedule"]["StartTime"], "EndTime": end},
        ShadowModeConfig=shadowing(10),
    )
    x = until("life", "Running")
    assert x["Description"] == "Less of it" and x["Schedule"]["EndTime"] == end, x
    assert x["ShadowModeConfig"] == shadowing(10), x
    sagemaker.stop_inference_experiment(
        Name="life",
        ModelVariantActions={"Shadow-01": "Promote", "AllTraffic": "Remove"},
        DesiredState="Completed",
        Reason="The shadow is better",
    )
    x = until("life", "Completed")
    assert x["StatusReason"] == "The shadow is better" and x["CompletionTime"], x
    who, answer = invoke()
    assert who == "Shadow-01" and answer["model"] == "digits-trees", (who, answer)


def pages():
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    made = [f"planned-{i}" for i in range(5)]
    for i, name in enumerate(made):
        day = tomorrow + datetime.timedelta(days=i)
        sagemaker.create_inference_experiment(
            Name=name,
            Type="ShadowMode",
            RoleArn=ROLE,
            EndpointName="digits",
            ModelVariants=[variant("Shadow-01", "trees"), variant("Next", "linear")],
            ShadowModeConfig={
                "SourceModelVariantName": "Shadow-01",
                "ShadowModelVariants": [{"ShadowModelVariantName": "Next", "SamplingPercentage": 5}],
            },
            Schedule={"StartTime": day, "EndTime": day + datetime.timedelta(hours=2)},
        )
        until(name, "Created")
    found = sagemaker.get_paginator("list_inference_experiments").paginate(
        NameContains="planned", StatusEquals="Created", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    listed = [[x["Name"] for x in page["InferenceExperiments"]] for page in found]
    assert listed == [made[:2], made[2:4], made[4:]], listed
    for operation, key in (("list_models", "Models"), ("list_endpoint_configs", "EndpointConfigs"), ("list_endpoints", "Endpoints")):
        rows = list(sagemaker.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1}).search(key))
        assert len(rows) == {"Models": 2, "EndpointConfigs": 2, "Endpoints": 1}[key], rows
    for name in made:
        sagemaker.delete_inference_experiment(Name=name)


def errors():
    try:
        sagemaker.describe_inference_experiment(Name="nobody")
        raise AssertionError("nobody was found")
    except sagemaker.exceptions.ResourceNotFound as e:
        assert "inference-experiment/nobody" in str(e), e
    try:
        create("life", "digits")
        raise AssertionError("the name was free")
    except sagemaker.exceptions.ResourceInUse as e:
        assert "already existing" in str(e), e
    try:
        sagemaker.start_inference_experiment(Name="life")
        raise AssertionError("a completed experiment was started")
    except sagemaker.exceptions.ConflictException as e:
        assert "Completed" in str(e), e
    message = refused("ValidationException", sagemaker.delete_endpoint, EndpointName="nobody")
    assert message == f'Could not find endpoint "{ARN}endpoint/nobody".', message
    message = refused("ValidationException", create, name="-wrong", endpoint="digits")
    assert message.startswith("1 validation error detected: Value '-wrong' at 'name' failed to satisfy constraint"), message
    refused("UnknownOperationException", sagemaker.list_training_jobs)
    stranger = boto3.client("sagemaker", endpoint_url=URL, config=ONCE, aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="no")
    refused("UnrecognizedClientException", stranger.list_models)
    thief = boto3.client("sagemaker", endpoint_url=URL, config=ONCE, aws_secret_access_key="no", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
    refused("InvalidSignatureException", thief.list_models)
    try:
        runtime.invoke_endpoint(EndpointName="digits", ContentType="application/json", Body='{"features":[1]}')
        raise AssertionError("a picture of one pixel was read")
    except runtime.exceptions.ModelError as e:
        assert e.response["OriginalStatusCode"] == 400 and e.response["OriginalMessage"] and e.response["LogStreamArn"], e.response
        assert "Received client error (400) from primary" in str(e), e
    try:
        runtime.invoke_endpoint(EndpointName="nobody", Body="{}")
        raise AssertionError("nobody answered")
    except runtime.exceptions.ValidationError as e:
        assert "Endpoint nobody of account 000000000000 not found." in str(e), e


def remove():
    sagemaker.delete_inference_experiment(Name="life")
    sagemaker.delete_endpoint(EndpointName="digits")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="digits", WaiterConfig=OFTEN)
    for config in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
        sagemaker.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    for model in sagemaker.list_models()["Models"]:
        sagemaker.delete_model(ModelName=model["ModelName"])
    assert sagemaker.list_models()["Models"] == []


for part in (deploy, experiment, pages, errors, remove):
    print("boto3", boto3.__version__, part.__name__, flush=True)
    part()

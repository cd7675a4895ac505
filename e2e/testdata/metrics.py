"""The metrics of a shadow test through boto3, of any version since 2022, whichever protocol it speaks.

Started by cloudwatch_test.go, which sets the environment as "gnomon env" prints it.
"""

import datetime
import os

import boto3
import botocore.config
import botocore.exceptions

cloudwatch = boto3.client(
    "cloudwatch",
    endpoint_url=os.environ["GNOMON_URL"],
    config=botocore.config.Config(retries={"total_max_attempts": 1}),
)
NOW = datetime.datetime.now(datetime.timezone.utc)
SPAN = {"StartTime": NOW - datetime.timedelta(minutes=15), "EndTime": NOW + datetime.timedelta(minutes=2)}


def of(variant):
    return [{"Name": "EndpointName", "Value": "digits"}, {"Name": "VariantName", "Value": variant}]


def stat(id, metric, variant, stat, **more):
    return {
        "Id": id,
        "MetricStat": {
            "Metric": {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": of(variant)},
            "Period": 60,
            "Stat": stat,
        },
        **more,
    }


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"not refused with {code}")


# What the notebooks of SageMaker's console ask.
for variant in ["AllTraffic", "Shadow-01"]:
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker", MetricName="Invocations", Dimensions=of(variant), Period=60, Statistics=["Sum", "SampleCount"], **SPAN
    )
    assert points["Label"] == "Invocations", points
    assert sum(p["Sum"] for p in points["Datapoints"]) == 50, points
    assert all(p["Unit"] == "None" and p["SampleCount"] == p["Sum"] for p in points["Datapoints"]), points
    assert all(p["Timestamp"].second == 0 and p["Timestamp"].tzinfo for p in points["Datapoints"]), points

latency = cloudwatch.get_metric_statistics(
    Namespace="AWS/SageMaker", MetricName="ModelLatency", Dimensions=of("AllTraffic"), Period=3600, ExtendedStatistics=["p50", "p99.9"], **SPAN
)
(point,) = latency["Datapoints"]
assert point["Unit"] == "Microseconds" and 0 < point["ExtendedStatistics"]["p50"] <= point["ExtendedStatistics"]["p99.9"], point

# Several at once, a page at a time.
queries = [
    stat("all", "Invocations", "Shadow-01", "Sum"),
    stat("errors", "Invocation4XXErrors", "Shadow-01", "Sum", Label="${PROP('Dim.VariantName')} ${LABEL}"),
    stat("hidden", "Invocation5XXErrors", "Shadow-01", "Sum", ReturnData=False),
    stat("nothing", "Invocations", "Nobody", "Sum"),
]
found, labels = {}, {}
for page in cloudwatch.get_paginator("get_metric_data").paginate(
    MetricDataQueries=queries, ScanBy="TimestampAscending", PaginationConfig={"PageSize": 1}, **SPAN
):
    assert page["Messages"] == [], page
    assert sum(len(r["Values"]) for r in page["MetricDataResults"]) <= 1, page
    for result in page["MetricDataResults"]:
        assert len(result["Timestamps"]) == len(result["Values"]), result
        found[result["Id"]] = found.get(result["Id"], 0) + sum(result["Values"])
        labels[result["Id"]] = result["Label"]
assert found == {"all": 50, "errors": 10, "nothing": 0}, found
assert labels["all"] == "Invocations" and labels["errors"] == "Shadow-01 Invocation4XXErrors", labels

metrics = [m for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace="AWS/SageMaker") for m in page["Metrics"]]
assert len(metrics) == 13, metrics
assert {"Namespace": "AWS/SageMaker", "MetricName": "Invocations", "Dimensions": of("Shadow-01")} in metrics, metrics
assert cloudwatch.list_metrics(MetricName="GPUUtilization")["Metrics"] == []

# Errors, by the names that clients have always known them by.
statistics = {"Namespace": "AWS/SageMaker", "MetricName": "Invocations", "Period": 60, **SPAN}
refused("InvalidParameterCombination", cloudwatch.get_metric_statistics, **statistics)
refused("InvalidParameterValue", cloudwatch.get_metric_statistics, **{**statistics, "Statistics": ["Median"]})
refused("InvalidParameterValue", cloudwatch.list_metrics, NextToken="x")
refused("InvalidNextToken", cloudwatch.get_metric_data, MetricDataQueries=queries, NextToken="x", **SPAN)
error = refused("ValidationError", cloudwatch.get_metric_data, MetricDataQueries=[{"Id": "a", "Expression": "SUM(METRICS())"}], **SPAN)
assert "MetricDataQueries.member.1.Expression" in str(error), error
refused("InvalidAction", cloudwatch.describe_alarms)

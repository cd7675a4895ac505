"""Reads captured objects with boto3 and joins production and shadow, as AWS's notebooks on shadow tests do. Started by
s3_test.go with the S3 server's URL, the bucket and the prefix; prints how many events there are of each kind."""

import base64
import json
import sys

import boto3

url, bucket, prefix = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="root", aws_secret_access_key="rootsecret")


def records(variant):
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/{variant}/"):
        for entry in page.get("Contents", []):
            assert entry["Key"].endswith(".jsonl"), entry
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read().decode()
            for line in body.splitlines():
                record = json.loads(line)
                event = record["eventMetadata"]["eventId"]
                assert event not in found, event
                found[event] = record
    return found


def output(record):
    data = record["captureData"]["endpointOutput"]
    return base64.b64decode(data["data"]).decode() if data["encoding"] == "BASE64" else data["data"]


production, shadow = records("AllTraffic"), records("Shadow-01")
both = production.keys() & shadow.keys()
same = [event for event in both if output(production[event]) == output(shadow[event])]
print(len(production), len(shadow), len(both), len(same))

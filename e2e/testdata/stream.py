"""InvokeEndpointWithResponseStream by hand: signed by botocore, read by its decoder. Started by stream_test.go."""

import http.client
import os
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.eventstream import EventStreamBuffer
from botocore.session import Session

url = os.environ["GNOMON_URL"]


def stream(endpoint, body):
    request = AWSRequest("POST", f"{url}/endpoints/{endpoint}/invocations-response-stream", data=body,
                         headers={"Content-Type": "application/json", "X-Amzn-SageMaker-Accept": "text/event-stream"})
    SigV4Auth(Session().get_credentials(), "sagemaker", os.environ["AWS_REGION"]).add_auth(request)
    prepared = request.prepare()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", urlsplit(prepared.url).path, body, dict(prepared.headers))
    response = connection.getresponse()
    assert response.status == 200, response.read()
    assert response.headers["Content-Type"] == "application/vnd.amazon.eventstream", response.headers
    assert response.headers["x-Amzn-Invoked-Production-Variant"] == "AllTraffic", response.headers
    buffer = EventStreamBuffer()
    while data := response.read1(65536):
        buffer.add_data(data)
    return [(event.headers.get(":event-type") or event.headers[":exception-type"], event.payload) for event in buffer]


parts = stream("stream", b"{}")
assert len(parts) == 10 and {kind for kind, _ in parts} == {"PayloadPart"}, parts
assert b"".join(payload for _, payload in parts) == b"".join(b'data: {"chunk":%d}\n\n' % i for i in range(10)), parts

*parts, (kind, payload) = stream("broken", b"body")
assert kind == "ModelStreamError" and b"StreamBroken" in payload, (kind, payload)
assert b"".join(p for _, p in parts) == b"body", parts

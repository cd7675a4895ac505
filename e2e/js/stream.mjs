// Streamed answers through the AWS SDK for JavaScript. Started by stream_test.go.

import assert from "node:assert/strict";

import { InvokeEndpointWithResponseStreamCommand, ModelStreamError, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";

const runtime = new SageMakerRuntimeClient({ maxAttempts: 1 });

async function stream(EndpointName, Body) {
  const out = await runtime.send(new InvokeEndpointWithResponseStreamCommand({ EndpointName, Body, ContentType: "application/json" }));
  assert.equal(out.InvokedProductionVariant, "AllTraffic");
  const parts = [];
  let error;
  try {
    for await (const event of out.Body) parts.push(Buffer.from(event.PayloadPart.Bytes).toString());
  } catch (e) {
    error = e;
  }
  return { parts, error };
}

const whole = await stream("stream", "{}");
assert.equal(whole.error, undefined);
assert.equal(whole.parts.length, 10);
assert.equal(whole.parts.join(""), Array.from({ length: 10 }, (_, i) => `data: {"chunk":${i}}\n\n`).join(""));

const broken = await stream("broken", "body");
assert.equal(broken.parts.join(""), "body");
assert(broken.error instanceof ModelStreamError, String(broken.error));
assert.equal(broken.error.ErrorCode, "StreamBroken");

// Both clients with nothing but a profile, as "gnomon env --profile" writes it. Started by javascript_test.go.

import assert from "node:assert/strict";

import { ListModelsCommand, SageMakerClient } from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, SageMakerRuntimeClient, ValidationError } from "@aws-sdk/client-sagemaker-runtime";

assert.deepEqual((await new SageMakerClient({}).send(new ListModelsCommand({}))).Models, []);
const runtime = new SageMakerRuntimeClient({});
await assert.rejects(runtime.send(new InvokeEndpointCommand({ EndpointName: "nobody", Body: "{}" })), ValidationError);

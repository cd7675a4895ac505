// The life of a shadow test through the AWS SDK for JavaScript, unchanged but for the endpoint, which it takes from the
// environment as "gnomon env" prints it. Started by javascript_test.go.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import * as sm from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, ModelError, SageMakerRuntimeClient, ValidationError } from "@aws-sdk/client-sagemaker-runtime";

const role = process.env.GNOMON_ROLE_ARN;
const image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/digits:1";
const arn = "arn:aws:sagemaker:us-east-1:000000000000:";
const once = { maxAttempts: 1 };

const client = new sm.SageMakerClient(once);
const runtime = new SageMakerRuntimeClient(once);
const soon = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
const picture = JSON.stringify({ features: new Array(64).fill(0) });

const variant = (VariantName, ModelName) => ({
  VariantName,
  ModelName,
  InfrastructureConfig: {
    InfrastructureType: "RealTimeInference",
    RealTimeInferenceConfig: { InstanceType: "ml.m5.large", InstanceCount: 1 },
  },
});

const shadowing = (SamplingPercentage) => ({
  SourceModelVariantName: "AllTraffic",
  ShadowModelVariants: [{ ShadowModelVariantName: "Shadow-01", SamplingPercentage }],
});

const experiment = (Name, more) => ({
  Name,
  Type: "ShadowMode",
  RoleArn: role,
  EndpointName: "digits",
  ModelVariants: [variant("AllTraffic", "linear"), variant("Shadow-01", "trees")],
  ShadowModeConfig: shadowing(100),
  ...more,
});

async function until(Name, want) {
  for (const deadline = Date.now() + 60_000; ; ) {
    const x = await client.send(new sm.DescribeInferenceExperimentCommand({ Name }));
    if (x.Status === want) return x;
    assert(!["Completed", "Cancelled"].includes(x.Status) && Date.now() < deadline, `${Name} is ${x.Status}: ${x.StatusReason}`);
    await sleep(100);
  }
}

async function invoke(Body = picture, EndpointName = "digits") {
  const out = await runtime.send(new InvokeEndpointCommand({ EndpointName, ContentType: "application/json", Body }));
  return [out.InvokedProductionVariant, JSON.parse(Buffer.from(out.Body).toString()).model];
}

async function deploy() {
  for (const [ModelName, artifact] of [["linear", "linear.tar.gz"], ["trees", "trees.tar.gz"]]) {
    const made = await client.send(
      new sm.CreateModelCommand({
        ModelName,
        ExecutionRoleArn: role,
        PrimaryContainer: { Image: image, ModelDataUrl: `s3://models/${artifact}` },
      }),
    );
    assert.equal(made.ModelArn, `${arn}model/${ModelName}`);
  }
  await client.send(
    new sm.CreateEndpointConfigCommand({
      EndpointConfigName: "digits-1",
      ProductionVariants: [{ VariantName: "AllTraffic", ModelName: "linear", InstanceType: "ml.m5.large", InitialInstanceCount: 1 }],
    }),
  );
  await client.send(new sm.CreateEndpointCommand({ EndpointName: "digits", EndpointConfigName: "digits-1" }));
  await sm.waitUntilEndpointInService(soon, { EndpointName: "digits" });
}

async function live() {
  const made = await client.send(new sm.CreateInferenceExperimentCommand(experiment("life", { Tags: [{ Key: "team", Value: "vision" }] })));
  assert.equal(made.InferenceExperimentArn, `${arn}inference-experiment/life`);
  let x = await until("life", "Running");
  assert.deepEqual(x.ModelVariants.map((v) => [v.VariantName, v.Status]), [["AllTraffic", "InService"], ["Shadow-01", "InService"]]);
  const { Tags } = await client.send(new sm.ListTagsCommand({ ResourceArn: made.InferenceExperimentArn }));
  assert.deepEqual(Tags, [{ Key: "team", Value: "vision" }]);
  for (let i = 0; i < 20; i++) assert.deepEqual(await invoke(), ["AllTraffic", "digits-linear"]);

  const end = new Date(x.Schedule.EndTime.getTime() + 1234567);
  await client.send(
    new sm.UpdateInferenceExperimentCommand({
      Name: "life",
      Description: "A tenth of it",
      Schedule: { StartTime: x.Schedule.StartTime, EndTime: end },
      ShadowModeConfig: shadowing(10),
    }),
  );
  x = await until("life", "Running");
  assert.deepEqual([x.Description, x.Schedule.EndTime, x.ShadowModeConfig], ["A tenth of it", end, shadowing(10)]);

  await client.send(
    new sm.StopInferenceExperimentCommand({
      Name: "life",
      ModelVariantActions: { AllTraffic: "Remove", "Shadow-01": "Promote" },
      DesiredState: "Completed",
      Reason: "Seen enough",
    }),
  );
  x = await until("life", "Completed");
  assert.equal(x.StatusReason, "Seen enough");
  assert.deepEqual(await invoke(), ["Shadow-01", "digits-trees"]);
}

async function pages() {
  const names = [];
  for (let day = 1; day <= 5; day++) {
    const start = Date.now() + day * 86_400_000;
    names.push(`planned-${day}`);
    await client.send(
      new sm.CreateInferenceExperimentCommand({
        ...experiment(names.at(-1)),
        ModelVariants: [variant("Shadow-01", "trees"), variant("Next", "linear")],
        ShadowModeConfig: { SourceModelVariantName: "Shadow-01", ShadowModelVariants: [{ ShadowModelVariantName: "Next", SamplingPercentage: 5 }] },
        Schedule: { StartTime: new Date(start), EndTime: new Date(start + 3_600_000) },
      }),
    );
    await until(names.at(-1), "Created");
  }
  const listed = [];
  for await (const page of sm.paginateListInferenceExperiments({ client, pageSize: 2 }, { NameContains: "planned", SortBy: "Name", SortOrder: "Ascending" })) {
    listed.push(page.InferenceExperiments.map((x) => x.Name));
  }
  assert.deepEqual(listed, [names.slice(0, 2), names.slice(2, 4), names.slice(4)]);
  for (const Name of names) await client.send(new sm.DeleteInferenceExperimentCommand({ Name }));
}

async function errors() {
  const nobody = { Name: "nobody" };
  await assert.rejects(client.send(new sm.DescribeInferenceExperimentCommand(nobody)), (e) => e instanceof sm.ResourceNotFound && e.message.includes("/nobody"));
  await assert.rejects(client.send(new sm.CreateInferenceExperimentCommand(experiment("life"))), (e) => e instanceof sm.ResourceInUse);
  await assert.rejects(client.send(new sm.StartInferenceExperimentCommand({ Name: "life" })), (e) => e instanceof sm.ConflictException && e.message.includes("Completed"));
  await assert.rejects(client.send(new sm.DescribeEndpointCommand({ EndpointName: "nobody" })), {
    name: "ValidationException",
    message: `Could not find endpoint "${arn}endpoint/nobody".`,
  });
  // This SDK checks nothing itself: what is missing is the server's to tell.
  await assert.rejects(client.send(new sm.CreateInferenceExperimentCommand({ Name: "half" })), {
    name: "ValidationException",
    message: /validation errors detected: .*Value null at 'type' failed to satisfy constraint: Member must not be null/,
  });
  await assert.rejects(client.send(new sm.ListTrainingJobsCommand({})), { name: "UnknownOperationException" });
  const stranger = new sm.SageMakerClient({ ...once, credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "no" } });
  await assert.rejects(stranger.send(new sm.ListModelsCommand({})), { name: "UnrecognizedClientException" });
  await assert.rejects(invoke('{"features":[1]}'), (e) => e instanceof ModelError && e.OriginalStatusCode === 400 && e.LogStreamArn !== undefined);
  await assert.rejects(invoke(picture, "nobody"), (e) => e instanceof ValidationError && e.message.includes("Endpoint nobody of account"));
}

async function remove() {
  await client.send(new sm.DeleteInferenceExperimentCommand({ Name: "life" }));
  await client.send(new sm.DeleteEndpointCommand({ EndpointName: "digits" }));
  await sm.waitUntilEndpointDeleted(soon, { EndpointName: "digits" });
  const { Models } = await client.send(new sm.ListModelsCommand({ SortBy: "Name", SortOrder: "Ascending" }));
  assert.deepEqual(Models.map((m) => m.ModelName), ["linear", "trees"]);
  for (const { ModelName } of Models) await client.send(new sm.DeleteModelCommand({ ModelName }));
}

for (const part of [deploy, live, pages, errors, remove]) {
  console.log(part.name);
  await part();
}

import type { OperationName, OutputOf } from '../../../src/contract/operations.ts';
import { anyTo, type Choice, type Client, type Memory, onlyFrom } from './memory.ts';
import { randomOutcome, SURROUNDINGS } from './step-shapes.ts';

const MODELS = ['cm-0', 'cm-1', 'cm-2'];
const CONFIGS = ['ce-0', 'ce-1', 'ce-2'];
const ENDPOINTS = ['cl-0', 'cl-1'];
/** Endpoints that steps of pipelines deploy to as well: nothing is known of those. */
const SHARED = ['sim-live-a', 'sim-live-b'];
const CONTAINER = { Image: SURROUNDINGS.imageUri, ModelDataUrl: `s3://${SURROUNDINGS.bucket}/stable/model/model.tar.gz` };
export const CLIENT_GROUP = 'client-group';
const APPROVALS = ['Approved', 'Rejected', 'PendingManualApproval'] as const;

/** Models, endpoint configs and endpoints. */
export function hostingChoices(memory: Memory): Choice[] {
  const { random } = memory;
  const outcome = () => (random.chance(0.2) ? 'fail' : 'ok');
  const container = () => ({ ...CONTAINER, Environment: { SIM_OUTCOME: outcome() } });
  return [
    [0.6, 'create a model', (client) => createModel(memory, client, random.pick(MODELS), container())],
    [0.3, 'delete a model', (client) => remove(memory, client, 'model', random.pick(MODELS))],
    [0.3, 'describe a model', (client) => describe(memory, client, 'model', random.pick(MODELS))],
    [0.15, 'list models', (client) => list(memory, client, 'model')],
    [0.6, 'create an endpoint config', (client) => createConfig(memory, client, random.pick(CONFIGS))],
    [0.3, 'delete an endpoint config', (client) => remove(memory, client, 'endpoint-config', random.pick(CONFIGS))],
    [0.3, 'describe an endpoint config', (client) => describe(memory, client, 'endpoint-config', random.pick(CONFIGS))],
    [0.5, 'create an endpoint', (client) => createEndpoint(memory, client, random.pick(ENDPOINTS))],
    [0.5, 'update an endpoint', (client) => updateEndpoint(memory, client, random.pick([...ENDPOINTS, ...SHARED]))],
    [0.3, 'delete an endpoint', (client) => deleteEndpoint(memory, client, random.pick(ENDPOINTS))],
    [0.1, 'delete a shared endpoint', (client) => deleteEndpoint(memory, client, random.pick(SHARED))],
    [0.5, 'describe an endpoint', (client) => describeEndpoint(memory, client, random.pick(ENDPOINTS))],
  ];
}

async function createModel(memory: Memory, client: Client, ModelName: string, PrimaryContainer: object): Promise<void> {
  const register = memory.register(`model ${ModelName}`);
  const input = () => ({ ModelName, PrimaryContainer, ExecutionRoleArn: SURROUNDINGS.roleArn });
  await memory.change(client, register, onlyFrom('absent', 'present'), 'sagemaker:CreateModel', input);
}

async function createConfig(memory: Memory, client: Client, EndpointConfigName: string): Promise<void> {
  const ModelName = memory.random.pick(['sim-model', ...MODELS]);
  const register = memory.register(`endpoint-config ${EndpointConfigName}`);
  const variant = { VariantName: 'AllTraffic', ModelName, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' as const };
  const input = () => ({ EndpointConfigName, ProductionVariants: [variant] });
  await memory.change(client, register, onlyFrom('absent', 'present'), 'sagemaker:CreateEndpointConfig', input);
}

const KINDS = {
  model: ['sagemaker:DescribeModel', 'sagemaker:DeleteModel', 'ModelName', 'sagemaker:ListModels', 'Models'],
  'endpoint-config': [
    'sagemaker:DescribeEndpointConfig',
    'sagemaker:DeleteEndpointConfig',
    'EndpointConfigName',
    'sagemaker:ListEndpointConfigs',
    'EndpointConfigs',
  ],
} as const satisfies Record<string, readonly [OperationName, OperationName, string, OperationName, string]>;
type Kind = keyof typeof KINDS;

async function remove(memory: Memory, client: Client, kind: Kind, name: string): Promise<void> {
  const [, operation, member] = KINDS[kind];
  const register = memory.register(`${kind} ${name}`);
  await memory.change(client, register, onlyFrom('present', 'absent'), operation, () => ({ [member]: name }) as never);
}

async function describe(memory: Memory, client: Client, kind: Kind, name: string): Promise<void> {
  const [operation, , member] = KINDS[kind];
  const register = memory.register(`${kind} ${name}`);
  const input = () => ({ [member]: name }) as never;
  await memory.look(client, register, operation, input, (output) => (output ? 'present' : 'absent'));
}

async function list(memory: Memory, client: Client, kind: Kind): Promise<void> {
  const [, , member, operation, members] = KINDS[kind];
  const certain = memory.registers(`${kind} `).filter(({ isCertain }) => isCertain);
  const known = certain.map((one) => [one, one.stamp, [...one.states][0]] as const);
  const listed = new Set<string>();
  let NextToken: string | undefined;
  do {
    const { output } = await memory.ask(client, operation, () => ({ MaxResults: 3, NextToken }) as never);
    if (!output) return;
    const page = output as unknown as { NextToken?: string } & Record<string, Record<string, string>[]>;
    for (const one of page[members] ?? []) listed.add(one[member] ?? '');
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  for (const [one, stamp, state] of known) {
    const isListed = listed.has(one.name.slice(kind.length + 1));
    if (one.stamp === stamp && isListed !== (state === 'present'))
      memory.problem(`${one.name} is ${state}, and listed: ${isListed}`);
  }
}

async function createEndpoint(memory: Memory, client: Client, EndpointName: string): Promise<void> {
  const EndpointConfigName = memory.random.pick(['sim-config', ...CONFIGS]);
  const register = memory.register(`endpoint ${EndpointName}`);
  const input = () => ({ EndpointName, EndpointConfigName });
  await memory.change(client, register, onlyFrom('absent', 'present'), 'sagemaker:CreateEndpoint', input);
}

async function updateEndpoint(memory: Memory, client: Client, EndpointName: string): Promise<void> {
  const EndpointConfigName = memory.random.pick(['sim-config', ...CONFIGS]);
  const input = () => ({ EndpointName, EndpointConfigName });
  if (SHARED.includes(EndpointName)) await memory.ask(client, 'sagemaker:UpdateEndpoint', input);
  else {
    const register = memory.register(`endpoint ${EndpointName}`);
    await memory.change(client, register, onlyFrom('present', 'present'), 'sagemaker:UpdateEndpoint', input);
  }
}

async function deleteEndpoint(memory: Memory, client: Client, EndpointName: string): Promise<void> {
  const input = () => ({ EndpointName });
  if (SHARED.includes(EndpointName)) await memory.ask(client, 'sagemaker:DeleteEndpoint', input);
  else {
    const register = memory.register(`endpoint ${EndpointName}`);
    // one that is being deleted may be deleted again
    await memory.change(client, register, anyTo('absent'), 'sagemaker:DeleteEndpoint', input);
  }
}

/** One that is being deleted counts as gone: it never comes back. */
async function describeEndpoint(memory: Memory, client: Client, EndpointName: string): Promise<void> {
  const register = memory.register(`endpoint ${EndpointName}`);
  await memory.look(
    client,
    register,
    'sagemaker:DescribeEndpoint',
    () => ({ EndpointName }),
    (output) => (!output || output.EndpointStatus === 'Deleting' ? 'absent' : 'present'),
  );
}

/** Versions of models and whether they may be used. */
export function registryChoices(memory: Memory): Choice[] {
  const { random } = memory;
  const known = () => memory.registers('package ');
  const any = () => random.pick(known()).name.slice('package '.length);
  const has = known().length > 0;
  return [
    [0.5, 'register a model', (client) => createPackage(memory, client)],
    [0.4, 'list packages', (client) => listPackages(memory, client, random.pick([CLIENT_GROUP, 'sim-group-a', 'sim-group-b']))],
    [has ? 0.8 : 0, 'approve or reject a package', (client) => decidePackage(memory, client, any())],
    [has ? 0.15 : 0, 'delete a package', (client) => deletePackage(memory, client, any())],
    [has ? 0.4 : 0, 'describe a package', (client) => describePackage(memory, client, any())],
    [has ? 0.3 : 0, 'create a model of a package', (client) => createModelOf(memory, client, any())],
  ];
}

const packageOf = (memory: Memory, arn: string, ...states: string[]) => memory.register(`package ${arn}`, ...states);

async function createPackage(memory: Memory, client: Client): Promise<void> {
  const ClientToken = memory.token();
  const ModelApprovalStatus = memory.random.pick(APPROVALS);
  const InferenceSpecification = {
    Containers: [{ ...CONTAINER }],
    SupportedContentTypes: ['text/csv'],
    SupportedResponseMIMETypes: ['text/csv'],
  };
  const input = () => ({ ModelPackageGroupName: CLIENT_GROUP, ModelApprovalStatus, InferenceSpecification, ClientToken });
  const { output } = await memory.ask(client, 'sagemaker:CreateModelPackage', input);
  if (output?.ModelPackageArn === undefined) return;
  const { ModelPackageArn: arn } = output;
  memory.same(ClientToken, arn);
  const others = [...memory.byToken].filter(([token, answer]) => answer === arn && token !== ClientToken);
  if (others.length > 0) memory.problem(`two registrations were both answered ${arn}`);
  // others may have seen it in a list and changed it before this answer came
  if (!memory.isKnown(`package ${arn}`)) packageOf(memory, arn, ModelApprovalStatus);
  if (!memory.random.chance(0.2)) return;
  const again = await memory.ask(client, 'sagemaker:CreateModelPackage', input);
  if (again.output) memory.same(ClientToken, again.output.ModelPackageArn ?? '');
}

/** Learns of versions that pipelines registered; every version known to be there is listed. */
async function listPackages(memory: Memory, client: Client, ModelPackageGroupName: string): Promise<void> {
  const inGroup = memory.registers('package ').filter(({ name }) => name.includes(`/${ModelPackageGroupName}/`));
  const there = inGroup.filter(({ states }) => !states.has('absent')).map((one) => [one, one.stamp] as const);
  const listed = new Map<string, string>();
  let NextToken: string | undefined;
  do {
    const page: OutputOf<'sagemaker:ListModelPackages'> | undefined = (
      await memory.ask(client, 'sagemaker:ListModelPackages', () => ({ ModelPackageGroupName, MaxResults: 3, NextToken }))
    ).output;
    if (!page) return;
    for (const { ModelPackageArn = '', ModelApprovalStatus = '' } of page.ModelPackageSummaryList ?? []) {
      listed.set(ModelPackageArn, ModelApprovalStatus);
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  for (const [one, stamp] of there) {
    const arn = one.name.slice('package '.length);
    if (one.stamp === stamp && !listed.has(arn)) memory.problem(`${arn} is there and not listed`);
  }
  for (const [arn, approval] of listed) {
    // what is not known may have been changed by a call whose answer is still to come
    if (!memory.isKnown(`package ${arn}`)) packageOf(memory, arn, ...new Set([approval, ...APPROVALS, 'absent']));
  }
}

async function decidePackage(memory: Memory, client: Client, ModelPackageArn: string): Promise<void> {
  const ModelApprovalStatus = memory.random.pick(APPROVALS);
  const after = (state: string) => (state === 'absent' ? undefined : ModelApprovalStatus);
  const input = () => ({ ModelPackageArn, ModelApprovalStatus });
  await memory.change(client, packageOf(memory, ModelPackageArn), after, 'sagemaker:UpdateModelPackage', input);
}

async function deletePackage(memory: Memory, client: Client, ModelPackageName: string): Promise<void> {
  const after = (state: string) => (state === 'absent' ? undefined : 'absent');
  const input = () => ({ ModelPackageName });
  memory.deletedPackages.add(ModelPackageName);
  await memory.change(client, packageOf(memory, ModelPackageName), after, 'sagemaker:DeleteModelPackage', input);
}

async function describePackage(memory: Memory, client: Client, ModelPackageName: string): Promise<void> {
  const input = () => ({ ModelPackageName });
  await memory.look(client, packageOf(memory, ModelPackageName), 'sagemaker:DescribeModelPackage', input, (output) =>
    output ? (output.ModelApprovalStatus ?? 'PendingManualApproval') : 'absent',
  );
}

/** A model of a version is refused, where approval is required and there is none. */
async function createModelOf(memory: Memory, client: Client, ModelPackageName: string): Promise<void> {
  await createModel(memory, client, memory.random.pick(MODELS), { ModelPackageName });
}

/** Jobs that no pipeline asked for. */
export function jobChoices(memory: Memory): Choice[] {
  const { random } = memory;
  const names = ['cj-0', 'cj-1', 'cj-2', 'cj-3', 'cj-4', 'cj-5'];
  const type = () => random.pick(['Processing', 'Training'] as const);
  return [
    [0.6, 'create a job', (client) => createJob(memory, client, type(), random.pick(names))],
    [0.6, 'stop a job', (client) => stopOneOf(memory, client, type(), names)],
    [0.6, 'describe a job', (client) => describeJob(memory, client, type(), random.pick(names))],
  ];
}

async function createJob(memory: Memory, client: Client, type: 'Processing' | 'Training', name: string): Promise<void> {
  const { at, environment } = {
    at: SURROUNDINGS,
    environment: { SIM_OUTCOME: randomOutcome(memory.random, { failing: 0.3, hanging: true }) },
  };
  const register = memory.register(`${type} job ${name}`);
  const uri = `s3://${at.bucket}/${memory.random.pick(['stable/a', 'flaky/a'])}`;
  const instance = { InstanceCount: 1, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 };
  const processing = () => ({
    ProcessingJobName: name,
    AppSpecification: { ImageUri: at.imageUri, ContainerEntrypoint: ['python3', '/opt/ml/processing/input/in/run.py'] },
    Environment: environment,
    ProcessingInputs: [
      {
        InputName: 'in',
        S3Input: {
          S3Uri: uri,
          LocalPath: '/opt/ml/processing/input/in',
          S3DataType: 'S3Prefix' as const,
          S3InputMode: 'File' as const,
        },
      },
    ],
    ProcessingResources: { ClusterConfig: instance },
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    RoleArn: at.roleArn,
  });
  const training = () => ({
    TrainingJobName: name,
    AlgorithmSpecification: { TrainingImage: at.imageUri, TrainingInputMode: 'File' as const },
    Environment: environment,
    OutputDataConfig: { S3OutputPath: `s3://${at.bucket}/models` },
    ResourceConfig: instance,
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    RoleArn: at.roleArn,
  });
  const after = onlyFrom('absent', 'present');
  if (type === 'Processing') await memory.change(client, register, after, 'sagemaker:CreateProcessingJob', processing);
  else await memory.change(client, register, after, 'sagemaker:CreateTrainingJob', training);
}

/** Mostly one that was made and is not known to have ended. */
function stopOneOf(memory: Memory, client: Client, type: 'Processing' | 'Training', names: readonly string[]): Promise<void> {
  const open = names.filter((name) => memory.isKnown(`${type} job ${name}`) && !memory.ends.has(`${type} job ${name}`));
  return stopJob(memory, client, type, memory.random.pick(open.length > 0 && memory.random.chance(0.9) ? open : names));
}

async function stopJob(memory: Memory, client: Client, type: 'Processing' | 'Training', name: string): Promise<void> {
  if (type === 'Processing') await memory.ask(client, 'sagemaker:StopProcessingJob', () => ({ ProcessingJobName: name }));
  else await memory.ask(client, 'sagemaker:StopTrainingJob', () => ({ TrainingJobName: name }));
}

const ENDED: ReadonlySet<string> = new Set(['Completed', 'Failed', 'Stopped']);

/** A job is there once its creation was acknowledged, and stays as it ended. */
async function describeJob(memory: Memory, client: Client, type: 'Processing' | 'Training', name: string): Promise<void> {
  const register = memory.register(`${type} job ${name}`);
  const known = memory.ends.get(register.name);
  const see = (status: string | undefined): string => {
    if (status === undefined) return 'absent';
    if (known !== undefined && known !== status) memory.problem(`${register.name} was ${known} and is ${status}`);
    if (ENDED.has(status)) memory.ends.set(register.name, status);
    return 'present';
  };
  if (type === 'Processing') {
    const input = () => ({ ProcessingJobName: name });
    await memory.look(client, register, 'sagemaker:DescribeProcessingJob', input, (output) => see(output?.ProcessingJobStatus));
  } else {
    const input = () => ({ TrainingJobName: name });
    await memory.look(client, register, 'sagemaker:DescribeTrainingJob', input, (output) => see(output?.TrainingJobStatus));
  }
}

/** Objects that jobs read meanwhile, and tags. */
export function objectChoices(memory: Memory): Choice[] {
  const { random } = memory;
  const keys = ['flaky/a', 'flaky/b', 'flaky/a/more'];
  return [
    [0.5, 'put an object', (client) => putObject(memory, client, random.pick(keys))],
    [0.3, 'delete an object', (client) => deleteObject(memory, client, random.pick(keys))],
    [0.4, 'get an object', (client) => getObject(memory, client, random.pick(keys))],
    [0.3, 'tag', (client) => tag(memory, client)],
    [0.2, 'list tags', (client) => listTags(memory, client)],
  ];
}

const objectOf = (memory: Memory, key: string) =>
  memory.register(`object ${key}`, key === 'flaky/a' ? `content flaky/a` : 'absent');

async function putObject(memory: Memory, client: Client, Key: string): Promise<void> {
  const content = `v${memory.random.int(1_000_000)}`;
  const input = () => ({ Bucket: SURROUNDINGS.bucket, Key, Body: bodyOf(content) as never });
  await memory.change(client, objectOf(memory, Key), anyTo(`content ${content}`), 's3:PutObject', input);
}

async function deleteObject(memory: Memory, client: Client, Key: string): Promise<void> {
  const input = () => ({ Bucket: SURROUNDINGS.bucket, Key });
  await memory.change(client, objectOf(memory, Key), anyTo('absent'), 's3:DeleteObject', input);
}

async function getObject(memory: Memory, client: Client, Key: string): Promise<void> {
  const input = () => ({ Bucket: SURROUNDINGS.bucket, Key });
  await memory.look(client, objectOf(memory, Key), 's3:GetObject', input, async (output) =>
    output ? `content ${await textOf(output.Body)}` : 'absent',
  );
}

export async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function textOf(body: unknown): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

const TAGGED = `arn:aws:sagemaker:us-east-1:123456789012:model-package-group/${CLIENT_GROUP}`;

async function tag(memory: Memory, client: Client): Promise<void> {
  const Value = `v${memory.random.int(100)}`;
  if (memory.random.chance(0.7)) {
    const input = () => ({ ResourceArn: TAGGED, Tags: [{ Key: 'k', Value }] });
    await memory.change(client, memory.register('tag k'), anyTo(Value), 'sagemaker:AddTags', input);
  } else {
    const input = () => ({ ResourceArn: TAGGED, TagKeys: ['k'] });
    await memory.change(client, memory.register('tag k'), anyTo('absent'), 'sagemaker:DeleteTags', input);
  }
}

async function listTags(memory: Memory, client: Client): Promise<void> {
  await memory.look(
    client,
    memory.register('tag k'),
    'sagemaker:ListTags',
    () => ({ ResourceArn: TAGGED }),
    (output) => (output ? (output.Tags?.find(({ Key }) => Key === 'k')?.Value ?? 'absent') : undefined),
  );
}

const LOOKS: Readonly<Record<string, (memory: Memory, client: Client, name: string) => Promise<void>>> = {
  model: (memory, client, name) => describe(memory, client, 'model', name),
  'endpoint-config': (memory, client, name) => describe(memory, client, 'endpoint-config', name),
  endpoint: describeEndpoint,
  package: describePackage,
  'Processing job': (memory, client, name) => describeJob(memory, client, 'Processing', name),
  'Training job': (memory, client, name) => describeJob(memory, client, 'Training', name),
  object: getObject,
  tag: listTags,
};

/** Looks at everything that clients know of, once more. */
export async function lookAtAll(memory: Memory, client: Client): Promise<void> {
  for (const [kind, look] of Object.entries(LOOKS)) {
    for (const { name } of memory.registers(`${kind} `)) await look(memory, client, name.slice(kind.length + 1));
  }
  await list(memory, client, 'model');
  await list(memory, client, 'endpoint-config');
  await listPackages(memory, client, CLIENT_GROUP);
}

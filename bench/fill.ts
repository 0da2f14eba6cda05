import { join } from 'node:path';
import type { CreateModelPackageInput } from '../src/contract/generated/sagemaker.ts';
import { callJson, defaultRoleArn } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import type { ExecutionDocument, PipelineDocument, StepDocument } from '../src/domains/pipelines/resources.ts';
import { executionIndex, executionKey, incarnationOf, stepIndex, stepKey } from '../src/domains/pipelines/resources.ts';
import {
  type GroupDocument,
  MODEL_PACKAGE,
  MODEL_PACKAGE_GROUP,
  type PackageDocument,
} from '../src/domains/registry/resources.ts';
import { groupWrite, packageWrite } from '../src/domains/registry/rows.ts';
import { systemClock } from '../src/platform/clock.ts';
import { keyOf } from '../src/platform/resources/declaration.ts';
import type { Row, Store, Write } from '../src/platform/store/port.ts';
import { createSqliteStore } from '../src/platform/store/sqlite/sqlite-store.ts';
import { writeOf } from '../src/platform/store/typed-rows.ts';
import { AwsClient, optionsOf } from '../tests/harness/aws-client.ts';
import { startServer } from '../tests/harness/server.ts';

/**
 * A data folder with many model versions and executions. One of each is made by the API; the others are its rows again under other names,
 * numbers and times, in commits of many rows, each with its ledger entry, as so many calls would have left them.
 */
export interface Amounts {
  /** Half of them in the group `large`, the others in groups of a hundredth each; one in a hundred has no group. */
  readonly packages: number;
  /** Of the pipeline `many`, of two steps each. */
  readonly executions: number;
}

export const LARGE_GROUP = 'large';
export const PIPELINE = 'many';
const [ACCOUNT, REGION, BUCKET] = ['123456789012', 'us-east-1', 'models'];
const PLACE = { account: ACCOUNT, region: REGION };
const COMMIT_ROWS = 5_000;
/** Commits that are encoded while others are written. */
const IN_FLIGHT = 3;
const START_MS = Date.UTC(2026, 0, 1);
/** Of one row and the next. */
const APART_MS = 1_000;

export async function fill(folder: string, amounts: Amounts): Promise<void> {
  const server = await startServer({ folder });
  try {
    const aws = new AwsClient(optionsOf(server));
    await aws.s3('PUT', `/${BUCKET}`);
    await aws.put(BUCKET, 'model.tar.gz', 'a model');
    await makeOneOfEach(await connect(folder));
  } finally {
    await server.stop();
  }
  const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
  try {
    await commitAll(store, packageWrites(await samples(store), amounts.packages));
    await commitAll(store, executionWrites(await samples(store), amounts.executions));
  } finally {
    await store.close();
  }
}

async function makeOneOfEach(connection: Connection): Promise<void> {
  const specification = {
    Containers: [{ Image: 'python:3.11', ModelDataUrl: `s3://${BUCKET}/model.tar.gz` }],
    SupportedContentTypes: ['text/csv'],
    SupportedResponseMIMETypes: ['text/csv'],
  };
  const details: Partial<CreateModelPackageInput> = {
    InferenceSpecification: specification,
    CustomerMetadataProperties: { accuracy: '0.91', commit: 'f3a91c' },
  };
  await callJson(connection, 'sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: LARGE_GROUP });
  await callJson(connection, 'sagemaker:CreateModelPackage', {
    ...details,
    ModelPackageGroupName: LARGE_GROUP,
    ModelPackageDescription: 'A version like any other.',
    ModelApprovalStatus: 'PendingManualApproval',
    ClientToken: crypto.randomUUID(),
  });
  const Conditions = [{ Type: 'Equals', LeftValue: 1, RightValue: 1 }];
  const steps = ['First', 'Second'].map((Name) => ({
    Name,
    Type: 'Condition',
    Arguments: { Conditions, IfSteps: [], ElseSteps: [] },
  }));
  await callJson(connection, 'sagemaker:CreatePipeline', {
    PipelineName: PIPELINE,
    PipelineDefinition: JSON.stringify({
      Version: '2020-12-01',
      Parameters: [{ Name: 'Alpha', Type: 'Float', DefaultValue: 0.5 }],
      Steps: steps,
    }),
    ClientRequestToken: crypto.randomUUID(),
    RoleArn: await defaultRoleArn(connection),
  });
  const { PipelineExecutionArn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: PIPELINE,
    ClientRequestToken: crypto.randomUUID(),
  });
  for (let status: string | undefined = 'Executing'; status !== 'Succeeded'; ) {
    const found = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn });
    status = found.PipelineExecutionStatus;
    if (status === 'Failed') throw new Error(`The execution failed: ${found.FailureReason}`);
  }
}

interface Samples {
  readonly group: GroupDocument;
  readonly version: PackageDocument;
  readonly pipeline: PipelineDocument;
  readonly execution: ExecutionDocument;
  readonly steps: readonly StepDocument[];
}

async function samples(store: Store): Promise<Samples> {
  const rows = async <D>(kind: string): Promise<D[]> => {
    const page = await store.list({ ...PLACE, kind, sortBy: 'created', order: 'ascending', limit: 2 });
    return (page.rows as Row[]).map(({ document }) => document as unknown as D);
  };
  const first = async <D>(kind: string): Promise<D> => (await rows<D>(kind))[0] as D;
  return {
    group: await first(MODEL_PACKAGE_GROUP.kind),
    version: await first(MODEL_PACKAGE.kind),
    pipeline: await first('Pipeline'),
    execution: await first('PipelineExecution'),
    steps: await rows('PipelineExecutionStep'),
  };
}

/** Where every row of a fill stands, the last being the newest. */
const timeOf = (n: number): number => START_MS + n * APART_MS;

function* packageWrites({ group, version }: Samples, count: number): Generator<Write> {
  const latest = new Map<string, number>([[LARGE_GROUP, 1]]);
  const approvals = ['Approved', 'Rejected'] as const;
  for (let n = 1; n < count; n += 1) {
    const CreationTime = timeOf(n);
    const name = n % 2 === 0 ? LARGE_GROUP : `group-${n % 101}`;
    const number = (latest.get(name) ?? 0) + 1;
    // the large group's approved versions are all old; elsewhere one in fifty was judged
    const approval = name === LARGE_GROUP ? (number < 20 ? 'Approved' : undefined) : n % 100 < 4 ? approvals[n % 2] : undefined;
    const { ModelPackageGroupName: _group, ModelPackageVersion: _number, ...bare } = version;
    const arn = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:model-package`;
    const isAlone = n % 100 === 51;
    if (!isAlone) latest.set(name, number);
    const document: PackageDocument = isAlone
      ? { ...bare, ModelPackageName: `alone-${n}`, ModelPackageArn: `${arn}/alone-${n}`, CreationTime }
      : {
          ...version,
          ModelPackageName: name,
          ModelPackageGroupName: name,
          ModelPackageVersion: number,
          ModelPackageArn: `${arn}/${name}/${number}`,
          ModelApprovalStatus: approval ?? 'PendingManualApproval',
          CreationTime,
        };
    yield packageWrite(keyOf(MODEL_PACKAGE, PLACE, isAlone ? `alone-${n}` : `${name}/${number}`), document);
  }
  for (const [name, latestVersion] of latest) {
    const ModelPackageGroupArn = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:model-package-group/${name}`;
    yield groupWrite(keyOf(MODEL_PACKAGE_GROUP, PLACE, name), {
      ...group,
      ModelPackageGroupName: name,
      ModelPackageGroupArn,
      latestVersion,
    });
  }
}

function* executionWrites({ pipeline, execution, steps }: Samples, count: number): Generator<Write> {
  for (let n = 1; n < count; n += 1) {
    // ids are random and so in no order of time
    const executionId = Math.imul(n, 0x9e3779b1).toString(36).replace('-', 'z').padStart(12, 'x');
    const atMs = timeOf(n);
    const document: ExecutionDocument = {
      ...execution,
      executionId,
      arn: execution.arn.replace(/[^/]*$/, executionId),
      createdAtMs: atMs,
      modifiedAtMs: atMs + 500,
    };
    const key = executionKey(PLACE, PIPELINE, executionId);
    yield writeOf(key, document, executionIndex(document, incarnationOf(pipeline)));
    for (const [at, sample] of steps.entries()) {
      const step = { ...sample, startedAtMs: atMs, endedAtMs: atMs + 500 };
      yield writeOf(stepKey(key, step.stepName), step, stepIndex(step, key, at + 1));
    }
  }
}

async function commitAll(store: Store, writes: Iterable<Write>): Promise<void> {
  const sent: Promise<void>[] = [];
  let open: Write[] = [];
  const send = async () => {
    sent.push(commitRows(store, open));
    open = [];
    if (sent.length > IN_FLIGHT) await sent.shift();
  };
  for (const write of writes) {
    open.push(write);
    if (open.length === COMMIT_ROWS) await send();
  }
  await send();
  await Promise.all(sent);
}

async function commitRows(store: Store, write: readonly Write[]): Promise<void> {
  const ledger = write.map(({ key }) => ({
    ...PLACE,
    timeMs: START_MS,
    actor: `arn:aws:iam::${ACCOUNT}:user/admin`,
    action: `sagemaker:Create${key.kind}`,
    outcome: 'done' as const,
    resources: [`arn:aws:sagemaker:${REGION}:${ACCOUNT}:${key.kind}/${key.name}`],
    requestId: key.name,
  }));
  const { outcome } = await store.commit({ expect: [], write, ledger });
  if (outcome !== 'done') throw new Error(`A commit of the filler was answered ${outcome}.`);
}

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import type { OutputOf } from '../../contract/operations.ts';
import { AwsError, callerIdentity, callJson, defaultRoleArn, getObject, invokeEndpoint } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';
import type { Output } from '../output.ts';
import { addTags, configBefore, findEndpoint, moveEndpoint, tagsOf } from '../move-endpoint.ts';
import { clientVariables, UNSET } from '../client-environment.ts';
import { type Environment, environmentOf, ENVIRONMENTS_FILE, type Project } from './environments.ts';
import { unmetExpectations } from './smoke-test.ts';

/** Tags of what a project made; the template's deploy.py sets the same. */
export const PROJECT_TAG = 'slipway:project';

/** Whether a list of tags, in XML, has the project's. */
export const hasTag = (xml: string | undefined, project: string): boolean =>
  xml?.includes(`<Key>${PROJECT_TAG}</Key><Value>${project}</Value>`) ?? false;

const PACKAGE_TAG = 'slipway:package';
const DIGEST_TAG = 'slipway:model-digest';
const SMOKE_TAG = 'slipway:smoke-test';
/** Statuses of an endpoint that is about to serve something else, or to serve at all. */
const IN_BETWEEN = ['Creating', 'Updating', 'SystemUpdating', 'RollingBack'];

type Package = OutputOf<'sagemaker:DescribeModelPackage'>;

/** What an environment serves. */
export interface Served {
  readonly endpoint: string;
  readonly config: string;
  readonly packageArn: string | undefined;
  /** SHA-256 of the model, as it was when it was deployed. */
  readonly digest: string | undefined;
  /** When its smoke test passed. */
  readonly smokeTest: string | undefined;
}

/** One project's environments on one server. */
export interface Release {
  readonly connection: Connection;
  readonly output: Output;
  readonly project: Project;
  readonly account: string;
}

export async function openRelease(connection: Connection, output: Output, project: Project): Promise<Release> {
  return { connection, output, project, account: (await callerIdentity(connection)).account };
}

const arnOf = ({ connection, account }: Release, kind: 'endpoint' | 'endpoint-config', name: string): string =>
  `arn:aws:sagemaker:${connection.region}:${account}:${kind}/${name.toLowerCase()}`;

/** What an environment serves now; undefined when it serves nothing. Refuses to say while it is being moved. */
export async function servedBy(release: Release, name: string): Promise<Served | undefined> {
  const { endpoint } = environmentOf(release.project, name);
  const described = await findEndpoint(release.connection, endpoint);
  const { EndpointStatus: status = '' } = described ?? {};
  if (IN_BETWEEN.includes(status)) throw failed(`${name}: endpoint ${endpoint} is ${status}. Try again when it is InService.`);
  if (described === undefined || status !== 'InService') return undefined;
  const config = described.EndpointConfigName ?? '';
  const tags = await tagsOf(release.connection, arnOf(release, 'endpoint-config', config));
  return {
    endpoint,
    config,
    packageArn: tags.get(PACKAGE_TAG),
    digest: tags.get(DIGEST_TAG),
    smokeTest: tags.get(SMOKE_TAG),
  };
}

/** SHA-256 of the model that a package names, read from S3. */
async function modelDigest(connection: Connection, described: Package): Promise<string> {
  const uri = described.InferenceSpecification?.Containers?.[0]?.ModelDataUrl ?? '';
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  if (bucket === undefined || key === undefined) throw failed(`${described.ModelPackageArn} has no model in S3.`);
  return createHash('sha256')
    .update(await getObject(connection, bucket, key))
    .digest('hex');
}

interface Promotion {
  readonly to: string;
  /** The environment whose package moves; by default the one that the policy comes after. */
  readonly from?: string;
  readonly packageArn?: string;
}

/** Moves a registered version to an environment: the same package, the same bytes; nothing is built. Refuses what the policy does not allow. */
export async function promoteTo(release: Release, promotion: Promotion) {
  const environment = environmentOf(release.project, promotion.to);
  const { described, digest } = await choosePackage(release, environment, promotion);
  const arn = described.ModelPackageArn;
  const config = await makeConfig(release, environment, described, digest);
  await moveEndpoint(release.connection, release.output, environment.endpoint, config, tagsOfProject(release));
  return { environment: promotion.to, endpoint: environment.endpoint, config, packageArn: arn, digest };
}

const tagsOfProject = ({ project }: Release) => ({ [PROJECT_TAG]: project.project });

async function choosePackage(release: Release, { policy = {} }: Environment, { to, from, packageArn }: Promotion) {
  const before = from ?? (packageArn === undefined ? policy.after : undefined);
  const source = before === undefined ? undefined : await servedBy(release, before);
  if (before !== undefined && source?.packageArn === undefined)
    throw failed(`${before} serves no model package, so nothing can move.`);
  const arn = packageArn ?? source?.packageArn;
  if (arn === undefined) throw failed(`Say what goes to ${to}: a package, or --from ENVIRONMENT.`);
  const expected = policy.after === undefined ? undefined : await passedBefore(release, policy.after, to, arn);
  const described = await callJson(release.connection, 'sagemaker:DescribeModelPackage', { ModelPackageName: arn });
  const short = shortPackage(arn);
  if ((policy.approval ?? 'required') === 'required' && described.ModelApprovalStatus !== 'Approved') {
    throw failed(
      `${short} is ${described.ModelApprovalStatus}; ${to} takes only what is Approved.\napprove it: npx slipway approve ${short} --reason TEXT`,
    );
  }
  const digest = await modelDigest(release.connection, described);
  for (const known of [expected?.digest, source?.digest]) {
    if (known !== undefined && known !== digest)
      throw failed(`The model of ${short} in S3 is not the one that was deployed before: SHA-256 ${digest}, not ${known}.`);
  }
  return { described, digest };
}

/** The policy `after`: the environment before serves this very package, and its smoke test passed. */
async function passedBefore(release: Release, before: string, to: string, arn: string): Promise<Served> {
  const served = await servedBy(release, before);
  if (served?.packageArn !== arn) {
    const what = served?.packageArn === undefined ? 'nothing' : shortPackage(served.packageArn);
    throw failed(`${to} takes only what ${before} serves, which is ${what}, not ${shortPackage(arn)}.`);
  }
  if (environmentOf(release.project, before).smokeTest && served.smokeTest === undefined)
    throw failed(`${shortPackage(arn)} has not passed the smoke test of ${before}. Run it: npx slipway smoke ${before}`);
  return served;
}

export const shortPackage = (arn: string): string => arn.split('/').slice(-2).join('/');

/** Model and configuration under a name made of their content, so that asking twice makes nothing twice. */
async function makeConfig(
  { connection, project }: Release,
  environment: Environment,
  described: Package,
  digest: string,
): Promise<string> {
  const { endpoint, instanceType, instanceCount } = environment;
  // the endpoint's whole name, too: what the smoke test of one environment marks must be no other's
  const content = [endpoint, described.ModelPackageArn, digest, instanceType, String(instanceCount)].join('|');
  const suffix = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const name = `${endpoint.slice(0, 40)}-${described.ModelPackageVersion ?? 0}-${suffix}`;
  const Tags = Object.entries({
    [PROJECT_TAG]: project.project,
    [PACKAGE_TAG]: described.ModelPackageArn,
    [DIGEST_TAG]: digest,
  }).map(([Key, Value]) => ({ Key, Value: Value ?? '' }));
  await unlessThere(
    callJson(connection, 'sagemaker:CreateModel', {
      ModelName: name,
      ExecutionRoleArn: await defaultRoleArn(connection),
      Containers: [{ ModelPackageName: described.ModelPackageArn }],
      Tags,
    }),
  );
  const variant = { VariantName: 'AllTraffic', ModelName: name, InitialInstanceCount: instanceCount, InitialVariantWeight: 1 };
  await unlessThere(
    callJson(connection, 'sagemaker:CreateEndpointConfig', {
      EndpointConfigName: name,
      ProductionVariants: [{ ...variant, InstanceType: instanceType as 'ml.m5.large' }],
      Tags,
    }),
  );
  return name;
}

export async function unlessThere(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof AwsError && /already ?exist|NameInUse|NameExists/i.test(`${error.code} ${error.message}`)) return false;
    throw error;
  }
}

/** Runs the environment's smoke test and marks the configuration that passed it. Returns what was wrong. */
export async function runSmokeTest(release: Release, name: string): Promise<{ served: Served; problems: string[] }> {
  const { connection, project } = release;
  const { smokeTest } = environmentOf(project, name);
  const served = await servedBy(release, name);
  if (!served) throw failed(`${name} serves nothing yet. Deploy to it: npx slipway promote PACKAGE --to ${name}`);
  if (!smokeTest) throw failed(`${name} has no smokeTest in config/environments.json.`);
  const problems =
    'script' in smokeTest
      ? runScript(release, smokeTest.script, served.endpoint)
      : await ask(connection, served.endpoint, { ...smokeTest, body: resolve(project.folder, smokeTest.body) });
  const config = arnOf(release, 'endpoint-config', served.config);
  if ((await servedBy(release, name))?.config !== served.config)
    throw failed(`${name} was moved while it was tested, so nothing is known of either version. Run the smoke test again.`);
  if (problems.length === 0) await addTags(connection, config, { [SMOKE_TAG]: new Date().toISOString() });
  else await callJson(connection, 'sagemaker:DeleteTags', { ResourceArn: config, TagKeys: [SMOKE_TAG] });
  return { served, problems };
}

async function ask(
  connection: Connection,
  endpoint: string,
  test: { contentType: string; body: string; expect: Parameters<typeof unmetExpectations>[0] },
): Promise<string[]> {
  const body = readRequest(test.body);
  try {
    const answer = await invokeEndpoint(connection, endpoint, { body, contentType: test.contentType });
    return unmetExpectations(test.expect, answer.body.toString('utf8'), answer.headers['content-type'] ?? '');
  } catch (error) {
    // an error is an answer, and a wrong one; whoever may not ask has tested nothing
    if (!(error instanceof AwsError) || error.status === 403) throw error;
    return [`the endpoint answered ${error.code}: ${error.message}`];
  }
}

function readRequest(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw failed(
      `${file}: ${isAbsent ? 'no such file' : (error as Error).message}. smokeTest.body in ${ENVIRONMENTS_FILE} names it.`,
    );
  }
}

function runScript({ connection, project }: Release, script: string, endpoint: string): string[] {
  const env: NodeJS.ProcessEnv = { ...process.env, ...clientVariables(connection), ENDPOINT_NAME: endpoint };
  for (const name of UNSET) delete env[name];
  const { status, signal, error } = spawnSync(script, { shell: true, cwd: project.folder, env, stdio: ['ignore', 2, 2] });
  if (error) return [`${script}: ${error.message}`];
  return status === 0 ? [] : [`${script} ended with ${signal ?? `exit code ${status}`}`];
}

/** Puts an environment back onto the configuration that it served before the one that it serves. */
export async function rollbackEnvironment(release: Release, name: string): Promise<Served> {
  const { connection } = release;
  const served = await servedBy(release, name);
  if (!served) throw failed(`${name} serves nothing, so there is nothing to roll back.`);
  const previous = await configBefore(connection, arnOf(release, 'endpoint', served.endpoint), served.config);
  if (previous === undefined) throw failed(`${name} has served nothing else before.`);
  await moveEndpoint(connection, release.output, served.endpoint, previous);
  const now = await servedBy(release, name);
  if (!now) throw failed(`${name} stopped serving while it was rolled back.`);
  return now;
}

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { AwsClient, optionsOf, type WireAnswer } from '../harness/aws-client.ts';
import { BUCKET, ROLE, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/**
 * Texts of users that are read by expressions, parsers and comparisons: each here is small, and would keep a careless reader busy for
 * minutes or for ever, or fill its memory. The server answers, and answers others: a test that hangs is one that found something.
 */
suite('texts that explode', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bombs-'));
  let server: TestServer;
  let aws: AwsClient;
  before(async () => {
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    assert.deepEqual((await aws.call('sagemaker:ListPipelines', {})).PipelineSummaries, []);
    assert.doesNotMatch(server.log(), /"level":(50|60)/, 'nothing of it is a fault of ours');
  });

  const TARGETS: Readonly<Record<string, string>> = { ssm: 'AmazonSSM', sqs: 'AmazonSQS', secretsmanager: 'secretsmanager' };
  /** A JSON request of any service, with a body as it is. */
  const post = (service: string, target: string, body: string | Uint8Array, headers = {}): Promise<WireAnswer> => {
    const type = service === 'sqs' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';
    const all = { 'content-type': type, 'x-amz-target': `${TARGETS[service] ?? service}.${target}`, ...headers };
    return aws.send({ method: 'POST', path: '/', service: service === 'SageMaker' ? 'sagemaker' : service, headers: all, body });
  };
  const refused = async (answer: Promise<WireAnswer>, why: RegExp, what = ''): Promise<void> => {
    const { status, body } = await answer;
    assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
    assert.match(body.toString('utf8').slice(0, 20_000), why, what);
  };
  const code = (expected: string) => ({ code: expected });

  test('names of parameters', async () => {
    for (const Name of ['a'.repeat(2_000), '/a'.repeat(15)]) {
      await refused(
        post('ssm', 'PutParameter', JSON.stringify({ Name: `${Name}!`, Type: 'String', Value: 'x' })),
        /Invalid parameter name/,
      );
    }
    const Name = `/levels/${'a.b-c_'.repeat(100)}`;
    assert.equal((await post('ssm', 'PutParameter', JSON.stringify({ Name, Type: 'String', Value: 'x' }))).status, 200);
  });

  test('expressions of users', async () => {
    for (const AllowedPattern of ['(x+x+)+y', '(a|a)*b', '((((a{1,30}){1,30}){1,30}){1,30}', '(?:(?:[a-z]{1,30}){1,30})[0-9]']) {
      const input = { Name: 'p', Type: 'String', Value: 'x'.repeat(4_000), AllowedPattern };
      await refused(post('ssm', 'PutParameter', JSON.stringify(input)), /Pattern|regular expression/, AllowedPattern);
    }
    const MetricDefinitions = [{ Name: 'm', Regex: '((((a{1,99}){1,99}){1,99}){1,99})' }];
    const job = {
      TrainingJobName: 'bomb',
      AlgorithmSpecification: { TrainingImage: 'python:3.11', TrainingInputMode: 'File', MetricDefinitions },
      RoleArn: ROLE,
      OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/out` },
      ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 },
      StoppingCondition: { MaxRuntimeInSeconds: 60 },
    } as const;
    await assert.rejects(aws.call('sagemaker:CreateTrainingJob', job), /metric .*"m.*is not valid/);
  });

  test('patterns over logs', async () => {
    const [logGroupName, logStreamName] = ['/bombs', 'one'];
    await aws.call('logs:CreateLogGroup', { logGroupName });
    await aws.call('logs:CreateLogStream', { logGroupName, logStreamName });
    const messages = ['[ '.repeat(100_000), '" '.repeat(100_000), '{"a":'.repeat(40_000), `${'x'.repeat(200_000)} y`];
    for (const message of messages) {
      await aws.call('logs:PutLogEvents', { logGroupName, logStreamName, logEvents: [{ timestamp: Date.now(), message }] });
    }
    const patterns = [
      '[a, b]',
      '[a, ..., b = "x*"]',
      '%(x+x+)+z%',
      '%(?:x?){200}z%',
      '{ $.a.a.a = "*x*x*x*x*y" }',
      `{ ${'('.repeat(400)} }`,
    ];
    for (const filterPattern of [...patterns, `[${' '.repeat(1_000)}"x]`, `${'"\\" '.repeat(200)}`]) {
      await aws.call('logs:FilterLogEvents', { logGroupName, filterPattern }).catch((error: { code?: string }) => {
        assert.equal(error.code, 'InvalidParameterException', filterPattern);
      });
    }
  });

  test('policies: wildcards, variables, and simulations of everything with everything', async () => {
    const document = (Resource: string): string =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource }] });
    const bombs = [
      `arn:aws:s3:::b/\${${' '.repeat(100_000)}x}`,
      `arn:aws:s3:::b/${'*a'.repeat(3_000)}b`,
      `arn:aws:s3:::b/${'?'.repeat(3_000)}*b`,
      `arn:aws:s3:::b/${'${'.repeat(3_000)}`,
    ];
    await aws.query('iam', { Action: 'CreateRole', RoleName: 'bomb', AssumeRolePolicyDocument: TRUST });
    let sessions = 0;
    for (const [n, bomb] of bombs.entries()) {
      const PolicyDocument = document(bomb);
      await aws.query('iam', { Action: 'PutRolePolicy', RoleName: 'bomb', PolicyName: `p${n}`, PolicyDocument }).catch(() => {});
      const assume = { Action: 'AssumeRole', RoleArn: ROLE.replace(/[^/]*$/, 'bomb'), RoleSessionName: 'bomb' };
      const Policy = document(bomb.slice(0, 9_000));
      const xml = await aws.query('sts', { ...assume, Policy }).catch(() => '');
      const part = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(xml)?.[1] ?? '';
      const session = {
        accessKeyId: part('AccessKeyId'),
        secretAccessKey: part('SecretAccessKey'),
        sessionToken: part('SessionToken'),
      };
      if (session.accessKeyId === '') continue;
      sessions += 1;
      const other = new AwsClient({ ...aws.options, credentials: session });
      await assert.rejects(other.get(BUCKET, 'a'.repeat(900)), code('AccessDenied'));
    }
    assert.equal(sessions, bombs.length, 'each bomb was taken');
    const all = Object.fromEntries([
      ...Array.from({ length: 9_000 }, (_, n) => [`ActionNames.member.${n + 1}`, 's3:Get']),
      ...Array.from({ length: 9_000 }, (_, n) => [`ResourceArns.member.${n + 1}`, 'arn:aws:s3:::b']),
    ]);
    const custom = { Action: 'SimulateCustomPolicy', 'PolicyInputList.member.1': document('*') };
    const page = await aws.query('iam', { ...custom, ...all });
    assert.equal([...page.matchAll(/<EvalDecision>/g)].length, 100);
    assert.match(page, /<IsTruncated>true/);
    const few = { ...custom, 'ActionNames.member.1': 's3:GetObject', 'ActionNames.member.2': 'iam:GetRole', MaxItems: '1' };
    const first = await aws.query('iam', few);
    const Marker = /<Marker>(.*?)<\/Marker>/.exec(first)?.[1] ?? '';
    assert.match(await aws.query('iam', { ...few, Marker }), /implicitDeny.*<IsTruncated>false/s);
    await assert.rejects(aws.query('iam', { ...few, Marker: '-1' }), code('InvalidInput'));
  });

  test('definitions of pipelines', async () => {
    const lambda = (Name: string, given: string): string =>
      `{"Name":"${Name}","Type":"Lambda","FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","Arguments":${given}}`;
    const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`;
    const unknown = (name: string): string =>
      Array.from({ length: 3_000 }, (_, n) => `{"Get":"Steps.${name}${n}.OutputParameters['x']"}`).join(',');
    const steps: Record<string, string> = {
      lists: lambda('A', `{"x":${nested(400_000, '[', ']')}}`),
      joins: lambda('A', `{"x":${nested(20_000, '{"Std:Join":{"On":"","Values":[', ']}}')}}`),
      conditions: `{"Name":"C","Type":"Condition","Arguments":{"Conditions":[${nested(20_000, '{"Type":"Not","Expression":', '}')}],"IfSteps":[],"ElseSteps":[]}}`,
      path: `${lambda('A', '{}')},${lambda('B', `{"a":{"Get":"Steps.A.OutputParameters${"['x']".repeat(150_000)}"}}`)}`,
      names: `${Array.from({ length: 500 }, (_, n) => lambda(`S${'x'.repeat(230)}${n}`, '{}')).join(',')},${lambda('B', `{"a":[${unknown(`S${'y'.repeat(230)}`)}]}`)}`,
      circle: Array.from({ length: 4_000 }, (_, n) =>
        lambda(`S${n}`, '{}').replace(/}$/, `,"DependsOn":["S${(n + 1) % 4_000}"]}`),
      ).join(','),
    };
    for (const [name, text] of Object.entries(steps)) {
      const PipelineDefinition = `{"Version":"2020-12-01","Metadata":{},"Parameters":[],"Steps":[${text}]}`;
      const input = { PipelineName: 'bomb', RoleArn: ROLE, ClientRequestToken: name.padEnd(32, '0'), PipelineDefinition };
      await assert.rejects(aws.call('sagemaker:CreatePipeline', input), code('ValidationException'), name);
    }
  });

  test('values of a pipeline that multiply', async () => {
    const many = Array.from({ length: 1_000 }, () => ({ Get: 'Parameters.Long' }));
    const step = { Name: 'A', Type: 'Lambda', FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:none' };
    const Arguments = { all: Array.from({ length: 20 }, () => ({ 'Std:Join': { On: '', Values: many } })) };
    const Parameters = [{ Name: 'Long', Type: 'String', DefaultValue: 'x'.repeat(400_000) }];
    const PipelineDefinition = JSON.stringify({
      Version: '2020-12-01',
      Metadata: {},
      Parameters,
      Steps: [{ ...step, Arguments }],
    });
    const PipelineName = 'multiplied';
    const ClientRequestToken = PipelineName.padEnd(32, '0');
    await aws.call('sagemaker:CreatePipeline', { PipelineName, RoleArn: ROLE, ClientRequestToken, PipelineDefinition });
    const { PipelineExecutionArn = '' } = await aws.call('sagemaker:StartPipelineExecution', {
      PipelineName,
      ClientRequestToken,
    });
    const ended = await until(
      'the execution',
      () => aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn }),
      ({ PipelineExecutionStatus }) => PipelineExecutionStatus !== 'Executing',
    );
    assert.equal(ended.PipelineExecutionStatus, 'Failed');
    const { PipelineExecutionSteps: [failed] = [] } = await aws.call('sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn,
    });
    assert.match(failed?.FailureReason ?? '', /expressions give more than/);
    await aws.call('sagemaker:DeletePipeline', { PipelineName, ClientRequestToken: `${ClientRequestToken}1` });
  });

  test('bodies: compressed, nested, of entities, of parameters', async () => {
    const zeros = gzipSync(Buffer.alloc(50 << 20));
    await refused(post('SageMaker', 'ListPipelines', zeros, { 'content-encoding': 'gzip' }), /not valid JSON/, 'gzip');
    for (const body of [
      `${'['.repeat(2 << 20)}`,
      `{"NextToken":${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
      `{"a":`.repeat(400_000),
    ])
      await refused(
        post('SageMaker', 'ListPipelines', body),
        /Serialization|not valid JSON|structure|Expected|list/i,
        body.slice(0, 20),
      );
    const laughs = `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "${'&a;'.repeat(100)}">]><Delete>${'&b;'.repeat(1000)}</Delete>`;
    for (const xml of [
      laughs,
      `${'<Object>'.repeat(300_000)}`,
      `<Delete>${'<Object>'.repeat(1000)}${'</Object>'.repeat(1000)}</Delete>`,
    ]) {
      const md5 = { 'content-type': 'application/xml' };
      await refused(
        aws.send({ method: 'POST', path: `/${BUCKET}?delete`, service: 's3', headers: md5, body: xml }),
        /MalformedXML|InvalidRequest|Missing/,
      );
    }
    for (const parameters of [
      { 'PolicyInputList.member.999999999': 'x', 'ActionNames.member.4294967295': 's3:Get' },
      { [`A${'.B'.repeat(50_000)}`]: 'x' },
      { 'ActionNames.member.__proto__': 'x', 'constructor.prototype.x': 'y' },
      Object.fromEntries(Array.from({ length: 30_000 }, (_, n) => [`Tags.member.${n}.Key`, ''])),
    ]) {
      await assert.rejects(aws.query('iam', { Action: 'SimulateCustomPolicy', ...(parameters as Record<string, string>) }), {
        status: 400,
      });
    }
  });

  test('memory goes back to what it was', async () => {
    assert.ok(residentMiB(server.pid) < 1_500, `${residentMiB(server.pid)} MiB`);
  });
});

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: '123456789012' }, Action: 'sts:AssumeRole' }],
});

/** What the process holds of the host's memory. */
function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

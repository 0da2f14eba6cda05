import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { SERVING_IMAGE } from '../crash/workload.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';

type Member = Parameters<ReturnType<typeof pack>['entry']>[0] & { readonly content?: string };

const OUTSIDE = join(tmpdir(), `slipway-escaped-${process.pid}`);

/** Each would put something outside of the model's folder, show something of it inside, or cannot be what it says. */
const ESCAPES: Record<string, Member[]> = {
  'parent-folder': [{ name: '../../escaped', content: 'x' }],
  'parent-inside': [{ name: 'code/../../../escaped', content: 'x' }],
  absolute: [{ name: OUTSIDE, content: 'x' }],
  'absolute-folder': [{ name: `${OUTSIDE}/`, type: 'directory' }],
  'symlink-out': [{ name: 'passwd', type: 'symlink', linkname: '../../../../../../../../etc/passwd' }],
  'symlink-absolute': [{ name: 'passwd', type: 'symlink', linkname: '/etc/passwd' }],
  'through-symlink': [
    { name: 'way', type: 'symlink', linkname: tmpdir() },
    { name: `way/slipway-escaped-${process.pid}`, content: 'x' },
  ],
  'symlink-over-folder': [
    { name: 'way/inside', content: 'x' },
    { name: 'way', type: 'symlink', linkname: '..' },
  ],
  'symlink-chain': [
    { name: 'a', type: 'symlink', linkname: 'b' },
    { name: 'b', type: 'symlink', linkname: 'c' },
    { name: 'c', type: 'symlink', linkname: '../..' },
  ],
  'hardlink-out': [{ name: 'shadow', type: 'link', linkname: '../../../../../../../../etc/passwd' }],
  'hardlink-absolute': [{ name: 'shadow', type: 'link', linkname: '/etc/passwd' }],
  'hardlink-nowhere': [{ name: 'shadow', type: 'link', linkname: 'not/there' }],
  'symlink-instead-of-folder': [
    { name: 'way/inside', content: 'x' },
    { name: 'other/inside', content: 'x' },
    { name: 'way', type: 'symlink', linkname: 'other' },
  ],
  'file-as-folder': [
    { name: 'a', content: 'x' },
    { name: 'a/b', content: 'x' },
  ],
  'name-too-long': [{ name: 'x'.repeat(300), content: 'x' }],
  device: [{ name: 'disk', type: 'block-device', devmajor: 254, devminor: 0 }],
  pipe: [{ name: 'pipe', type: 'fifo' }],
};

suite('model archives that escape', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-archives-'));
  let server: TestServer;
  let aws: AwsClient;
  before(async () => {
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
    rmSync(OUTSIDE, { recursive: true, force: true });
  });

  /** How an endpoint ends whose model data is this. */
  const deployed = async (name: string, content: Uint8Array) => {
    await aws.put(BUCKET, `models/${name}.tar.gz`, content);
    await aws.call('sagemaker:CreateModel', {
      ModelName: name,
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: SERVING_IMAGE, ModelDataUrl: `s3://${BUCKET}/models/${name}.tar.gz` },
    });
    await aws.call('sagemaker:CreateEndpointConfig', {
      EndpointConfigName: name,
      ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: name, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
    });
    await aws.call('sagemaker:CreateEndpoint', { EndpointName: name, EndpointConfigName: name });
    const described = await until(
      `endpoint ${name}`,
      () => aws.call('sagemaker:DescribeEndpoint', { EndpointName: name }),
      ({ EndpointStatus }) => EndpointStatus !== 'Creating',
    );
    await aws.call('sagemaker:DeleteEndpoint', { EndpointName: name });
    return described;
  };

  for (const [name, members] of Object.entries(ESCAPES)) {
    test(`${name}: the endpoint fails and says why; nothing is outside`, async () => {
      const { EndpointStatus, FailureReason = '' } = await deployed(name, await archiveOf(members));
      assert.equal(EndpointStatus, 'Failed');
      assert.match(FailureReason, /archive/i);
      assert.ok(!FailureReason.includes(folder), `no path of the host: ${FailureReason}`);
      assert.equal(existsSync(OUTSIDE), false);
      assert.equal(existsSync(join(folder, 'escaped')) || existsSync(join(folder, 'runs/escaped')), false);
    });
  }

  test('what is no archive, or only the beginning of one, fails as clearly', async () => {
    const whole = await archiveOf([{ name: 'model.txt', content: 'x'.repeat(100_000) }]);
    const damaged = Buffer.from(whole);
    damaged.fill(0xa5, 40, 80);
    const broken = {
      damaged,
      empty: new Uint8Array(),
      text: Buffer.from('no archive'),
      cut: whole.subarray(0, whole.length / 2),
    };
    for (const [name, content] of Object.entries(broken)) {
      const { EndpointStatus, FailureReason = '' } = await deployed(name, content);
      assert.equal(EndpointStatus, 'Failed', name);
      assert.match(FailureReason, /archive/i, name);
      assert.ok(!FailureReason.includes(folder), `no path of the host: ${FailureReason}`);
    }
  });

  test('links that stay inside are kept', async () => {
    const inference = [
      'def model_fn(folder): return open(folder + "/current").read()',
      'def input_fn(body, kind): return body',
      'def predict_fn(body, model): return model',
      'def output_fn(answer, accept): return answer, "text/csv"',
    ].join('\n');
    const members: Member[] = [
      { name: 'versions/1/model.txt', content: 'linked model' },
      { name: 'current', type: 'symlink', linkname: 'versions/1/model.txt' },
      { name: 'code/inference.py', content: inference },
    ];
    const { EndpointStatus, FailureReason } = await deployed('inside', await archiveOf(members));
    assert.equal(EndpointStatus, 'InService', FailureReason);
  });
});

async function archiveOf(members: readonly Member[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of members) archive.entry({ mtime: new Date(0), mode: 0o644, ...header }, content ?? '');
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}

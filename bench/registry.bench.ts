import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { AwsClient, optionsOf } from '../tests/harness/aws-client.ts';
import { startServer, type TestServer } from '../tests/harness/server.ts';
import { report } from './figure.ts';

/**
 * New model versions per second by eight clients, each answered when it is durable, each request's signature verified. With a folder of peer
 * benches in SLIPWAY_PEERS (`bench_registry.py` there prints a JSON line) moto and MLflow are asked for the same in the same run, by the same
 * client program; without it nothing is measured, since that program is theirs.
 */

const CLIENTS = 8;
const COUNT = 1_000;
/** How many times as many we have to make. */
const PEERS = { moto: { title: 'moto', times: 2 }, mlflow: { title: 'MLflow', times: 10 } } as const;

interface Measured {
  readonly error?: string;
  readonly create_version_ops_s?: number;
  readonly create_version_p50_ms?: number;
  readonly create_version_errors?: number;
}

const folder = process.env['SLIPWAY_PEERS'];
if (!folder)
  report({ name: 'CreateModelPackage', value: null, unit: 'ms', note: 'SLIPWAY_PEERS names no folder of peer benches' });
else await compare(join(folder, 'bench_registry.py'));

async function compare(script: string): Promise<void> {
  const server = await startServer();
  try {
    await putModelData(server);
    const own = run(script, ['--peer', 'url', '--url', server.url], server.env);
    if (own.create_version_errors) throw new Error(`Some requests failed: ${JSON.stringify(own)}`);
    for (const [peer, { title, times }] of Object.entries(PEERS)) {
      const theirs = run(script, ['--peer', peer], process.env);
      report({
        name: `CreateModelPackage, ${CLIENTS} clients, durable and verified: time of one, beside ${title}`,
        value: 1_000 / (own.create_version_ops_s ?? 0),
        unit: 'ms',
        floor: 1_000 / (theirs.create_version_ops_s ?? 0),
        ratioBudget: 1 / times,
        note: `${own.create_version_ops_s}/s, p50 ${own.create_version_p50_ms} ms; ${title} ${theirs.create_version_ops_s}/s, p50 ${theirs.create_version_p50_ms} ms`,
      });
    }
  } finally {
    await server.stop();
  }
}

function run(script: string, words: readonly string[], env: NodeJS.ProcessEnv): Measured {
  const args = [script, ...words, '--clients', String(CLIENTS), '--count', String(COUNT), '--runs', '1'];
  const lines = execFileSync('python3', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 900_000 });
  const measured = JSON.parse(lines.trim().split('\n').at(-1) ?? '{}') as Measured;
  if (measured.error) throw new Error(`${words.join(' ')}: ${JSON.stringify(measured)}`);
  return measured;
}

/** What the peers' versions name need not exist for them; here a version pins the bytes it registers. */
async function putModelData(server: TestServer): Promise<void> {
  const aws = new AwsClient(optionsOf(server));
  await aws.s3('PUT', '/bucket');
  for (let n = 0; n < COUNT; n += 1) await aws.put('bucket', `model/${n}`, `model ${n}`);
}

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signRequest } from '../src/gateway/signature/sign.ts';
import { startOrAdoptRouter } from '../src/router/control.ts';
import { report } from './figure.ts';
import { cpuMsOf } from './processes.ts';

/** What the router adds to an invocation: median through it, less the median to the same model server called directly. */

const CALLS = 2_000;
const WARM_UP = 300;
const BODY = Buffer.from(`${Array.from({ length: 30 }, (_, n) => n / 7).join(',')}\n`);
const ACCOUNT = '123456789012';
const ARN = `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/bench`;

const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const socketPath = join(folder, 'model.sock');
const model = createServer((asked, answer) => asked.resume().on('end', () => answer.end('0.5\n')));
model.listen(socketPath);
await once(model, 'listening');

const silent = () => {};
const router = await startOrAdoptRouter({
  dataFolder: folder,
  host: '127.0.0.1',
  port: 0,
  log: { debug: silent, info: silent, warn: silent, error: silent },
});
await router.publishIdentities({
  accessKeys: [
    {
      id: 'AKIABENCH',
      secret: 'secret',
      principal: { kind: 'user', account: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:user/bench`, userId: 'bench', name: 'bench' },
    },
  ],
  sealingKey: '11'.repeat(32),
  policies: { bench: [{ Statement: { Effect: 'Allow', Action: 'sagemaker:InvokeEndpoint', Resource: ARN } }] },
});
const instances = [{ id: 'one', address: { kind: 'unix', socketPath } as const }];
await router.publishEndpoints([
  { account: ACCOUNT, region: 'us-east-1', name: 'bench', arn: ARN, variants: [{ name: 'AllTraffic', weight: 1, instances }] },
]);

const agent = new Agent({ keepAlive: true });
const url = new URL(`http://127.0.0.1:${router.port}/endpoints/bench/invocations`);
const length = { 'content-length': String(BODY.length) };
const direct: RequestOptions = { socketPath, method: 'POST', path: '/invocations', headers: length, agent };
const routed = (): RequestOptions => ({
  host: url.hostname,
  port: url.port,
  method: 'POST',
  path: url.pathname,
  agent,
  headers: {
    ...length,
    ...signRequest({
      method: 'POST',
      url,
      body: BODY,
      headers: { 'content-type': 'text/csv' },
      region: 'us-east-1',
      service: 'sagemaker',
      nowMs: Date.now(),
      credentials: { accessKeyId: 'AKIABENCH', secretAccessKey: 'secret' },
    }),
  },
});

function callMs(options: RequestOptions): Promise<number> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    request(options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
      response.resume().on('end', () => resolve(performance.now() - beganMs));
    })
      .on('error', reject)
      .end(BODY);
  });
}

const times = { direct: [] as number[], routed: [] as number[] };
let cpuBefore = 0;
for (let n = -WARM_UP; n < CALLS; n += 1) {
  if (n === 0) cpuBefore = cpuMsOf(router.pid);
  const directMs = await callMs(direct);
  const routedMs = await callMs(routed());
  if (n < 0) continue;
  times.direct.push(directMs);
  times.routed.push(routedMs);
}
const cpuMs = (cpuMsOf(router.pid) - cpuBefore) / CALLS;
const at = (values: number[], share: number) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
for (const [name, share] of [
  ['p50', 0.5],
  ['p99', 0.99],
] as const) {
  const floor = at(times.direct, share);
  const value = at(times.routed, share) - floor;
  report({
    name: `router, added latency ${name}`,
    value,
    unit: 'ms',
    floor,
    note: `over ${CALLS} calls; floor: the model server itself`,
  });
}
report({ name: 'router, processor time of an invocation', value: cpuMs, unit: 'ms' });

await router.stop();
agent.destroy();
model.close();
rmSync(folder, { recursive: true });

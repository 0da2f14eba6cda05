import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callJson, defaultRoleArn, putObject } from '../src/cli/client.ts';
import { connect } from '../src/cli/connection.ts';
import { signRequest } from '../src/gateway/signature/sign.ts';
import { startServer } from '../tests/harness/server.ts';
import { findRuntime } from '../toolchain/python.mjs';
import { median, report } from './figure.ts';
import { cpuMsOf } from './processes.ts';
import { wrk } from './wrk.ts';

/**
 * One row of 20 features through a real endpoint: XGBoost's own container in its sandbox, authentication on. What the runtime port adds to
 * the model server called directly, and requests per second by wrk, which sends one signed request again and again. With a folder of peer
 * benches in SLIPWAY_PEERS (`bench_serving.py` there prints a JSON line) MLflow and BentoML serve the same kind of model in the same run.
 */

const CALLS = 2_000;
const WARM_UP = 300;
const ROUNDS = 3;
const SECONDS = 5;
const CONNECTIONS = [1, 32] as const;
const BUCKET = 'sagemaker-us-east-1-123456789012';
const IMAGE = '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1';
const ROW = Array.from({ length: 20 }, (_, n) => (n * 0.1).toFixed(1)).join(',');
const PEERS = { mlflow: { title: 'MLflow', ratioBudget: 1 / 2 }, bentoml: { title: 'BentoML', ratioBudget: 1 / 3 } } as const;

/** 100 trees of depth 4 on 20 features and two classes, as the peers' model. */
const TRAIN = `
import sys, tarfile, numpy as np, xgboost as xgb
r = np.random.default_rng(0); X = r.normal(size=(5000, 20)); y = (X[:, 0] + X[:, 1] ** 2 > .5).astype(int)
xgb.XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1).fit(X, y).get_booster().save_model(sys.argv[1] + '/xgboost-model')
tarfile.open(sys.argv[1] + '/model.tar.gz', 'w:gz').add(sys.argv[1] + '/xgboost-model', 'xgboost-model')
`;

const server = await startServer();
const agent = new Agent({ keepAlive: true });
try {
  await deploy();
  const url = new URL(`${server.runtimeUrl}/endpoints/bench/invocations`);
  await added(url);
  throughput(url);
} finally {
  agent.destroy();
  await server.stop();
}

async function deploy(): Promise<void> {
  const connection = await connect(server.folder);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  execFileSync(join(findRuntime('ml')?.path ?? '', 'bin/python3'), ['-c', TRAIN, folder]);
  await putObject(connection, BUCKET, 'bench/model.tar.gz', readFileSync(join(folder, 'model.tar.gz')));
  rmSync(folder, { recursive: true });
  await callJson(connection, 'sagemaker:CreateModel', {
    ModelName: 'bench',
    ExecutionRoleArn: await defaultRoleArn(connection),
    PrimaryContainer: { Image: IMAGE, ModelDataUrl: `s3://${BUCKET}/bench/model.tar.gz` },
  });
  const variant = {
    VariantName: 'AllTraffic',
    ModelName: 'bench',
    InitialInstanceCount: 1,
    InstanceType: 'ml.m5.large',
  } as const;
  await callJson(connection, 'sagemaker:CreateEndpointConfig', { EndpointConfigName: 'bench', ProductionVariants: [variant] });
  await callJson(connection, 'sagemaker:CreateEndpoint', { EndpointName: 'bench', EndpointConfigName: 'bench' });
  for (;;) {
    const described = await callJson(connection, 'sagemaker:DescribeEndpoint', { EndpointName: 'bench' });
    if (described.EndpointStatus === 'InService') return;
    if (described.EndpointStatus === 'Failed') throw new Error(described.FailureReason);
    await new Promise((again) => setTimeout(again, 100));
  }
}

function signed(url: URL): Record<string, string> {
  return signRequest({
    method: 'POST',
    url,
    body: ROW,
    headers: { 'content-type': 'text/csv', accept: 'text/csv' },
    region: 'us-east-1',
    service: 'sagemaker',
    nowMs: Date.now(),
    credentials: credentials(),
  });
}

function credentials(): { accessKeyId: string; secretAccessKey: string } {
  const text = readFileSync(join(server.folder, 'credentials'), 'utf8');
  const member = (name: string) => new RegExp(`^${name} = (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { accessKeyId: member('aws_access_key_id'), secretAccessKey: member('aws_secret_access_key') };
}

async function added(url: URL): Promise<void> {
  const length = { 'content-length': String(ROW.length) };
  const direct: RequestOptions = {
    socketPath: modelSocket(),
    path: '/invocations',
    headers: { ...length, 'content-type': 'text/csv' },
  };
  const routed: RequestOptions = {
    host: url.hostname,
    port: url.port,
    path: url.pathname,
    headers: { ...length, ...signed(url) },
  };
  const routerPid = (JSON.parse(readFileSync(join(server.folder, 'server.json'), 'utf8')) as { routerPid: number }).routerPid;
  const times = { direct: [] as number[], routed: [] as number[] };
  let cpuBefore = 0;
  for (let n = -WARM_UP; n < CALLS; n += 1) {
    if (n === 0) cpuBefore = cpuMsOf(routerPid);
    const directMs = await callMs(direct);
    const routedMs = await callMs(routed);
    if (n < 0) continue;
    times.direct.push(directMs);
    times.routed.push(routedMs);
  }
  const floor = median(times.direct);
  report({
    name: 'XGBoost endpoint, added latency p50',
    value: median(times.routed) - floor,
    unit: 'ms',
    floor,
    budget: 0.5,
    note: `over ${CALLS} calls; floor: the model server called directly`,
  });
  report({
    name: 'XGBoost endpoint, processor time of the router per invocation',
    value: (cpuMsOf(routerPid) - cpuBefore) / CALLS,
    unit: 'ms',
  });
}

/** There is one endpoint, hence one socket of a model server. */
function modelSocket(): string {
  const folder = join(server.folder, 'sockets');
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('serve.sock'));
  return join(folder, found ?? '');
}

function callMs(options: RequestOptions): Promise<number> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    request({ ...options, method: 'POST', agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
      response.resume().on('end', () => resolve(performance.now() - beganMs));
    })
      .on('error', reject)
      .end(ROW);
  });
}

function throughput(url: URL): void {
  const peers = new Map<string, Map<number, number>>();
  for (const name of Object.keys(PEERS)) peers.set(name, peer(name));
  wrk(url, { headers: signed(url), body: ROW }, 4, 1);
  for (const connections of CONNECTIONS) {
    const loads = Array.from({ length: ROUNDS }, () => wrk(url, { headers: signed(url), body: ROW }, connections, SECONDS));
    if (loads.some(({ failures }) => failures > 0)) throw new Error('Some of the requests failed.');
    const perSecond = median(loads.map(({ requestsPerSecond }) => requestsPerSecond));
    const p99Ms = median(loads.map(({ p99Ms: one }) => one));
    for (const [name, { title, ratioBudget }] of Object.entries(PEERS)) {
      const theirs = peers.get(name)?.get(connections);
      report({
        name: `XGBoost endpoint, time per request at ${connections} connections, beside ${title}`,
        value: 1000 / perSecond,
        unit: 'ms',
        ...(theirs !== undefined && { floor: 1000 / theirs, ratioBudget }),
        note: `${Math.round(perSecond)} requests/s, p99 ${p99Ms.toFixed(1)} ms; ${theirs === undefined ? 'the peer was not measured' : `${title}: ${Math.round(theirs)} requests/s`}`,
      });
    }
  }
}

/** A peer's requests per second by connections; empty when its bench is not there. */
function peer(name: string): Map<number, number> {
  const folder = process.env['SLIPWAY_PEERS'];
  if (folder === undefined) return new Map();
  const args = ['bench_serving.py', '--peer', name, '--model', 'xgboost', '--runs', String(ROUNDS)];
  const line = execFileSync('python3', args, { cwd: folder, encoding: 'utf8' }).trim().split('\n').at(-1) ?? '{}';
  const found = JSON.parse(line) as Record<string, number>;
  return new Map(
    CONNECTIONS.flatMap((connections) => {
      const perSecond = found[`c${connections}_rps`];
      return perSecond === undefined ? [] : [[connections, perSecond] as const];
    }),
  );
}

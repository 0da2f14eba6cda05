import { callJson, defaultRoleArn, getObject, putObject } from '../src/cli/client.ts';
import { connect } from '../src/cli/connection.ts';
import { startServer } from '../tests/harness/server.ts';
import { chainDefinition } from './definitions.ts';
import { report } from './figure.ts';
import { cpuMsOf } from './processes.ts';

/** Processor time of the server for small signed requests, one after the other and four at a time. */

const REQUESTS = 2_000;
const WARM_UP = 400;
const AT_ONCE = 4;
const BUCKET = 'sagemaker-us-east-1-123456789012';
const BODY = Buffer.alloc(1024, 'x');

const server = await startServer();
try {
  const connection = await connect(server.folder);
  await callJson(connection, 'sagemaker:CreatePipeline', {
    PipelineName: 'small',
    PipelineDefinition: chainDefinition(1),
    ClientRequestToken: crypto.randomUUID(),
    RoleArn: await defaultRoleArn(connection),
  });
  const kinds: Record<string, (n: number) => Promise<unknown>> = {
    'DescribePipeline, signed': () => callJson(connection, 'sagemaker:DescribePipeline', { PipelineName: 'small' }),
    'PutObject of 1 KiB': (n) => putObject(connection, BUCKET, `bench/${n % 500}`, BODY),
    'GetObject of 1 KiB': (n) => getObject(connection, BUCKET, `bench/${n % 400}`),
  };
  for (const [name, ask] of Object.entries(kinds)) {
    await each(WARM_UP, ask);
    const before = { cpu: cpuMsOf(server.pid), at: performance.now() };
    await each(REQUESTS, ask);
    const perSecond = Math.round((REQUESTS / (performance.now() - before.at)) * 1000);
    const note = `per request, over ${REQUESTS}, ${AT_ONCE} at once; ${perSecond} requests/s`;
    report({
      name: `${name}: processor time of the server`,
      value: (cpuMsOf(server.pid) - before.cpu) / REQUESTS,
      unit: 'ms',
      note,
    });
  }
} finally {
  await server.stop();
}

async function each(count: number, ask: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const n = next;
      next += 1;
      await ask(n);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

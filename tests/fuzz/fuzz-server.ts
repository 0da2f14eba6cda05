import { setTimeout as delay } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { startServer, type TestServer } from '../harness/server.ts';

/** What a server's memory is after everything that can be collected has been. */
export interface MemoryFigures {
  readonly rssMiB: number;
  readonly heapUsedMiB: number;
  readonly externalMiB: number;
}

const HEAP_MIB = 400;

/** A server with a bounded heap, whose memory can be looked at from outside by Node's inspector (which is asleep until then). */
export async function startFuzzServer(folder?: string): Promise<TestServer> {
  const before = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = `--max-old-space-size=${HEAP_MIB} --inspect-port=0`;
  try {
    return await startServer(folder === undefined ? {} : { folder });
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  }
}

/** Waits for quiet, collects, measures. */
export async function measureMemory(server: TestServer): Promise<MemoryFigures> {
  const inspector = await openInspector(server);
  try {
    await inspector.ask('HeapProfiler.enable');
    for (let turn = 0; turn < 2; turn += 1) {
      await inspector.ask('HeapProfiler.collectGarbage');
      await delay(300);
    }
    const expression = 'JSON.stringify(process.memoryUsage())';
    const answer = await inspector.ask('Runtime.evaluate', { expression, returnByValue: true });
    const { heapUsed, external } = JSON.parse(String(answer.result?.value)) as { heapUsed: number; external: number };
    return { rssMiB: residentMiB(server.pid), heapUsedMiB: toMiB(heapUsed), externalMiB: toMiB(external) };
  } finally {
    inspector.close();
  }
}

export const residentMiB = (pid: number): number =>
  Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);

const toMiB = (bytes: number): number => Math.round(bytes / 1024 / 102.4) / 10;

interface InspectorAnswer {
  readonly result?: { readonly value?: unknown };
}

interface Inspector {
  ask(method: string, params?: object): Promise<InspectorAnswer>;
  close(): void;
}

const LOOKS_MAX = 200;

/** SIGUSR1 wakes the inspector, which prints its address. */
async function openInspector(server: TestServer): Promise<Inspector> {
  process.kill(server.pid, 'SIGUSR1');
  let address: string | undefined;
  for (let look = 0; look < LOOKS_MAX && address === undefined; look += 1) {
    address = [...server.log().matchAll(/Debugger listening on (ws:\S+)/g)].at(-1)?.[1];
    if (address === undefined) await delay(50);
  }
  if (address === undefined) throw new Error('The inspector of the server did not open.');
  const socket = new WebSocket(address);
  await new Promise((open, fail) => {
    socket.onopen = open;
    socket.onerror = () => fail(new Error('The inspector of the server did not answer.'));
  });
  let last = 0;
  const waiting = new Map<number, (answer: InspectorAnswer) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: InspectorAnswer };
    if (id !== undefined) waiting.get(id)?.(result ?? {});
  };
  return {
    ask: (method, params = {}) =>
      new Promise((resolve) => {
        last += 1;
        waiting.set(last, resolve);
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
    close: () => socket.close(),
  };
}

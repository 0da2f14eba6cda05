import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { addWorkFilesSuite } from './work-suite-files.ts';
import { addStreamSuite } from './work-suite-streams.ts';
import type { WorkAddress, WorkBackend, WorkEnd, WorkSpec } from './work.ts';

/** A backend on fresh state, with what a test needs around it. */
export interface WorkTrial {
  readonly backend: WorkBackend;
  /** Puts content where inputs come from and returns its digest. */
  store(content: string | Uint8Array): string;
  /** A job that runs `script` in Python 3 with a grace of 5 s and plenty of memory. */
  spec(id: string, script: string, more?: Partial<WorkSpec>): WorkSpec;
  /** The lines of its log so far, without their stamps. */
  lines(id: string): string[];
  /** The next backend on the same state, as after a restart of the server. */
  reopen(): WorkTrial;
  close(): void;
}

/** What an adapter gives the suite. Each call of `open` is a backend on empty state. */
export interface WorkFactory {
  readonly name: string;
  /** Why this machine cannot try it; false when it can. */
  readonly skip: string | false;
  open(): WorkTrial;
}

export type WorkCheck = (title: string, run: (trial: WorkTrial) => Promise<void>) => void;

/** Runs the contract of the WorkBackend port on an adapter. */
export function runWorkSuite(factory: WorkFactory): void {
  const check: WorkCheck = (title, run) =>
    test(`${factory.name}: ${title}`, { skip: factory.skip }, async () => {
      const trial = factory.open();
      try {
        await run(trial);
      } finally {
        trial.close();
      }
    });
  addEndSuite(check);
  addStopSuite(check);
  addLimitSuite(check);
  addIdentitySuite(check);
  addServiceSuite(check);
  addLogSuite(check);
  addWorkFilesSuite(check);
  addStreamSuite(check);
}

/** Waits by the backend's notifications, which are part of what is tested. */
export async function waitForEnd(backend: WorkBackend, id: string): Promise<WorkEnd> {
  return waitForChange(backend, id, async () => {
    const status = await backend.status(id);
    return status.phase === 'ended' ? status : undefined;
  });
}

/** Looks again whenever the backend tells that `id` may have changed. */
export async function waitForChange<T>(backend: WorkBackend, id: string, look: () => Promise<T | undefined>): Promise<T> {
  return new Promise((resolve, reject) => {
    const tryNow = () => {
      look().then((found) => {
        if (found === undefined) return;
        forget();
        clearInterval(keepAlive);
        resolve(found);
      }, reject);
    };
    const forget = backend.onChange((changed) => changed === id && tryNow());
    const keepAlive = setInterval(() => undefined, 1 << 30); // the backend lets its process end; a test must not
    tryNow();
  });
}

/** Starts the work and waits for its end. */
export async function runToEnd(trial: WorkTrial, spec: WorkSpec): Promise<WorkEnd> {
  await trial.backend.start(spec);
  return waitForEnd(trial.backend, spec.id);
}

/** Waits until the work has said `word` in its log. */
export async function said(trial: WorkTrial, id: string, word: string): Promise<void> {
  while (!trial.lines(id).some((line) => line.includes(word))) await new Promise(setImmediate);
}

function connectTo(address: WorkAddress): Socket {
  return address.kind === 'unix' ? connect(address.socketPath) : connect(address.port, address.host);
}

function addEndSuite(check: WorkCheck): void {
  check('exit codes, signals and both streams are recorded', async (trial) => {
    const script = 'print("out"); import sys; print("error", file=sys.stderr); sys.exit(7)';
    const seven = await runToEnd(trial, trial.spec('seven', script, { preamble: ['first: {isolation}'] }));
    assert.equal(seven.reason, 'exited');
    assert.equal(seven.exitCode, 7);
    assert.ok((seven.startedAtMs ?? Infinity) <= seven.endedAtMs);
    assert.doesNotMatch(trial.lines('seven')[0] ?? '', /\{isolation\}/);
    assert.match(trial.lines('seven')[0] ?? '', /^first: \S/);
    assert.deepEqual(trial.lines('seven').slice(1).toSorted(), ['error', 'out']);
    const signalled = await runToEnd(trial, trial.spec('signalled', 'import os; os.kill(os.getpid(), 9)'));
    assert.equal(signalled.exitCode, 137);
  });

  check('a program that does not exist fails the start and says so', async (trial) => {
    const end = await runToEnd(trial, trial.spec('absent', '', { command: ['no-such-program'] }));
    assert.equal(end.reason, 'failed-to-start');
    assert.match(end.message ?? '', /no-such-program/);
  });

  check('a job whose working directory is the root folder can write there', async (trial) => {
    const script = "import os; open('mine', 'w').write('x'); print(os.getcwd(), os.listdir('/').count('mine'))";
    await runToEnd(trial, trial.spec('rooted', script, { workingDirectory: '/' }));
    assert.deepEqual(trial.lines('rooted'), ['/ 1']);
  });

  check('nothing but the given environment is seen', async (trial) => {
    process.env['SLIPWAY_SUITE_WORD'] = 'leaked';
    const script = 'import os; print(os.environ.get("SLIPWAY_SUITE_WORD", "-"), os.environ["GIVEN"], os.uname().nodename)';
    await runToEnd(trial, trial.spec('clean', script, { environment: { GIVEN: 'a b=c' } }));
    delete process.env['SLIPWAY_SUITE_WORD'];
    assert.deepEqual(trial.lines('clean'), ['- a b=c algo-1']);
  });
}

const READY_FOR_EVER = 'import time; print("ready", flush=True); time.sleep(600)';

function addStopSuite(check: WorkCheck): void {
  check("stop reaches the job's own process, which ends in its own way", async (trial) => {
    const script = `
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("saving"), sys.exit(3)))
${READY_FOR_EVER}`;
    await trial.backend.start(trial.spec('polite', script));
    await said(trial, 'polite', 'ready');
    await trial.backend.stop('polite');
    await trial.backend.stop('polite');
    const end = await waitForEnd(trial.backend, 'polite');
    assert.deepEqual([end.reason, end.exitCode], ['stopped', 3]);
    assert.ok(trial.lines('polite').includes('saving'));
  });

  check('a job that ignores SIGTERM is killed with all its children after the grace', async (trial) => {
    const script = `
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork(); os.fork()
${READY_FOR_EVER}`;
    const limits = { graceSeconds: 0.3, memoryBytes: 1 << 29, cpus: 64 };
    await trial.backend.start(trial.spec('stubborn', script, { limits }));
    await said(trial, 'stubborn', 'ready');
    await trial.backend.stop('stubborn');
    const end = await waitForEnd(trial.backend, 'stubborn');
    assert.deepEqual([end.reason, end.exitCode], ['stopped', 137]);
  });

  check('a stop asked for while no server lives is kept', async (trial) => {
    await trial.backend.start(trial.spec('kept', READY_FOR_EVER));
    await said(trial, 'kept', 'ready');
    const next = trial.reopen();
    await next.backend.stop('kept');
    assert.equal((await waitForEnd(next.backend, 'kept')).reason, 'stopped');
  });

  check('a stop of what never started, or has ended, is nothing', async (trial) => {
    await trial.backend.stop('never');
    assert.equal((await trial.backend.status('never')).phase, 'absent');
    const end = await runToEnd(trial, trial.spec('over', 'pass'));
    await trial.backend.stop('over');
    assert.deepEqual(await trial.backend.status('over'), end);
  });
}

function addLimitSuite(check: WorkCheck): void {
  check('the maximum run time ends a job', async (trial) => {
    const limits = { maxRuntimeSeconds: 1, graceSeconds: 5, memoryBytes: 1 << 29, cpus: 64 };
    const end = await runToEnd(trial, trial.spec('slow', 'import time; time.sleep(600)', { limits }));
    assert.deepEqual([end.reason, end.exitCode], ['max-runtime', 143]);
  });

  check('more memory than allowed ends a job with 137', async (trial) => {
    const script = 'held = []\nwhile True: held.append(bytearray(1 << 22))';
    const limits = { graceSeconds: 5, memoryBytes: 100 << 20, cpus: 64 };
    const end = await runToEnd(trial, trial.spec('greedy', script, { limits }));
    assert.deepEqual([end.reason, end.exitCode], ['out-of-memory', 137]);
  });
}

function addIdentitySuite(check: WorkCheck): void {
  check('starting twice at once, later, and after a restart makes one process', async (trial) => {
    const spec = trial.spec('once', 'print("one start")');
    await Promise.all([trial.backend.start(spec), trial.backend.start(spec)]);
    await waitForEnd(trial.backend, 'once');
    await trial.backend.start(spec);
    const next = trial.reopen();
    await next.backend.start(spec);
    await waitForEnd(next.backend, 'once');
    assert.deepEqual(next.lines('once'), ['one start']);
  });

  check('work goes on while no server lives, and its end is found by the next', async (trial) => {
    const script = 'import time; print("ready", flush=True); time.sleep(0.2); print("finished")';
    await trial.backend.start(trial.spec('survivor', script));
    await said(trial, 'survivor', 'ready');
    const next = trial.reopen();
    const end = await waitForEnd(next.backend, 'survivor');
    assert.deepEqual([end.reason, end.exitCode], ['exited', 0]);
    assert.deepEqual(next.lines('survivor'), ['ready', 'finished']);
  });

  check('only ended work is released, and then it is absent', async (trial) => {
    await trial.backend.start(trial.spec('busy', READY_FOR_EVER));
    await said(trial, 'busy', 'ready');
    await assert.rejects(trial.backend.release('busy'), { name: 'BackendError', retryable: true });
    await trial.backend.stop('busy');
    await waitForEnd(trial.backend, 'busy');
    await trial.backend.release('busy');
    await trial.backend.release('busy');
    assert.equal((await trial.backend.status('busy')).phase, 'absent');
    await runToEnd(trial, trial.spec('busy', 'print("again")')); // the name is free
  });

  check('an id that is none is refused', async (trial) => {
    for (const id of ['', '../up', 'a/b', 'UPPER', 'x'.repeat(121)])
      await assert.rejects(trial.backend.start(trial.spec(id, '')), { name: 'BackendError' }, id);
  });
}

function addServiceSuite(check: WorkCheck): void {
  check('a service listens inside, is reached at its address, and is stopped', async (trial) => {
    const script = `
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind(os.environ["SLIPWAY_SERVE_SOCKET"])
server.listen()
print("listening", flush=True)
while True: server.accept()[0].sendall(b"hello")`;
    await trial.backend.start(trial.spec('service', script, { kind: 'service', network: 'none' }));
    await said(trial, 'service', 'listening');
    const [chunk] = await once(connectTo(trial.backend.address('service')), 'data');
    assert.equal(String(chunk), 'hello');
    const next = trial.reopen();
    assert.deepEqual(next.backend.address('service'), trial.backend.address('service'));
    await next.backend.stop('service');
    assert.equal((await waitForEnd(next.backend, 'service')).reason, 'stopped');
    await next.backend.release('service');
    const [error] = await once(connectTo(next.backend.address('service')), 'error');
    assert.ok(error);
  });
  check('work that names services talks to them, also when it starts before them and without a network', async (trial) => {
    const client = `
import json, os, socket, time
kind, _, place = json.loads(os.environ["SLIPWAY_SERVICES"])[0].partition(":")
while True:
    try:
        host, _, port = place.rpartition(":")
        found = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        found.connect(place if kind == "unix" else (host, int(port)))
        break
    except OSError: time.sleep(0.02)
print(found.recv(100).decode(), flush=True)`;
    await trial.backend.start(trial.spec('asks', client, { services: ['answers'], network: 'none' }));
    const server = `
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind(os.environ["SLIPWAY_SERVE_SOCKET"])
server.listen()
server.accept()[0].sendall(b"hello")`;
    await trial.backend.start(trial.spec('answers', server, { kind: 'service', network: 'none' }));
    assert.equal((await waitForEnd(trial.backend, 'asks')).exitCode, 0);
    assert.deepEqual(trial.lines('asks'), ['hello']);
  });
}

function addLogSuite(check: WorkCheck): void {
  check('long, binary and unfinished lines are kept as lines', async (trial) => {
    const script = `
import sys
sys.stdout.buffer.write(b"a" * 1000000 + b"\\nshort\\n\\n\\ntab\\there\\nunfinished")`;
    await runToEnd(trial, trial.spec('noisy', script));
    const lines = trial.lines('noisy');
    assert.match(lines[0] ?? '', /^a+ \[line cut by slipway\]$/);
    assert.ok((lines[0]?.length ?? 0) < 300_000);
    assert.deepEqual(lines.slice(1), ['short', '', '', 'tab\there', 'unfinished']);
  });

  check('a job that writes faster than anyone reads is logged whole', async (trial) => {
    const script = 'import sys\nfor n in range(400000): sys.stdout.write("line %d of many\\n" % n)';
    assert.equal((await runToEnd(trial, trial.spec('chatty', script))).exitCode, 0);
    const lines = trial.lines('chatty');
    assert.equal(lines.length, 400_000);
    assert.equal(lines.at(-1), 'line 399999 of many');
  });
}

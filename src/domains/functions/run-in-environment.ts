import type { WorkEnd } from '../../platform/ports/work.ts';
import { cannotRun, describeExit, exited, type Outcome, timedOut, timeoutText } from './decide-outcome.ts';
import { type Answered, ask } from './environment-client.ts';
import type { Environment } from './environments.ts';
import type { FunctionsPorts } from './ports.ts';
import { logStreamOf } from './start-environment.ts';

export interface Run {
  readonly requestId: string;
  /** JSON, or nothing. */
  readonly payload: string;
  readonly invokedArn: string;
  readonly timeoutSeconds: number;
  /** Base64, as the caller sent it. */
  readonly clientContext?: string;
  /** The answer is kept until it is told to be written down: whoever dies before asks again. */
  readonly keep?: boolean;
  /** It may have begun already, asked by an earlier process of the server. */
  readonly resumed?: boolean;
}

export interface RunResult {
  readonly outcome: Outcome;
  /** Whether the environment can run more. */
  readonly reusable: boolean;
}

/** A sandbox on a busy host; the handler's module has Lambda's ten seconds, or as long as its function. */
const START_MS_MAX = 120_000;
const INIT_MS_MIN = 10_000;
const LOOK_MS = 10;
/** The answer to a handler that ends at the last moment must not cross with the time-out. */
const MARGIN_MS = 100;
const END_WAIT_MS = 5_000;

/** Runs one invocation in an environment that was acquired for it; the caller releases it. */
export async function runInEnvironment(ports: FunctionsPorts, environment: Environment, run: Run): Promise<RunResult> {
  const { requestId, timeoutSeconds } = run;
  if (!environment.ready) {
    const readied = await becomeReady(ports, environment, run);
    if (readied) return readied;
  }
  const resumed = run.resumed
    ? await askUntil(ports, environment, { method: 'GET', path: pathOf(run) }, timeoutSeconds * 1000)
    : undefined;
  const known = resumed && resumed !== 'late' && !('reason' in resumed) && resumed.status === 200;
  const answer =
    known || resumed === 'late' ? resumed : await askUntil(ports, environment, asking(run), timeoutSeconds * 1000 + MARGIN_MS);
  if (answer === 'late') return { outcome: await reportTimeout(ports, environment, run), reusable: false };
  if ('reason' in answer) return { outcome: await reportExit(ports, environment, run, answer), reusable: false };
  const outcome: Outcome = {
    payload: answer.body.toString('utf8'),
    ...(answer.functionError !== undefined && { functionError: 'Unhandled' as const }),
  };
  if (answer.status !== 200) return { outcome: cannotRun(requestId, 'The environment did not answer.'), reusable: false };
  return { outcome, reusable: !answer.last };
}

const pathOf = ({ requestId }: Run): string => `/invocations/${encodeURIComponent(requestId)}`;

const asking = (run: Run): Asked => ({
  method: 'POST',
  path: pathOf(run),
  body: run.payload,
  headers: {
    'timeout-ms': String(run.timeoutSeconds * 1000),
    'function-arn': run.invokedArn,
    ...(run.keep && { keep: '1' }),
    ...(run.clientContext !== undefined && {
      'client-context': asHeader(Buffer.from(run.clientContext, 'base64').toString('utf8')),
    }),
  },
});

/** JSON in the characters that a header may have: a space for white space, which is none of a text, and what a text holds escaped. */
const asHeader = (json: string): string =>
  json
    .replaceAll(/[\t\r\n]/g, ' ')
    .replaceAll(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Waits for the process, then for its handler's module. A result: it came to nothing. */
async function becomeReady(ports: FunctionsPorts, environment: Environment, run: Run): Promise<RunResult | undefined> {
  const initMs = Math.max(INIT_MS_MIN, run.timeoutSeconds * 1000);
  const untilMs = ports.clock.now() + START_MS_MAX;
  for (;;) {
    const answer = await askUntil(ports, environment, { method: 'GET', path: '/ready' }, initMs, 'once');
    if (answer === 'late') return { outcome: await reportTimeout(ports, environment, run, initMs / 1000), reusable: false };
    if (answer !== undefined && 'reason' in answer) {
      return { outcome: await reportExit(ports, environment, run, answer), reusable: false };
    }
    if (answer) {
      environment.ready = true;
      return undefined;
    }
    if (ports.clock.now() > untilMs) {
      return { outcome: cannotRun(run.requestId, 'The environment of the function did not start in time.'), reusable: false };
    }
    await later(ports, LOOK_MS);
  }
}

type Waited = Answered | WorkEnd | 'late';

/** What comes first: the answer, the end of the process, or the time. `once`: undefined when nothing listens yet. */
function askUntil(ports: FunctionsPorts, environment: Environment, asked: Asked, withinMs: number): Promise<Waited>;
function askUntil(
  ports: FunctionsPorts,
  environment: Environment,
  asked: Asked,
  withinMs: number,
  once: 'once',
): Promise<Waited | undefined>;
async function askUntil(
  ports: FunctionsPorts,
  environment: Environment,
  asked: Asked,
  withinMs: number,
  once?: 'once',
): Promise<Waited | undefined> {
  const given = new AbortController();
  const { promise: late, resolve: isLate } = Promise.withResolvers<'late'>();
  const cancel = ports.clock.at(ports.clock.now() + withinMs, () => isLate('late'));
  const answered = ask(ports.backend, environment.document.workId, { ...asked, signal: given.signal });
  try {
    const first = await Promise.race([answered, environment.ended, late]);
    if (first !== undefined || once) return first;
    // it hung up: its end is on the way
    return await endOf(ports, environment);
  } finally {
    cancel();
    given.abort();
  }
}

const NO_END: Pick<WorkEnd, 'phase' | 'reason' | 'isolation'> = { phase: 'ended', reason: 'lost', isolation: 'none' };

async function endOf(ports: FunctionsPorts, environment: Environment): Promise<WorkEnd> {
  const none = { ...NO_END, endedAtMs: ports.clock.now() };
  return Promise.race([environment.ended, later(ports, END_WAIT_MS).then(() => none)]);
}

function later({ clock }: FunctionsPorts, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.at(clock.now() + ms, resolve));
}

/** The process is ended at once; the log gets the lines that the runtime cannot write any more. */
async function reportTimeout(
  ports: FunctionsPorts,
  environment: Environment,
  run: Run,
  seconds = run.timeoutSeconds,
): Promise<Outcome> {
  const { requestId } = run;
  await ports.backend.stop(environment.document.workId);
  await endOf(ports, environment); // so that what it still printed comes before
  const nowMs = ports.clock.now();
  const ms = seconds * 1000;
  await appendLog(ports, environment, [
    `${new Date(nowMs).toISOString()} ${requestId} ${timeoutText(seconds)}`,
    `END RequestId: ${requestId}`,
    `REPORT RequestId: ${requestId}\tDuration: ${ms.toFixed(2)} ms\tBilled Duration: ${ms} ms\tMemory Size: ${environment.document.memoryMiB} MB\tStatus: timeout`,
  ]);
  return timedOut(requestId, seconds, nowMs);
}

async function reportExit(ports: FunctionsPorts, environment: Environment, run: Run, end: WorkEnd): Promise<Outcome> {
  const { requestId } = run;
  const { errorType, text } = describeExit(end);
  await appendLog(ports, environment, [
    `RequestId: ${requestId} Error: ${text}`,
    errorType,
    `END RequestId: ${requestId}`,
    `REPORT RequestId: ${requestId}\tMemory Size: ${environment.document.memoryMiB} MB\tStatus: error\tError Type: ${errorType}`,
  ]);
  return exited(requestId, end);
}

async function appendLog(ports: FunctionsPorts, environment: Environment, texts: readonly string[]): Promise<void> {
  const timeMs = ports.clock.now();
  const lines = texts.map((text) => ({ timeMs, text }));
  try {
    await ports.logFiles.append(logStreamOf(environment), lines);
  } catch (error) {
    // the answer matters more than its lines
    ports.log.warn({ workId: environment.document.workId, err: error }, 'The end of an invocation was not written to its log.');
  }
}

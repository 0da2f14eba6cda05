import type { Clock } from '../../../src/platform/clock.ts';
import type { WorkAnswer, WorkRequest } from '../../../src/platform/ports/work.ts';
import { type AttemptOutcome, OUTCOME_MEMBER, outcomeOf, RETURNS_MEMBER } from '../workload/outcomes.ts';
import { isEnvironment } from './planned-outcome.ts';
import type { SimAction } from './sim-action.ts';
import type { SimWork } from './sim-work.ts';

export interface SimServicesOptions {
  readonly clock: Clock;
  readonly problem: (text: string) => void;
  readonly end: (work: SimWork, how: 'oom' | 'lost' | 'fail') => void;
  readonly print: (work: SimWork, lines: readonly string[]) => void;
}

/** One run of a function's handler. */
export interface SimRun {
  readonly requestId: string;
  readonly work: SimWork;
  readonly workId: string;
  /** Recorded by the server: it asks for the answer again, and must not begin it again elsewhere. */
  keep: boolean;
  readonly outcome: AttemptOutcome;
  readonly returns: unknown;
  status: 'running' | 'ended' | 'broken';
}

interface Waiting {
  readonly work: SimWork;
  readonly kind: 'ready' | 'invocation' | 'model';
  readonly requestId: string;
  readonly resolve: (answer: WorkAnswer) => void;
}

/** What services say to whoever asks them: model servers, and the bootstraps of functions (see runtimes/function/bootstrap.py). */
export class SimServices {
  /** Every run of a handler that ever began, in order. */
  readonly runs: SimRun[] = [];
  readonly #options: SimServicesOptions;
  #waiting: Waiting[] = [];
  /** What each environment knows: runs by request id. */
  readonly #known = new WeakMap<SimWork, Map<string, SimRun>>();

  constructor(options: SimServicesOptions) {
    this.#options = options;
  }

  async ask(work: SimWork | undefined, asked: WorkRequest): Promise<WorkAnswer> {
    const text = asked.body ? await textOf(asked.body.parts) : '';
    if (asked.signal?.aborted) return { kind: 'late' };
    // the work may have ended while the body came
    if (work?.phase !== 'running') return { kind: 'refused' };
    if (isEnvironment(work.spec)) return this.#askEnvironment(work, asked, text);
    if (!work.ready) return { kind: 'refused' };
    if (asked.path === '/ping') return answer(200);
    return this.#wait(work, 'model', text, asked.signal);
  }

  #askEnvironment(
    work: SimWork,
    { method, path, headers = {}, signal }: WorkRequest,
    text: string,
  ): WorkAnswer | Promise<WorkAnswer> {
    if (path === '/ready') return work.ready ? answer(200, '{"initMs":1,"failed":false}') : this.#wait(work, 'ready', '', signal);
    const known = this.#knownOf(work);
    if (path === '/state') {
      const running = [...known.values()].find(({ status }) => status === 'running');
      return answer(200, JSON.stringify({ running: running?.requestId ?? null }));
    }
    const requestId = decodeURIComponent(path.split('/')[2] ?? '');
    if (method === 'DELETE') {
      known.delete(requestId);
      return answer(200);
    }
    if (method === 'GET' && !known.has(requestId)) return answer(404);
    const run = known.get(requestId) ?? this.#begin(work, requestId, headers['keep'] !== undefined, text);
    run.keep ||= headers['keep'] !== undefined;
    if (run.status === 'ended') return this.#told(work, run);
    return this.#wait(work, 'invocation', requestId, signal);
  }

  #begin(work: SimWork, requestId: string, keep: boolean, text: string): SimRun {
    const known = this.#knownOf(work);
    const busy = [...known.values()].find(({ status }) => status === 'running');
    if (busy) this.#options.problem(`the environment ${work.spec.id} is given ${requestId} while it runs ${busy.requestId}`);
    const before = this.runs.filter((one) => one.requestId === requestId);
    // an event may be run again when its answer was lost, as in Lambda; an invocation that a step recorded never
    const over = isRecorded(requestId) ? before[0] : undefined;
    if (over) this.#options.problem(`the invocation ${requestId} is begun in ${work.spec.id}, after ${over.workId}`);
    const event = eventOf(text);
    const outcome = outcomeOf(event[OUTCOME_MEMBER] as string | undefined, before.length + 1);
    const run: SimRun = {
      requestId,
      work,
      workId: work.spec.id,
      keep,
      outcome,
      returns: event[RETURNS_MEMBER] ?? null,
      status: 'running',
    };
    known.set(requestId, run);
    this.runs.push(run);
    this.#options.print(work, [`START RequestId: ${requestId} Version: $LATEST`]);
    return run;
  }

  /** What the services among the works may do next. */
  actions(work: SimWork): SimAction[] {
    if (!work.ready) return [];
    if (!isEnvironment(work.spec))
      return this.#waiting
        .filter((one) => one.work === work && one.kind === 'model')
        .map((one) => ({
          name: `${work.spec.id} answers`,
          perform: () => this.#settle(one, answer(200, `answer of ${work.spec.id}`)),
        }));
    const run = [...this.#knownOf(work).values()].find(({ status }) => status === 'running');
    if (!run || run.outcome === 'hang' || run.outcome === 'timeout') return [];
    return [{ name: `${work.spec.id} runs ${run.requestId}: ${run.outcome}`, perform: () => this.#finish(work, run) }];
  }

  #finish(work: SimWork, run: SimRun): void {
    if (run.outcome === 'oom' || run.outcome === 'lost') {
      this.#options.end(work, run.outcome);
      return;
    }
    run.status = 'ended';
    this.#options.print(work, [`END RequestId: ${run.requestId}`]);
    for (const one of this.#waiting.filter((each) => each.work === work && each.requestId === run.requestId))
      this.#settle(one, this.#told(work, run));
  }

  #told(work: SimWork, run: SimRun): WorkAnswer {
    if (!run.keep) this.#knownOf(work).delete(run.requestId);
    if (run.outcome === 'ok') return answer(200, JSON.stringify(run.returns));
    const error = { errorMessage: `planned failure of ${run.requestId}`, errorType: 'PlannedFailure' };
    return answer(200, JSON.stringify(error), { 'function-error': 'Unhandled' });
  }

  becameReady(work: SimWork): void {
    for (const one of this.#waiting.filter((each) => each.work === work && each.kind === 'ready'))
      this.#settle(one, answer(200, '{"initMs":1,"failed":false}'));
  }

  ended(work: SimWork): void {
    for (const run of this.#known.get(work)?.values() ?? []) if (run.status === 'running') run.status = 'broken';
    for (const one of this.#waiting.filter((each) => each.work === work)) this.#settle(one, { kind: 'broken' });
  }

  #knownOf(work: SimWork): Map<string, SimRun> {
    const known = this.#known.get(work) ?? new Map<string, SimRun>();
    this.#known.set(work, known);
    return known;
  }

  #wait(work: SimWork, kind: Waiting['kind'], requestId: string, signal: AbortSignal | undefined): Promise<WorkAnswer> {
    return new Promise((resolve) => {
      const one = { work, kind, requestId, resolve };
      this.#waiting.push(one);
      signal?.addEventListener('abort', () => this.#settle(one, { kind: 'late' }), { once: true });
    });
  }

  #settle(one: Waiting, told: WorkAnswer): void {
    this.#waiting = this.#waiting.filter((each) => each !== one);
    one.resolve(told);
  }
}

/** Request ids that a step derives (see pipelines/steps/lambda.ts) have an 8 where those of `createSeededIds` have an `a`. */
const isRecorded = (requestId: string): boolean => requestId[19] === '8';

function answer(status: number, text = '', headers: Readonly<Record<string, string>> = {}): WorkAnswer {
  const body = (async function* () {
    if (text !== '') yield Buffer.from(text);
  })();
  return { kind: 'answered', status, headers: { 'content-type': 'application/json', ...headers }, body };
}

async function textOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const part of parts) pieces.push(part);
  return Buffer.concat(pieces).toString('utf8');
}

interface CalledJob {
  readonly data: { readonly actionConfiguration: { readonly configuration: { readonly UserParameters: string } } };
}

function eventOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const event = JSON.parse(text) as unknown;
    if (typeof event !== 'object' || event === null) return {};
    // what a delivery pipeline calls a function with: its user's parameters stand in the job
    const job = (event as { 'CodePipeline.job'?: CalledJob })['CodePipeline.job'];
    return (job ? JSON.parse(job.data.actionConfiguration.configuration.UserParameters) : event) as Record<string, unknown>;
  } catch {
    return {};
  }
}

import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../src/contract/generate-text.ts';
import { faultOf, serviceOf } from './check-answer.ts';
import type { Corpus } from './corpus.ts';
import { bytesOf, type FuzzRequest, toFile } from './fuzz-request.ts';
import { KnownValues } from './known-values.ts';
import { RequestSource } from './request-source.ts';
import { shrink } from './shrink.ts';
import { type Answer, BROKE_OFF, type Outcome, WireConnection } from './wire-connection.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Clients side by side, each with a connection to either port. */
  readonly clients: number;
  /** Told of every exchange. */
  readonly observe?: (request: FuzzRequest, answer: Answer | undefined, ms: number) => void;
}

/** A request whose answer is wrong. */
export interface Failure {
  readonly fault: string;
  readonly request: FuzzRequest;
  /** Where the request lies; `node tests/fuzz/replay.ts FILE` sends it again. */
  readonly file: string;
}

export interface FuzzReport {
  readonly requests: number;
  readonly seconds: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** `2xx`, `400`, … and `none` for bytes that got no answer. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** Operations that answered with success at least once, of those asked for with what the model allows. */
  readonly operations: { readonly asked: number; readonly succeeded: readonly string[]; readonly never: readonly string[] };
  /** Different constraints that were broken over the wire: operation, path and kind. */
  readonly violations: { readonly requests: number; readonly different: number };
  readonly failures: readonly Failure[];
  /** Of a small call every 100 ms beside all this. */
  readonly beside: { readonly calls: number; readonly p99Ms: number; readonly slowestMs: number; readonly during: string };
}

/** Different failures after which a run ends: more would say the same. */
const FAILURES_MAX = 60;
const SHRUNK_MAX = 10;

/** One run after another continues the same books: memory is looked at in between. */
export class FuzzRun {
  readonly #corpus: Corpus;
  readonly #clients: Client[];
  readonly #kinds = new Map<string, number>();
  readonly #statuses = new Map<string, number>();
  readonly #asked = new Set<string>();
  readonly #succeeded = new Set<string>();
  readonly #violations = new Set<string>();
  readonly #failures = new Map<string, Failure>();
  readonly #besideMs: number[] = [];
  readonly #folder: string;
  readonly #observe: FuzzOptions['observe'];
  #current = new Map<Client, string>();
  #slowest = { ms: 0, during: '' };
  #requests = 0;
  #seconds = 0;

  constructor(corpus: Corpus, { seed, clients, observe }: FuzzOptions) {
    this.#corpus = corpus;
    this.#observe = observe;
    this.#folder = join(tmpdir(), `slipway-fuzz-${seed}`);
    const known = new KnownValues(corpus.spared, corpus.known);
    this.#clients = Array.from({ length: clients }, (_, index) => newClient(corpus, known, seed * 7919 + index));
  }

  async run(requests: number): Promise<void> {
    const startedMs = Date.now();
    const last = this.#requests + requests;
    const done = new AbortController();
    const beside = this.#watch(done.signal);
    await Promise.all(
      this.#clients.map(async (client) => {
        while (this.#requests < last && this.#failures.size < FAILURES_MAX) {
          this.#requests += 1;
          await this.#perform(client);
        }
      }),
    );
    done.abort();
    await beside;
    this.#seconds += (Date.now() - startedMs) / 1000;
  }

  /** Makes the first failures small, as far as they fail again, and writes their files anew. */
  async shrinkFailures(): Promise<void> {
    const [client] = this.#clients;
    for (const { request, file } of [...this.#failures.values()].slice(0, SHRUNK_MAX)) {
      const fails = async (smaller: FuzzRequest): Promise<boolean> => {
        try {
          return client !== undefined && faultOf(smaller, await send(smaller, client, this.#corpus)) !== undefined;
        } catch {
          return true; // no answer of HTTP
        }
      };
      if (request.body.length < 100_000) writeFileSync(file, toFile(await shrink(request, fails)));
    }
  }

  close(): void {
    for (const { main, runtime } of this.#clients) for (const connection of [main, runtime]) connection.close();
  }

  async #perform(client: Client): Promise<void> {
    const request = client.source.next();
    count(this.#kinds, request.kind.split(' ')[0] ?? '');
    this.#current.set(client, `${request.kind} ${request.operation ?? request.target.slice(0, 80)}`);
    const startedMs = Date.now();
    let fault: string | undefined;
    let outcome: Outcome = { answers: [], end: 'closed' };
    try {
      outcome = await send(request, client, this.#corpus);
      fault = faultOf(request, outcome);
    } catch (error) {
      // git has begun its answer before it finds what is wrong: whoever reads it is told so in it, and by its end
      if (!(request.kind === 'git' && (error as Error).message === BROKE_OFF))
        fault = `${(error as Error).name}: ${(error as Error).message}`;
    }
    const [answer] = outcome.answers;
    count(this.#statuses, answer ? (answer.status < 300 ? '2xx' : String(answer.status)) : 'none');
    this.#observe?.(request, answer, Date.now() - startedMs);
    if (fault !== undefined) this.#fail(request, fault);
    if (answer) this.#learn(client, request, answer);
  }

  #learn(client: Client, request: FuzzRequest, answer: Answer): void {
    const { operation, expect } = request;
    if (operation === undefined) return;
    if (expect.kind === 'violation') this.#violations.add(`${operation} ${expect.path} ${expect.what}`);
    if (expect.kind !== 'valid') return;
    this.#asked.add(operation);
    if (answer.status >= 300) return;
    this.#succeeded.add(operation);
    const prefix = serviceOf(operation)?.prefix ?? '';
    if (/:(Delete|Abort)/.test(operation)) {
      client.source.known.forget(prefix, request.input ?? {});
      return;
    }
    client.source.known.harvest(prefix, request.input);
    const type = answer.headers['content-type'] ?? '';
    if (answer.body.length > 50_000) return;
    if (type.includes('xml')) client.source.known.harvestXml(prefix, answer.body.toString('utf8'));
    else if (type.includes('json') && answer.body.length > 0 && !operation.startsWith('s3:') && operation !== 'lambda:Invoke') {
      client.source.known.harvest(prefix, JSON.parse(answer.body.toString('utf8')));
    }
  }

  #fail(request: FuzzRequest, fault: string): void {
    // the same mistake of the same operation, whatever names and ids it speaks of
    const name = `${request.operation ?? request.kind} ${fault.slice(0, 120)}`.replace(/[0-9a-f]{8}-[0-9a-f-]+|\d+/g, '0');
    if (this.#failures.has(name)) return;
    mkdirSync(this.#folder, { recursive: true });
    const file = join(this.#folder, `${this.#failures.size + 1}.json`);
    writeFileSync(file, toFile(request));
    this.#failures.set(name, { fault, request, file });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { target } = this.#corpus;
    const connection = new WireConnection(target.main);
    const body = Buffer.from('{"PipelineName":"fuzz-none"}');
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'SageMaker.DescribePipeline' };
    const request: FuzzRequest = {
      ...{ kind: 'beside', port: 'main', method: 'POST', target: '/', service: 'sagemaker', expect: { kind: 'any' } },
      ...{ headers, body },
    };
    while (!signal.aborted) {
      const startedMs = performance.now();
      await connection.exchange(bytesOf(request, target), { method: 'POST' });
      const ms = performance.now() - startedMs;
      this.#besideMs.push(ms);
      if (ms > this.#slowest.ms) this.#slowest = { ms, during: [...this.#current.values()].join(', ') };
      await delay(100);
    }
    connection.close();
  }

  report(): FuzzReport {
    const sorted = [...this.#besideMs].sort((a, b) => a - b);
    const never = [...this.#asked].filter((operation) => !this.#succeeded.has(operation)).sort();
    return {
      requests: this.#requests,
      seconds: Math.round(this.#seconds),
      byKind: Object.fromEntries([...this.#kinds].sort()),
      byStatus: Object.fromEntries([...this.#statuses].sort()),
      operations: { asked: this.#asked.size, succeeded: [...this.#succeeded].sort(), never },
      violations: { requests: this.#kinds.get('violation') ?? 0, different: this.#violations.size },
      failures: [...this.#failures.values()],
      beside: {
        calls: sorted.length,
        p99Ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
        slowestMs: Math.round(this.#slowest.ms),
        during: this.#slowest.during.slice(0, 600),
      },
    };
  }
}

interface Client {
  readonly source: RequestSource;
  readonly main: WireConnection;
  readonly runtime: WireConnection;
}

function newClient(corpus: Corpus, known: KnownValues, seed: number): Client {
  return {
    source: new RequestSource(corpus, known, seededRandom(seed)),
    main: new WireConnection(corpus.target.main),
    runtime: new WireConnection(corpus.target.runtime),
  };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** One exchange; bytes that may be no HTTP get a connection of their own, whose end is waited for. */
export async function send(
  request: FuzzRequest,
  kept: { readonly main: WireConnection; readonly runtime: WireConnection },
  { target }: Pick<Corpus, 'target'>,
): Promise<Outcome> {
  const bytes = bytesOf(request, target);
  if (request.expect.kind !== 'bytes') return kept[request.port].exchange(bytes, { method: request.method });
  const connection = new WireConnection(request.port === 'main' ? target.main : target.runtime);
  const pauseMs = request.twist?.kind === 'stall' ? request.twist.pauseMs : 0;
  return connection.exchange(bytes, { method: request.method, closing: true, pauseMs });
}

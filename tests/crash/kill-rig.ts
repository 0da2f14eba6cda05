import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AwsClient, Unanswered } from '../harness/aws-client.ts';
import { type FinalState, missingFacts, readFinalState } from './final-state.ts';
import { OutsideClient } from './outside-client.ts';
import { ENDPOINT, moveEndpoint, playRound, setUp } from './play.ts';
import { until } from '../harness/script-job.ts';
import { repeatedTransitions } from './ledger-history.ts';
import { liveWork, processesOf, ServerProcess } from './server-process.ts';
import { roundOf, seededRandom } from './workload.ts';

export interface KillPlan {
  readonly seed: number;
  readonly kills: number;
}

export interface Kill {
  /** After the start of the process that was killed. */
  readonly afterMs: number;
  /** Whether it had said that it listens. */
  readonly listened: boolean;
  /** Jobs whose process ran at that moment, and went on running. */
  readonly jobs: number;
  /** Invocations that were answered while no server lived. */
  readonly answeredMeanwhile: number;
}

export interface Report {
  readonly rounds: number;
  readonly kills: readonly Kill[];
  readonly acknowledged: number;
  readonly lostAnswers: number;
  readonly invocations: number;
  /** Whatever was not as promised, in words. */
  readonly problems: string[];
  readonly final: FinalState;
}

/** Every other kill comes at any moment of this much time from the process's start on: about a third while it still starts. */
const LIFE_MS = 3_000;
/** The others come this long, at most, after it listened and a job's process was seen running; that may have ended by then. */
const WITH_JOB_MS = 1_200;
/** Beyond `kills`, as many more as it takes until this share of them found a job's process alive. */
const WITH_JOB_SHARE = 0.5;
const ROUNDS_AT_ONCE = 4;
/** Every so many rounds the endpoint moves to the other fleet. */
const MOVE_EVERY = 6;
const INVOCATIONS_MEANWHILE = 3;

/** Plays rounds against a server that is killed over and over, until `kills` are done, then lets it finish in peace. */
export async function runKilled({ seed, kills }: KillPlan): Promise<Report & { readonly folder: string }> {
  const rig = new KillRig(mkdtempSync(join(tmpdir(), 'slipway-crash-')), seed);
  return rig.run(kills).finally(() => rig.close());
}

/** The same rounds on a fresh folder, undisturbed. */
export async function runUndisturbed(seed: number, rounds: number): Promise<FinalState> {
  const rig = new KillRig(mkdtempSync(join(tmpdir(), 'slipway-calm-')), seed);
  const { folder, final, problems } = await rig.run(0, rounds).finally(() => rig.close());
  rmSync(folder, { recursive: true, force: true });
  if (problems.length > 0) throw new Error(`The undisturbed run had problems:\n${problems.join('\n')}`);
  return final;
}

class KillRig {
  readonly #folder: string;
  readonly #seed: number;
  readonly #problems: string[] = [];
  readonly #kills: Kill[] = [];
  readonly #logs: string[] = [];
  #server: ServerProcess;
  #startedAtMs = 0;
  #invocations = 0;
  #closed = false;

  constructor(folder: string, seed: number) {
    this.#folder = folder;
    this.#seed = seed;
    this.#server = this.#start();
  }

  #start(): ServerProcess {
    this.#startedAtMs = Date.now();
    return new ServerProcess(this.#folder);
  }

  async run(kills: number, rounds = Number.POSITIVE_INFINITY): Promise<Report & { readonly folder: string }> {
    await this.#server.url();
    const aws = new AwsClient(connectionOf(this.#folder));
    const client = new OutsideClient(aws, join(this.#folder, 'acknowledged.jsonl'));
    await setUp(client);
    const play = new Play(client, this.#seed, rounds);
    const probing = this.#probe(aws, () => play.over || this.#closed);
    const playing = play.run().finally(() => play.stop());
    await Promise.race([this.#killAll(aws, kills), playing.then(() => Promise.reject(new Error('no rounds left')))]).catch(
      (error) => {
        if (kills > 0) throw error;
      },
    );
    if (kills > 0) play.stop();
    await playing;
    await probing;
    const problems = [...this.#problems, ...client.wrongAnswers, ...(await missingFacts(aws, client.facts()))];
    const final = await readFinalState(aws);
    const code = await this.#server.end('SIGUSR2');
    this.#logs.push(this.#server.log());
    if (code !== 0) problems.push(`The last server ended with ${code}.`);
    problems.push(...this.#seriousLines(), ...(await repeatedTransitions(this.#folder)));
    await until(
      'the end of every process of the folder',
      () => processesOf(this.#folder),
      (left) => left.length === 0,
    );
    return {
      folder: this.#folder,
      rounds: play.begun,
      kills: this.#kills,
      acknowledged: client.acknowledged,
      lostAnswers: client.lostAnswers,
      invocations: this.#invocations,
      problems,
      final,
    };
  }

  /** Leaves nothing running behind, however the run went. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#server.running) await this.#server.end('SIGUSR2');
  }

  async #killAll(aws: AwsClient, kills: number): Promise<void> {
    const random = seededRandom(this.#seed);
    this.#startedAtMs = Date.now();
    const withJob = () => this.#kills.filter(({ jobs }) => jobs > 0).length;
    while (this.#kills.length < kills || withJob() < kills * WITH_JOB_SHARE) {
      const moment = random();
      if (this.#kills.length % 2 === 0) await delay(Math.max(0, this.#startedAtMs + moment * LIFE_MS - Date.now()));
      else {
        await this.#server.url();
        while (liveWork(this.#folder, 'job').length === 0 && this.#server.running) await delay(10);
        await delay(moment * WITH_JOB_MS);
      }
      await this.#killOnce(aws, Date.now() - this.#startedAtMs);
    }
    await this.#server.url();
  }

  async #killOnce(aws: AwsClient, afterMs: number): Promise<void> {
    const server = this.#server;
    if (!server.running) throw new Error(`The server ended by itself:\n${server.log()}`);
    const listened = (await Promise.race([server.listening, undefined])) !== undefined;
    const { pid } = JSON.parse(readFileSync(join(this.#folder, 'server.json'), 'utf8')) as { pid: number };
    if (listened && pid !== server.pid) this.#problems.push(`server.json names pid ${pid}, the server is ${server.pid}.`);
    const before = liveWork(this.#folder, 'job');
    process.kill(server.pid, 'SIGKILL');
    await server.ended();
    this.#logs.push(server.log());
    const answeredMeanwhile = await this.#invokeMeanwhile(aws);
    this.#kills.push({ afterMs, listened, jobs: before.length, answeredMeanwhile });
    this.#server = this.#start();
  }

  /** While no server lives, every prediction must come. */
  async #invokeMeanwhile(aws: AwsClient): Promise<number> {
    for (let n = 0; n < INVOCATIONS_MEANWHILE; n += 1) await this.#invoke(aws, `meanwhile-${this.#kills.length}-${n}`);
    return INVOCATIONS_MEANWHILE;
  }

  /** Over the whole run, whether a server lives or not, and while the endpoint moves. */
  async #probe(aws: AwsClient, over: () => boolean): Promise<void> {
    while (!over()) {
      await this.#invoke(aws, `row-${this.#invocations}`);
      await delay(20);
    }
  }

  async #invoke(aws: AwsClient, body: string): Promise<void> {
    this.#invocations += 1;
    try {
      const answer = await aws.invoke(ENDPOINT, body);
      if (!['model first', 'model second'].some((model) => answer === `${model} ${body}`))
        this.#problems.push(`Predicted: ${answer}`);
    } catch (error) {
      const { name, message } = error as Error;
      this.#problems.push(
        `Invocation ${body}, ${this.#kills.length} kills so far: ${error instanceof Unanswered ? 'no answer: ' : ''}${name} ${message}`,
      );
    }
  }

  /** Errors and worse in the servers' logs; a crash must not look like a fault of ours. */
  #seriousLines(): string[] {
    return this.#logs
      .flatMap((log) => log.split('\n'))
      .filter((line) => line !== '' && !/^\{"level":(?:10|20|30|40),/.test(line))
      .map((line) => `Log: ${line.slice(0, 600)}`);
  }
}

/** Rounds, some at once, with moves of the endpoint beside them. */
class Play {
  readonly #client: OutsideClient;
  readonly #seed: number;
  readonly #rounds: number;
  #stopped = false;
  #finished = false;
  begun = 0;

  constructor(client: OutsideClient, seed: number, rounds: number) {
    this.#client = client;
    this.#seed = seed;
    this.#rounds = rounds;
  }

  get over(): boolean {
    return this.#finished;
  }

  /** Begins no further round. */
  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    try {
      await Promise.all([...Array.from({ length: ROUNDS_AT_ONCE }, () => this.#playRounds()), this.#moveEndpoint()]);
      // moves that are due by the number of rounds, which only now is known
      await this.#moveTo(Math.floor(this.begun / MOVE_EVERY));
    } finally {
      this.#finished = true;
    }
  }

  async #playRounds(): Promise<void> {
    while (!this.#stopped && this.begun < this.#rounds) {
      const round = roundOf(this.#seed, this.begun);
      this.begun += 1;
      await playRound(this.#client, round);
    }
    this.#stopped = true;
  }

  #moves = 0;

  async #moveEndpoint(): Promise<void> {
    while (!this.#stopped) {
      await this.#moveTo(Math.floor(this.begun / MOVE_EVERY));
      await delay(50);
    }
  }

  async #moveTo(due: number): Promise<void> {
    while (this.#moves < due) {
      this.#moves += 1;
      await moveEndpoint(this.#client, this.#moves);
    }
  }
}

/** How to reach the server of a folder, which keeps its ports and key over restarts. */
export function connectionOf(folder: string): ConstructorParameters<typeof AwsClient>[0] {
  const { url, runtimePort } = JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as {
    url: string;
    runtimePort: number;
  };
  const credentials = readFileSync(join(folder, 'credentials'), 'utf8');
  const value = (name: string): string => new RegExp(`^${name} = (\\S+)`, 'm').exec(credentials)?.[1] ?? '';
  return {
    url,
    runtimeUrl: `http://127.0.0.1:${runtimePort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') },
  };
}

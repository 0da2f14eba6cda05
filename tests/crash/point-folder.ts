import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { until } from '../harness/script-job.ts';
import { setUpActs } from './acts.ts';
import { connectionOf } from './kill-rig.ts';
import { repeatedTransitions } from './ledger-history.ts';
import { DIED, type Doom } from './points.ts';
import { processesOf, ServerProcess } from './server-process.ts';
import { storeAdapter } from './store-adapter.ts';
import { Witness } from './witness.ts';

const PROGRAM = join(import.meta.dirname, 'server-with-points.ts');

/** A data folder whose server is killed at named points, one life after the other. */
export class PointFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-points-'));
  readonly #record = join(this.folder, 'points.txt');
  #offset = 0;
  /** Points at which this life was told to end. */
  readonly #dooms = new Set<string>();
  readonly #logs: string[] = [];
  #spare: ServerProcess;
  server: ServerProcess;
  client!: Witness;

  constructor() {
    this.#spare = this.#spawn();
    this.server = this.start();
  }

  #spawn(): ServerProcess {
    return new ServerProcess(this.folder, [this.folder, this.#record], [PROGRAM]);
  }

  /** The first start, and what acts share. */
  async setUp(): Promise<void> {
    await this.server.url();
    this.client = new Witness(new AwsClient(connectionOf(this.folder)), join(this.folder, 'acknowledged.jsonl'));
    await setUpActs(this.client);
  }

  /** Points passed since this was last asked, in order. */
  passed(): string[] {
    const file = openSync(this.#record, 'r');
    const part = Buffer.alloc(1 << 20);
    let text = '';
    for (let count = 1; count > 0; ) {
      count = readSync(file, part, 0, part.length, this.#offset);
      this.#offset += count;
      text += part.toString('utf8', 0, count);
    }
    closeSync(file);
    return text.split('\n').filter((line) => line !== '');
  }

  doom(doom: Doom): void {
    this.#dooms.add(doom.point);
    this.server.tell(JSON.stringify(doom));
  }

  /** It is not to die any more; it may yet, where it was told before and has not read this. */
  spare(): void {
    this.server.tell(JSON.stringify({ point: '', nth: 1 } satisfies Doom));
  }

  /** After a death: where it was, and what is wrong; its ledger is verified as it lies. */
  async bury(): Promise<{ readonly point: string; readonly problems: string[] }> {
    await this.server.ended();
    this.#logs.push(this.server.log());
    const died = this.passed()
      .filter((line) => line.startsWith(DIED))
      .map((line) => line.slice(DIED.length));
    const [point = ''] = died;
    const problems: string[] = [];
    if (died.length !== 1 || !this.#dooms.has(point))
      problems.push(`The server ended at ${died.join(', ') || 'no point'}:\n${this.server.log().slice(-3000)}`);
    const verdict = storeAdapter.verify(this.folder);
    if (!verdict.ok) problems.push(`The ledger is broken at ${verdict.sequence}: ${verdict.problem}`);
    return { point, problems };
  }

  /** The next life, by a process that has loaded its code already. */
  start(doom?: Doom): ServerProcess {
    this.server = this.#spare;
    this.#dooms.clear();
    if (doom) this.doom(doom);
    else this.server.tell('');
    this.#spare = this.#spawn();
    return this.server;
  }

  /** The end in order; what the logs and the ledger say against it. */
  async end(): Promise<string[]> {
    const problems: string[] = [...this.client.wrongAnswers];
    await this.#spare.end('SIGKILL');
    const code = await this.server.end('SIGUSR2');
    this.#logs.push(this.server.log());
    if (code !== 0) problems.push(`The last server ended with ${code}.`);
    problems.push(...this.#seriousLines(), ...(await repeatedTransitions(this.folder)));
    const audit = await slipway(['audit', 'verify', '--data', this.folder]);
    if (audit.code !== 0) problems.push(`slipway audit verify: ${audit.stdout}${audit.stderr}`);
    await until(
      'the end of every process of the folder',
      () => processesOf(this.folder),
      (left) => left.length === 0,
    );
    return problems;
  }

  /** Errors and worse in the servers' logs. */
  #seriousLines(): string[] {
    return this.#logs
      .flatMap((log) => log.split('\n'))
      .filter((line) => line !== '' && !/^\{"level":(?:10|20|30|40),/.test(line))
      .map((line) => `Log: ${line.slice(0, 800)}`);
  }

  /** Leaves nothing running. */
  async close(): Promise<void> {
    this.client?.close();
    await this.#spare.end('SIGKILL');
    if (this.server.running) await this.server.end('SIGUSR2');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import type { Act } from './act.ts';
import { ACTS, finish } from './acts.ts';
import { PointFolder } from './point-folder.ts';
import { AMID_COMMIT, AMID_EFFECT, type Doom } from './points.ts';
import { seededRandom } from './workload.ts';

/** What an undisturbed server does: which acts pass which points how often, and what each act leaves. */
export interface Course {
  /** Point to act to times. The act `start` is a restart. */
  readonly points: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly leaves: ReadonlyMap<string, unknown>;
}

export const START = 'start';

/** Plays each act once, undisturbed. */
export async function runUndisturbed(acts: readonly Act[] = ACTS): Promise<Course> {
  const folder = new PointFolder();
  const points = new Map<string, Map<string, number>>();
  const leaves = new Map<string, unknown>();
  const note = (name: string) => {
    for (const point of folder.passed()) {
      const by = points.get(point) ?? new Map<string, number>();
      by.set(name, (by.get(name) ?? 0) + 1);
      points.set(point, by);
    }
  };
  try {
    await folder.setUp();
    folder.passed();
    for (const act of acts) {
      leaves.set(act.name, await finish(act, folder.client, labelOf(act, 0)));
      note(act.name);
    }
    await folder.server.end('SIGTERM');
    folder.passed();
    folder.start();
    await folder.server.url();
    note(START);
    const problems = [...(await folder.client.missing(folder.client.allFacts())), ...(await folder.end())];
    if (problems.length > 0) throw new Error(`The undisturbed run had problems:\n${problems.join('\n')}`);
    folder.remove();
    // what was asked for last may not have come back yet
    for (const [point, by] of [...points]) {
      const after = point.replace(/^before /, 'after ');
      if (!points.has(after)) points.set(after, by);
    }
    return { points, leaves };
  } finally {
    await folder.close();
  }
}

export interface Kill {
  readonly point: string;
  /** Acts that were not finished. */
  readonly acts: number;
  /** Changes that a client waited for. */
  readonly inFlight: number;
  /** Acknowledged by the server that was killed. */
  readonly acknowledged: number;
  lost: number;
  twice: number;
}

export interface KillPlan {
  readonly seed: number;
  readonly killsPerPoint: number;
  /** At most so many kills; those that are left out are chosen by the seed. */
  readonly killsMax?: number;
  readonly killsPerFolder: number;
  /** Folders at the same time. */
  readonly parallel: number;
  readonly acts: readonly Act[];
  readonly only?: RegExp;
  readonly progress?: (line: string, soFar: KillReport) => void;
}

export interface KillReport {
  readonly kills: readonly Kill[];
  /** Points that were not passed when they should have been, so often. */
  readonly missed: ReadonlyMap<string, number>;
  readonly lostAnswers: number;
  readonly acts: number;
  readonly problems: readonly string[];
}

/** Kills at every point of the course. */
export async function runKilled(plan: KillPlan, course: Course): Promise<KillReport> {
  const wanted = wantedKills(plan, course);
  const total = sumOf(wanted);
  const report = { kills: [] as Kill[], missed: new Map<string, number>(), lostAnswers: 0, acts: 0, problems: [] as string[] };
  let batches = 0;
  const worker = async () => {
    while ([...wanted.values()].some((count) => count > 0) && report.problems.length < 20) {
      batches += 1;
      const batch = new Batch(plan, course, wanted, seededRandom(plan.seed + batches), batches);
      await batch.run().catch((error: unknown) => batch.problems.push(`${String((error as Error).stack ?? error)}`));
      report.kills.push(...batch.kills);
      report.acts += batch.begun;
      report.lostAnswers += batch.lostAnswers;
      report.problems.push(...batch.problems.map((problem) => `${batch.place}: ${problem}`));
      for (const [point, count] of batch.missed) report.missed.set(point, (report.missed.get(point) ?? 0) + count);
      plan.progress?.(
        `${report.kills.length}/${total} kills, ${report.problems.length} problems${batch.problems.map((one) => `\n${one}`).join('')}`,
        report,
      );
    }
  };
  await Promise.all(Array.from({ length: plan.parallel }, worker));
  return report;
}

const AMID_WEIGHT = 10;

const sumOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

function wantedKills({ killsPerPoint, killsMax, seed, only }: KillPlan, { points }: Course): Map<string, number> {
  const random = seededRandom(seed);
  const names = [...points.keys()].filter((point) => only?.test(point) ?? true).sort();
  // in the midst is at another moment every time
  const wanted = new Map(names.map((point) => [point, killsPerPoint * (point.startsWith('amid') ? AMID_WEIGHT : 1)]));
  const excess = sumOf(wanted) - (killsMax ?? Number.POSITIVE_INFINITY);
  for (let left = excess; left > 0; left -= 1) {
    const some = [...wanted].filter(([, count]) => count > 0);
    const [point, count] = some[Math.floor(random() * some.length)] ?? ['', 0];
    wanted.set(point, count - 1);
  }
  return wanted;
}

/** Of acts that are not finished at once; more would hinder each other. */
const ACTS_AT_ONCE = 5;
/** A life in which nothing comes to an end for so long hangs. */
const HANGS_AFTER_MS = 90_000;
const MISSES_MAX = 3;

interface Playing {
  readonly act: Act;
  readonly label: string;
  /** Kills that it has gone through. */
  readonly kills: Kill[];
}

const labelOf = (act: Act, number: number): string => `${act.name}-${String(number).padStart(5, '0')}`;

/** One folder and its kills. */
class Batch {
  readonly kills: Kill[] = [];
  readonly problems: string[] = [];
  readonly missed = new Map<string, number>();
  begun = 0;
  lostAnswers = 0;
  readonly #plan: KillPlan;
  readonly #course: Course;
  readonly #wanted: Map<string, number>;
  readonly #random: () => number;
  readonly #number: number;
  readonly #folder = new PointFolder();
  readonly #playing = new Map<string, Promise<void>>();
  readonly #underWay = new Set<Playing>();
  readonly #checks: Promise<void>[] = [];
  #acknowledged = 0;

  constructor(plan: KillPlan, course: Course, wanted: Map<string, number>, random: () => number, number: number) {
    this.#plan = plan;
    this.#course = course;
    this.#wanted = wanted;
    this.#random = random;
    this.#number = number;
  }

  get place(): string {
    return `folder ${this.#number} (${this.#folder.folder})`;
  }

  async run(): Promise<void> {
    try {
      await this.#folder.setUp();
      while (this.kills.length < this.#plan.killsPerFolder && this.problems.length === 0) {
        const point = this.#choose();
        if (point === undefined) break;
        if (!(await this.#killAt(point))) this.#misses(point);
        while (this.#underWay.size >= ACTS_AT_ONCE) await this.#oneFewer();
      }
      await this.#settle();
      this.lostAnswers = this.#folder.client.lostAnswers;
      this.problems.push(...(await this.#folder.client.missing(this.#folder.client.allFacts())));
      this.problems.push(...(await this.#folder.end()));
      if (this.problems.length === 0) this.#folder.remove();
    } finally {
      await this.#folder.close();
    }
  }

  /** Any of those that lack most; taken off the list at once, since other folders choose, too. */
  #choose(): string | undefined {
    const most = Math.max(...this.#wanted.values());
    if (most <= 0) return undefined;
    const points = [...this.#wanted].filter(([, count]) => count === most).map(([point]) => point);
    const point = points[Math.floor(this.#random() * points.length)] as string;
    this.#wanted.set(point, most - 1);
    return point;
  }

  #misses(point: string): void {
    const count = (this.missed.get(point) ?? 0) + 1;
    this.missed.set(point, count);
    if (count < MISSES_MAX) this.#wanted.set(point, (this.#wanted.get(point) ?? 0) + 1);
  }

  /** Whether the server came by there. */
  async #killAt(point: string): Promise<boolean> {
    const by = this.#course.points.get(point) ?? new Map<string, number>();
    const name = this.#actThrough(by);
    const actNamed = (wanted: string) => this.#plan.acts.find((one) => one.name === wanted);
    const act = actNamed(name);
    const times = Math.min(by.get(name) ?? 1, point === AMID_COMMIT || point === AMID_EFFECT ? 20 : 3);
    const doom: Doom = { point, nth: 1 + Math.floor(this.#random() * times) };
    if (!act) return this.#killInStart({ point, nth: 1 });
    await this.#folder.server.url();
    this.#folder.doom(doom);
    const played = this.#play(act);
    const isDead = await this.#deathOr(played);
    if (!isDead) {
      this.#folder.doom({ point, nth: 1 });
      if (!(await this.#deathOr(this.#play(actNamed(this.#actThrough(by)) ?? act)))) {
        this.#folder.spare();
        return false;
      }
    }
    await this.#afterDeath();
    return true;
  }

  /** One of those that pass a point; the more an act costs, the more seldom. */
  #actThrough(by: ReadonlyMap<string, number>): string {
    const weights = [...by.keys()].map((name) => [name, 1 / costOf(name, this.#plan.acts, this.#course)] as const);
    let left = this.#random() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of weights) {
      left -= weight;
      if (left <= 0) return name;
    }
    return START;
  }

  /** A restart passes it: the server that runs is ended at any moment, and the next one dies. */
  async #killInStart(doom: Doom): Promise<boolean> {
    await this.#folder.server.end('SIGKILL');
    await this.#folder.bury(); // not at a point: that is what kill.test.ts is for
    this.#folder.start(doom);
    const listened = await this.#folder.server.listening;
    const isDead = listened === undefined || (await this.#deathOr(delay(2_000)));
    if (!isDead) this.#folder.spare();
    else await this.#afterDeath();
    return isDead;
  }

  async #deathOr(other: Promise<void>): Promise<boolean> {
    const { server } = this.#folder;
    const hangs = delay(HANGS_AFTER_MS, 'hangs' as const, { ref: false });
    const first = await Promise.race([server.ended().then(() => 'dead' as const), other.then(() => 'over' as const), hangs]);
    if (first === 'hangs') throw new Error(`Nothing ends any more: ${[...this.#underWay].map(({ label }) => label).join(', ')}`);
    return first === 'dead' || !server.running;
  }

  async #afterDeath(): Promise<void> {
    const { client } = this.#folder;
    const inFlight = client.inFlight;
    const { point, problems } = await this.#folder.bury();
    this.problems.push(...problems);
    const acknowledged = client.acknowledged - this.#acknowledged;
    this.#acknowledged = client.acknowledged;
    const kill: Kill = { point, acts: this.#underWay.size, inFlight, acknowledged, lost: 0, twice: 0 };
    this.kills.push(kill);
    for (const playing of this.#underWay) playing.kills.push(kill);
    this.#folder.start();
    const recent = client.takeRecent();
    this.#checks.push(
      client.missing(recent).then((lost) => {
        kill.lost += lost.length;
        this.problems.push(...lost.map((line) => `Lost after the kill ${point}: ${line}`));
      }),
    );
  }

  #play(act: Act): Promise<void> {
    this.begun += 1;
    const playing: Playing = { act, label: labelOf(act, this.#number * 1000 + this.begun), kills: [] };
    this.#underWay.add(playing);
    const done = finish(act, this.#folder.client, playing.label).then(
      (left) => this.#judge(playing, left),
      (error: unknown) => {
        this.problems.push(`${this.#story(playing)}: ${String((error as Error).stack ?? error)}`);
      },
    );
    const over = done.finally(() => {
      this.#underWay.delete(playing);
      this.#playing.delete(playing.label);
    });
    this.#playing.set(playing.label, over);
    return over;
  }

  #judge(playing: Playing, left: unknown): void {
    const expected = this.#course.leaves.get(playing.act.name);
    if (isDeepStrictEqual(left, expected)) return;
    const differences = differencesOf(expected, left);
    const isTwice = differences.some((line) => /(?:^|\.)(?:starts|prepared|trained|startedTwice)/.test(line));
    for (const kill of playing.kills) if (isTwice) kill.twice += 1;
    this.problems.push(`${this.#story(playing)} left something else:\n  ${differences.join('\n  ')}`);
  }

  #story({ label, kills }: Playing): string {
    return `${label} through ${kills.map(({ point }) => `"${point}"`).join(', ') || 'no kill'}`;
  }

  async #oneFewer(): Promise<void> {
    await this.#within(Promise.race(this.#playing.values()));
  }

  async #settle(): Promise<void> {
    await this.#within(Promise.all(this.#playing.values()));
    await this.#within(Promise.all(this.#checks));
  }

  /** Also when the server dies once more, where it was told to before. */
  async #within(work: Promise<unknown>): Promise<void> {
    const over = work.then(() => 'over' as const);
    for (;;) {
      const hangs = delay(HANGS_AFTER_MS, 'hangs' as const, { ref: false });
      const first = await Promise.race([over, this.#folder.server.ended().then(() => 'dead' as const), hangs]);
      if (first === 'over') return;
      if (first === 'hangs')
        throw new Error(`Does not come to an end: ${[...this.#underWay].map((one) => this.#story(one)).join('; ')}`);
      await this.#afterDeath();
    }
  }
}

/** In effects and commits; a model server costs as much as many. */
function costOf(name: string, acts: readonly Act[], { points }: Course): number {
  const passed = (points.get(AMID_COMMIT)?.get(name) ?? 0) + (points.get(AMID_EFFECT)?.get(name) ?? 0);
  return 5 + passed + (acts.find((act) => act.name === name)?.heavy ? 100 : 0);
}

/** Paths at which two values differ, with both. */
function differencesOf(expected: unknown, found: unknown, path = ''): string[] {
  if (isDeepStrictEqual(expected, found)) return [];
  const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object';
  if (!isObject(expected) || !isObject(found)) {
    return [`${path}: expected ${JSON.stringify(expected)?.slice(0, 400)}, found ${JSON.stringify(found)?.slice(0, 400)}`];
  }
  const members = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...members].flatMap((member) => differencesOf(expected[member], found[member], path ? `${path}.${member}` : member));
}

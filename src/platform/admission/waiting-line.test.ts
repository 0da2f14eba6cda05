import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdmission } from './admission.ts';
import { type Reservation, timesHosts } from './port.ts';
import { createTurns, type Waiting } from './waiting-line.ts';

const ONE = { cpus: 1, memoryMiB: 64 };

/** A queue that runs `width` cores: each step ends the oldest one running, and tells who came in. */
class Queue {
  readonly #admission;
  #arrival = 0;
  #ended = 0;
  readonly #asked: string[] = [];
  readonly order: string[] = [];

  constructor(cpus: number) {
    this.#admission = createAdmission({ capacity: { cpus, memoryMiB: 4096 } });
    this.#admission.onAdmitted((id) => this.order.push(id));
  }

  add(owner: string, id: string, cpus = 1): void {
    this.#arrival += 1;
    this.#asked.push(id);
    const { admitted } = this.#admission.request(id, { owner, reservation: timesHosts(ONE, cpus), queuedAtMs: this.#arrival });
    if (admitted) this.order.push(id);
  }

  endOldest(): void {
    const oldest = this.order[this.#ended];
    this.#ended += 1;
    if (oldest !== undefined) this.#admission.release(oldest);
  }

  get waiting(): string[] {
    return this.#asked.filter((id) => !this.order.includes(id));
  }

  drain(): string {
    while (this.#ended < this.#asked.length) this.endOldest();
    return this.order.join(' ');
  }
}

test('executions take turns: one with many steps does not hold up one that comes later', () => {
  const queue = new Queue(1);
  for (let n = 1; n <= 5; n += 1) queue.add('a', `a${n}`);
  queue.add('b', 'b1');
  queue.add('b', 'b2');
  queue.add('c', 'c1');
  assert.equal(queue.drain(), 'a1 a2 b1 c1 a3 b2 a4 a5');
});

test('one owner alone is served in order', () => {
  const queue = new Queue(2);
  for (let n = 1; n <= 4; n += 1) queue.add('a', `a${n}`);
  assert.equal(queue.drain(), 'a1 a2 a3 a4');
});

test('several hosts come in together or not at all, and are not overtaken while they wait', () => {
  const queue = new Queue(2);
  queue.add('a', 'a1');
  queue.add('b', 'pair', 2);
  queue.add('c', 'c1');
  assert.deepEqual(queue.waiting, ['pair', 'c1']);
  queue.endOldest();
  assert.deepEqual(queue.order, ['a1', 'pair']);
  assert.equal(queue.drain(), 'a1 pair c1');
});

test('a big job does not starve under an endless stream of new executions with small jobs', () => {
  const queue = new Queue(2);
  queue.add('a', 'a1');
  queue.add('a', 'a2');
  queue.add('a', 'big', 2);
  for (let n = 0; n < 20 && queue.waiting.includes('big'); n += 1) {
    queue.add(`new-${n}`, `small-${n}`);
    queue.endOldest();
  }
  assert.ok(queue.order.includes('big') && queue.order.indexOf('big') <= 4, queue.order.join(' '));
});

test('a job with more hosts than the machine has cores gets in when it is alone', () => {
  const queue = new Queue(2);
  queue.add('a', 'a1');
  queue.add('b', 'many', 20);
  assert.deepEqual(queue.order, ['a1']);
  queue.endOldest();
  assert.deepEqual(queue.order, ['a1', 'many']);
});

/** Everything by looking at all requests: who comes next, and how many come before whom. */
class NaiveTurns {
  #entries: Waiting[] = [];
  #rounds = new Map<string, number>();
  #round = 0;

  /** In turn. */
  get line(): Waiting[] {
    const places: { entry: Waiting; round: number }[] = [];
    const next = new Map(this.#rounds);
    for (const entry of this.#entries.toSorted((a, b) => a.queuedAtMs - b.queuedAtMs || a.arrival - b.arrival)) {
      const round = next.get(entry.owner) as number;
      next.set(entry.owner, round + 1);
      places.push({ entry, round });
    }
    return places.sort((a, b) => a.round - b.round).map(({ entry }) => entry); // stable: within a round as before
  }

  add(entry: Waiting): void {
    if (!this.#rounds.has(entry.owner)) this.#rounds.set(entry.owner, this.#round + 1);
    this.#entries.push(entry);
  }

  takeFirst(): void {
    const first = this.line[0] as Waiting;
    const round = this.#rounds.get(first.owner) as number;
    this.#round = Math.max(this.#round, round);
    this.#rounds.set(first.owner, round + 1);
    this.remove(first);
  }

  remove(entry: Waiting): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (!this.#entries.some(({ owner }) => owner === entry.owner)) this.#rounds.delete(entry.owner);
  }
}

test('whatever comes, goes and is served: the line is the one that looking at everybody gives', () => {
  let seed = 42;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  for (let round = 0; round < 40; round += 1) {
    const [turns, naive] = [createTurns(), new NaiveTurns()];
    for (let n = 1; n <= 150; n += 1) {
      const line = naive.line;
      const act = random(8);
      const some = line[random(Math.max(1, line.length))];
      if (act < 4) {
        const queuedAtMs = random(3) === 0 ? random(n) : n; // now and then one that queued before others
        const entry = { id: `${n}`, reservation: ONE, queuedAtMs, arrival: n, owner: `owner-${random(5)}` };
        for (const each of [turns, naive]) each.add(entry);
      } else if (some && act < 6) for (const each of [turns, naive]) each.takeFirst();
      else if (some && act === 6) for (const each of [turns, naive]) each.remove(some);
      const after = naive.line;
      assert.equal(turns.first, after[0]);
      if (act === 7) for (const [at, entry] of after.entries()) assert.equal(turns.countAhead(entry), at);
    }
  }
});

/** How often `queuedAtMs` was read while requests came, asked why they wait, and were served: comparisons, whatever the machine. */
function looksPerRequest(count: number, owners: number): number {
  let looks = 0;
  const counted = (value: number): number => {
    const looked = () => {
      looks += 1;
      return value;
    };
    return { valueOf: looked } as unknown as number;
  };
  const admission = createAdmission({ capacity: { cpus: 1, memoryMiB: 4096 } });
  const admitted: string[] = [];
  admission.onAdmitted((id) => admitted.push(id));
  const wantedBy = (n: number): { reservation: Reservation; owner: string; queuedAtMs: number } => ({
    reservation: ONE,
    owner: `owner-${n % owners}`,
    queuedAtMs: counted(n),
  });
  admission.request('running', { reservation: ONE, queuedAtMs: 0 });
  for (let n = 0; n < count; n += 1) {
    const answer = admission.request(`job-${n}`, wantedBy(n));
    if (!answer.admitted) assert.match(answer.reason, /ahead$/);
  }
  for (let n = 0; n < count; n += 1) admission.release(n === 0 ? 'running' : (admitted[n - 1] as string));
  assert.equal(admitted.length, count);
  return looks / count;
}

test('what a request costs does not grow with those that wait, but with their logarithm', () => {
  for (const owners of [1, 40, 400]) {
    const [few, many] = [looksPerRequest(400, owners), looksPerRequest(6_400, owners)];
    assert.ok(many < few * 2, `${few} looks each with 400 waiting, ${many} with 6,400, of ${owners} owners`);
  }
});

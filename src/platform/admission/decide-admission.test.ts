import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AdmissionEntry, decideAdmission, NO_ROUNDS, type Rounds } from './decide-admission.ts';
import { timesHosts } from './port.ts';

const ONE = { cpus: 1, memoryMiB: 64 };
const CAPACITY = { cpus: 2, memoryMiB: 4096 };

/** A queue that runs `width` cores: each step ends the oldest one running, and tells who came in. */
class Queue {
  readonly #capacity: { cpus: number; memoryMiB: number };
  #entries: AdmissionEntry[] = [];
  #rounds: Rounds = NO_ROUNDS;
  #arrival = 0;
  readonly order: string[] = [];

  constructor(cpus: number) {
    this.#capacity = { ...CAPACITY, cpus };
  }

  add(owner: string, id: string, cpus = 1): void {
    this.#arrival += 1;
    const reservation = timesHosts(ONE, cpus);
    this.#entries.push({ id, owner, reservation, queuedAtMs: this.#arrival, arrival: this.#arrival, admitted: false });
    this.#admit();
  }

  #admit(): void {
    const { admit, rounds } = decideAdmission(this.#entries, this.#capacity, this.#rounds);
    this.#rounds = rounds;
    this.order.push(...admit);
    this.#entries = this.#entries.map((entry) => (admit.includes(entry.id) ? { ...entry, admitted: true } : entry));
  }

  endOldest(): void {
    const oldest = this.order.find((id) => this.#entries.some((entry) => entry.id === id && entry.admitted));
    this.#entries = this.#entries.filter(({ id }) => id !== oldest);
    this.#admit();
  }

  get waiting(): string[] {
    return this.#entries.filter(({ admitted }) => !admitted).map(({ id }) => id);
  }

  drain(): string {
    while (this.#entries.length > 0) this.endOldest();
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
  assert.ok(queue.order.indexOf('big') <= 4, queue.order.join(' '));
});

test('a job with more hosts than the machine has cores gets in when it is alone', () => {
  const queue = new Queue(2);
  queue.add('a', 'a1');
  queue.add('b', 'many', 20);
  assert.deepEqual(queue.order, ['a1']);
  queue.endOldest();
  assert.deepEqual(queue.order, ['a1', 'many']);
});

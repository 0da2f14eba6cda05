import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InputOf, OperationName } from '../../contract/operations.ts';
import type { AssumeForService } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import type { Calls, Room } from '../../platform/calls/operation.ts';
import { ACCOUNT, callsOf, REGION, type RoomCall } from '../../platform/calls/room-rig.ts';
import type { ServiceError } from '../../platform/errors/families.ts';
import { systemIds } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { OutgoingHttp, OutgoingRequest, OutgoingResult } from '../../platform/ports/outgoing-http.ts';
import { createReconcileLoop, type RunnableLoop } from '../../platform/reconcile/loop.ts';
import type { Store } from '../../platform/store/port.ts';
import { createSqliteStore } from '../../platform/store/sqlite/sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import { createNoticesRoom } from '../notices/room.ts';
import { createQueuesRoom } from '../queues/room.ts';
import { createEventsRoom } from './room.ts';

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A call that a notice made of an operation which no room of the rig has. */
export interface Heard {
  readonly name: OperationName;
  readonly principal: Principal;
  readonly input: Record<string, unknown>;
}

/** What stays over restarts: the folder, time, and what the world outside has seen. */
export class EventsWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-events-'));
  readonly clock: VirtualClock = createVirtualClock(Date.parse('2026-03-01T12:00:00Z'));
  readonly heard: Heard[] = [];
  readonly requests: OutgoingRequest[] = [];
  /** What addresses answer; the last answer stays. */
  answers: (number | 'unreachable')[] = [200];
  /** What a call outside of the rig does and answers. */
  act: (rig: EventsRig, heard: Heard) => Promise<Record<string, unknown>> = async () => ({});
  /** Errors that calls outside of the rig end with; the last one stays, `undefined` is success. */
  refusals: (ServiceError | undefined)[] = [undefined];

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One server's worth of events, notices and queues, which can die before or after each commit: nothing happens any more from there on. */
export class EventsRig {
  readonly store: Store;
  readonly loop: RunnableLoop;
  readonly call: RoomCall;
  readonly world: EventsWorld;
  steps = 0;
  readonly #died = Promise.withResolvers<void>();
  #dieAt = Number.POSITIVE_INFINITY;

  private constructor(world: EventsWorld) {
    this.world = world;
    const inner = createSqliteStore({ path: join(world.folder, 'slipway.db'), clock: world.clock });
    this.store = { ...inner, commit: (commit) => this.#orNever(() => inner.commit(commit)) };
    this.loop = createReconcileLoop({ store: this.store, clock: world.clock, log: SILENT });
    const rooms = this.#rooms();
    this.call = callsOf(
      rooms.flatMap(({ operations }) => operations),
      () => world.clock.now(),
    );
    for (const room of rooms) this.loop.register(room.reconcilers ?? []);
  }

  static async start(world: EventsWorld): Promise<EventsRig> {
    world.clock.advance(1); // no two servers live at one time
    const rig = new EventsRig(world);
    await rig.loop.start();
    return rig;
  }

  #rooms(): Room[] {
    const { world, store, loop } = this;
    const base = { store, clock: world.clock, ids: systemIds, loop };
    const outgoing: OutgoingHttp = {
      problemOf: (url) => (url.includes('169.254') ? 'It is a link-local or metadata address.' : undefined),
      send: async (request) => this.#answer(request),
    };
    const roles = {
      resolve: async (_account: string, effectiveRoleArn: string) => ({ effectiveRoleArn }),
      assume: async (request: AssumeForService): Promise<Principal> => roleSession(request),
    };
    const events = createEventsRoom({ ...base, roles, outgoing, sealingKey: 'ab'.repeat(32) });
    const queues = createQueuesRoom({ ...base, serverUrl: () => 'http://127.0.0.1:1' });
    const calls: Calls = {
      call: async (principal, { region, requestId }, name, input) => {
        const known = [events, queues].flatMap(({ operations }) => operations).some((one) => one.name === name);
        if (!known) return (await this.#hear(name, principal, input)) as never;
        return this.call(name, input, { principal, region, ...(requestId !== undefined && { requestId }) });
      },
    };
    const notices = createNoticesRoom({ ...base, calls, roles, outgoing, destinations: events.destinations });
    return [events, queues, notices];
  }

  #hear<N extends OperationName>(name: N, principal: Principal, input: InputOf<N>): Promise<Record<string, unknown>> {
    const { heard, refusals } = this.world;
    const call: Heard = { name, principal, input: input as Record<string, unknown> };
    heard.push(call);
    const refusal = refusals.length > 1 ? refusals.shift() : refusals[0];
    if (refusal) throw refusal;
    return this.world.act(this, call);
  }

  #answer(request: OutgoingRequest): OutgoingResult {
    const { requests, answers } = this.world;
    requests.push(request);
    const status = answers.length > 1 ? answers.shift() : answers[0];
    if (status === 'unreachable') return { outcome: 'failed', reason: 'unreachable', message: 'no route' };
    return { outcome: 'answered', status: status ?? 200, headers: {}, body: new Uint8Array(), truncated: false };
  }

  async #orNever<T>(act: () => Promise<T>): Promise<T> {
    const never = new Promise<never>(() => undefined);
    const dies = () => {
      if (this.steps < this.#dieAt) this.steps += 1;
      if (this.steps < this.#dieAt) return false;
      this.#died.resolve();
      return true;
    };
    if (dies()) return never;
    const result = await act();
    return dies() ? never : result;
  }

  /** Whether it died at that step from now on, rather than came to an end of `work` and of all that follows from it. */
  async dies(dieAt: number, work: () => Promise<unknown>): Promise<boolean> {
    this.#dieAt = this.steps + dieAt;
    const ended = work().then(() => this.loop.idle());
    return Promise.race([ended.then(() => false), this.#died.promise.then(() => true)]);
  }

  /** Lets time pass, and what becomes due with it happen. */
  async later(ms: number, stepMs = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.world.clock.advance(stepMs);
      await this.loop.idle();
    }
  }

  /** A queue, as its ARN. */
  async queue(name: string): Promise<string> {
    const fifo = name.endsWith('.fifo');
    await this.call('sqs:CreateQueue', { QueueName: name, Attributes: fifo ? { FifoQueue: 'true' } : {} });
    return `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
  }

  /** All that is in a queue, taken out of it. */
  async take(name: string): Promise<{ body: Record<string, unknown>; attributes: Record<string, string | undefined> }[]> {
    const QueueUrl = `http://127.0.0.1:1/${ACCOUNT}/${name}`;
    const taken: Awaited<ReturnType<EventsRig['take']>> = [];
    for (;;) {
      const { Messages = [] } = await this.call('sqs:ReceiveMessage', {
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
      });
      if (Messages.length === 0) return taken;
      for (const { Body = '', MessageAttributes = {}, ReceiptHandle = '' } of Messages) {
        const attributes = Object.entries(MessageAttributes).map(([key, { StringValue }]) => [key, StringValue]);
        taken.push({ body: JSON.parse(Body) as Record<string, unknown>, attributes: Object.fromEntries(attributes) });
        await this.call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle });
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.race([this.loop.stop(), this.#died.promise]);
    await this.store.close();
  }
}

const roleSession = ({ account, roleArn, sessionName, onBehalfOf, sessionPolicy }: AssumeForService): Principal => ({
  kind: 'role-session',
  account,
  arn: `arn:aws:sts::${account}:assumed-role/${roleArn.split('/').at(-1)}/${sessionName}`,
  userId: 'AROA',
  name: roleArn.split('/').at(-1) ?? '',
  ...(onBehalfOf !== undefined && { onBehalfOf }),
  ...(sessionPolicy && { sessionPolicy }),
});

/** Runs with a world and a server, both ended afterwards. */
export async function withEvents(run: (rig: EventsRig) => Promise<void>): Promise<void> {
  const world = new EventsWorld();
  const rig = await EventsRig.start(world);
  try {
    await run(rig);
  } finally {
    await rig.stop();
    world.end();
  }
}

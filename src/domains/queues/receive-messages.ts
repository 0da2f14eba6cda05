import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Commit, Write } from '../../platform/store/port.ts';
import { listRows, type Read } from '../../platform/store/typed-rows.ts';
import { attributeNumber } from './decide-attributes.ts';
import { type Candidate, planOrderedReceive, planReceive, type ReceivePlan } from './decide-receive.ts';
import { readQueue, type QueueRow } from './queue-access.ts';
import { deadLetterQueue, redriveOf } from './redrive.ts';
import { isFifo, MESSAGE_KIND, type MessageDocument, messageKey, queueArn } from './resources.ts';
import type { QueuesRoomPorts } from './ports.ts';

export interface Taken {
  readonly name: string;
  readonly document: MessageDocument;
}

/** One look for messages. */
export interface Look {
  readonly taken: readonly Taken[];
  /** When looking again is worthwhile even if nothing arrives. */
  readonly nextAtMs: number | undefined;
  readonly box: string;
}

/** How far a FIFO queue is searched behind groups that are in flight. */
const ORDERED_LOOK_ROWS = 1_000;
/** Others may have committed what was just read: looking again helps, but not for ever. */
const LOOKS_MAX = 64;

type Row = Read<MessageDocument> & Candidate;

/**
 * Hands out up to `messagesMax` messages: hidden from others in the commit that this waits for, so that none is handed out twice
 * within its visibility, also over the death of the server.
 */
export async function takeMessages(
  ports: QueuesRoomPorts,
  context: OperationContext,
  url: string,
  wanted: { readonly messagesMax: number; readonly visibilityMs: number | undefined },
): Promise<Look> {
  for (let count = 0; count < LOOKS_MAX; count += 1) {
    const queue = await readQueue(ports.store, context, url);
    const look = isFifo(queue.document)
      ? await inTurn(ports, queue.document.box, () => lookOnce(ports, queue, wanted))
      : await lookOnce(ports, queue, wanted);
    if (look) return look;
  }
  throw new ServiceError('ServiceUnavailable', 'Too many receivers of the same queue at once. Please reduce your request rate.');
}

/** Groups of a FIFO queue are in order only if its receives do not overlap. */
async function inTurn<T>({ turns }: QueuesRoomPorts, box: string, run: () => Promise<T>): Promise<T> {
  const before = turns.get(box);
  const own = (before ?? Promise.resolve()).then(run, run);
  turns.set(box, own);
  try {
    return await own;
  } finally {
    if (turns.get(box) === own) turns.delete(box);
  }
}

/** Undefined: what was read is no longer so. */
async function lookOnce(
  ports: QueuesRoomPorts,
  queue: QueueRow,
  wanted: { readonly messagesMax: number; readonly visibilityMs: number | undefined },
): Promise<Look | undefined> {
  const { box, attributes } = queue.document;
  const nowMs = ports.clock.now();
  const redrive = redriveOf(queue.document);
  const target = redrive && (await deadLetterQueue(ports.store, queue.key, redrive.targetArn));
  const ordered = isFifo(queue.document);
  const rows = await candidates(ports, queue, ordered ? ORDERED_LOOK_ROWS : wanted.messagesMax + ports.claimed.size + 1);
  const plan = (ordered ? planOrderedReceive<Row> : planReceive<Row>)(rows, {
    nowMs,
    messagesMax: wanted.messagesMax,
    retentionMs: attributeNumber(attributes, 'MessageRetentionPeriod') * 1000,
    receiveCountMax: target && redrive.receiveCountMax,
    claimed: ports.claimed,
  });
  if (plan.take.length + plan.expired.length + plan.dead.length === 0) return { taken: [], nextAtMs: plan.nextAtMs, box };
  const visibleAtMs = nowMs + (wanted.visibilityMs ?? attributeNumber(attributes, 'VisibilityTimeout') * 1000);
  const touched = [...plan.take, ...plan.expired, ...plan.dead];
  for (const { name } of touched) ports.claimed.add(name);
  try {
    const writes = plan.take.map((row) => takenWrite(row, nowMs, visibleAtMs));
    const { outcome } = await ports.store.commit(receiveCommit(ports, queue, target, plan, writes));
    if (outcome !== 'done') return undefined;
    const taken = writes.map(({ key, document }) => ({ name: key.name, document: document as MessageDocument }));
    // only dead or expired ones: there may be others behind them
    return taken.length > 0 ? { taken, nextAtMs: plan.nextAtMs, box } : undefined;
  } finally {
    for (const { name } of touched) ports.claimed.delete(name);
  }
}

async function candidates({ store }: QueuesRoomPorts, { key, document }: QueueRow, limit: number): Promise<Row[]> {
  const page = await listRows<MessageDocument>(store, {
    account: key.account,
    region: key.region,
    kind: MESSAGE_KIND,
    parent: document.box,
    sortBy: isFifo(document) ? 'name' : 'ordinal',
    order: 'ascending',
    limit,
  });
  return page.rows.map((row) => ({ ...row, name: row.key.name, visibleAtMs: row.index.ordinal ?? 0 }));
}

function takenWrite(row: Row, nowMs: number, visibleAtMs: number): Write & { readonly key: ResourceKey } {
  const document: MessageDocument = {
    ...row.document,
    receiveCount: row.document.receiveCount + 1,
    firstReceivedAtMs: row.document.firstReceivedAtMs ?? nowMs,
  };
  const { facet: _delayed, ...index } = row.index;
  return { key: row.key, document, index: { ...index, ordinal: visibleAtMs, modifiedAtMs: nowMs } };
}

function receiveCommit(
  ports: QueuesRoomPorts,
  queue: QueueRow,
  target: QueueRow | undefined,
  plan: ReceivePlan<Row>,
  writes: readonly Write[],
): Commit {
  const nowMs = ports.clock.now();
  const gone = [...plan.expired, ...plan.dead];
  const letters = target ? plan.dead.map((row) => deadLetter(ports, queue, target, row, nowMs)) : [];
  return {
    expect: [
      { key: queue.key, version: queue.version },
      ...(letters.length > 0 && target ? [{ key: target.key, version: target.version }] : []),
      ...[...plan.take, ...gone].map(({ key, version }) => ({ key, version })),
      ...letters.map(({ key }) => ({ key, version: 0 })),
    ],
    write: [...writes, ...letters],
    remove: gone.map(({ key }) => key),
  };
}

/** Keeps its id and when it was sent: its retention goes on. */
function deadLetter(ports: QueuesRoomPorts, queue: QueueRow, target: QueueRow, row: Row, nowMs: number): Write {
  const { box } = target.document;
  const { firstReceivedAtMs: _first, ...rest } = row.document;
  const document: MessageDocument = {
    ...rest,
    receiveCount: 0,
    sourceArn: queueArn({ account: queue.key.account, region: queue.key.region }, queue.document.name),
  };
  return {
    key: messageKey(target.key, `${box}/${ports.nextSequence(nowMs)}`),
    document,
    index: { parent: box, ordinal: nowMs, createdAtMs: row.index.createdAtMs, modifiedAtMs: nowMs },
  };
}

/** Takes messages, or waits for some until `untilMs`, as long as there is someone to hand them to. */
export async function awaitMessages(
  ports: QueuesRoomPorts,
  context: OperationContext,
  url: string,
  wanted: { readonly messagesMax: number; readonly visibilityMs: number | undefined; readonly untilMs: number },
): Promise<readonly Taken[] | 'too-many'> {
  const gone = context.client?.gone;
  for (;;) {
    const { box } = (await readQueue(ports.store, context, url)).document;
    const waiter = ports.waiters.enter(box);
    if (!waiter) return 'too-many';
    let taken: readonly Taken[] = [];
    try {
      for (;;) {
        const look = await takeMessages(ports, context, url, wanted);
        taken = look.taken;
        if (taken.length > 0 || ports.clock.now() >= wanted.untilMs) return taken;
        if (look.box !== box) break; // purged meanwhile: what arrives now is elsewhere
        const goesOn = await waiter.wait(Math.min(wanted.untilMs, look.nextAtMs ?? wanted.untilMs), gone);
        if (!goesOn) return [];
      }
    } finally {
      waiter.leave(taken.length > 0);
    }
  }
}

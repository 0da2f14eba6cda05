import { BackendError, ServiceError } from '../../src/platform/errors/families.ts';
import type { Held, PortFault } from './gate.ts';
import type { Fault, Swarm } from './swarm.ts';
import { Unanswered } from './unanswered.ts';

const MARK = 'injected by the simulator';

const unreachable = (): PortFault => ({ throws: new BackendError('unreachable', `Unreachable: ${MARK}.`, { retryable: true }) });
const storage = (): PortFault => ({
  throws: new BackendError('storage', `Input or output failed: ${MARK}.`, { retryable: true }),
});
const service = (code: 'ThrottlingException' | 'InternalFailure') => (): PortFault => ({
  throws: new ServiceError(code, `Rate exceeded or failed: ${MARK}.`),
});
/** `ask` throws nothing: its answers say what was wrong. */
const unasked = (kind: 'refused' | 'broken') => (): PortFault => ({ answers: { kind } });
/** The request or its answer is lost on the way. */
const unanswered = (): PortFault => ({ throws: new Unanswered(`Lost on the way: ${MARK}.`) });
const unknown = (): PortFault => ({ answers: { outcome: 'unknown', reason: MARK } });

interface Injection {
  readonly fault: Fault;
  readonly meets: (held: Held) => boolean;
  readonly make: () => PortFault;
}

const port =
  (name: string, side: Held['side'], but: readonly string[] = []) =>
  (held: Held) =>
    held.side === side && held.call.startsWith(`${name}.`) && !but.includes(held.call);

/** What each fault does to a call that waits at the gate. */
const INJECTIONS: readonly Injection[] = [
  { fault: 'commit fails', meets: ({ call, side }) => call === 'store.commit' && side === 'before', make: unknown },
  { fault: 'commit done, answer lost', meets: ({ call, side }) => call === 'store.commit' && side === 'after', make: unknown },
  { fault: 'read fails', meets: port('store', 'before', ['store.commit', 'store.close']), make: storage },
  { fault: 'call between rooms throttled', meets: port('calls', 'before'), make: service('ThrottlingException') },
  { fault: 'call between rooms done, answer lost', meets: port('calls', 'after'), make: service('InternalFailure') },
  { fault: 'backend unreachable', meets: port('backend', 'before', ['backend.ask']), make: unreachable },
  { fault: 'backend done, answer lost', meets: port('backend', 'after', ['backend.ask']), make: unreachable },
  {
    fault: 'backend unreachable',
    meets: ({ call, side }) => call === 'backend.ask' && side === 'before',
    make: unasked('refused'),
  },
  {
    fault: 'backend done, answer lost',
    meets: ({ call, side }) => call === 'backend.ask' && side === 'after',
    make: unasked('broken'),
  },
  { fault: 'object store fails', meets: port('blobs', 'before'), make: storage },
  { fault: 'object store done, answer lost', meets: port('blobs', 'after'), make: storage },
  { fault: 'router unreachable', meets: port('routes', 'after'), make: unreachable },
  { fault: 'log files fail', meets: port('logFiles', 'before'), make: storage },
  { fault: 'client hears nothing', meets: ({ call }) => call.startsWith('client.'), make: unanswered },
];

/** A fault of this swarm that can meet the held call; undefined when none can. */
export function faultFor(held: Held, swarm: Swarm): Injection | undefined {
  return INJECTIONS.find(({ fault, meets }) => swarm.faults.has(fault) && meets(held));
}

/** Whether an error is, or was caused by, something the simulator did. */
export function isInjected(error: unknown): boolean {
  for (let one = error, depth = 0; one instanceof Error && depth < 8; one = one.cause, depth += 1) {
    if (one.message.includes(MARK)) return true;
  }
  return false;
}

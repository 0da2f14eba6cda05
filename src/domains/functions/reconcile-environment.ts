import type { ReconcileResult, Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { ask } from './environment-client.ts';
import type { Environment, Environments } from './environments.ts';
import { environmentWrite } from './start-environment.ts';
import type { FunctionsPorts } from './ports.ts';
import { ENVIRONMENT_RECONCILER, type EnvironmentDocument, FUNCTION } from './resources.ts';

const END_LOOK_MS = 500;
const START_LOOK_MS = 2_000;
/** One that does not say how it is in time hangs. */
const ANSWER_MS = 2_000;

/** Minds the process behind a row until it is gone: takes it over after a restart, ends it when it is idle or of no use. */
export function createEnvironmentReconciler(ports: FunctionsPorts, environments: Environments): Reconciler {
  return { name: ENVIRONMENT_RECONCILER, reconcile: (key) => reconcile(ports, environments, key) };
}

async function reconcile(ports: FunctionsPorts, environments: Environments, key: ResourceKey): Promise<ReconcileResult> {
  const { store, backend, clock } = ports;
  const row = await readRow<EnvironmentDocument>(store, key);
  const known = environments.find(key);
  if (!row) {
    // one that could not be recorded, or is not yet
    if (known?.status === 'ending') environments.forget(key);
    return undefined;
  }
  const { workId } = row.document;
  const status = await backend.status(workId);
  if (status.phase === 'ended') {
    environments.noteGone(key, status);
    await backend.release(workId);
    return remove(ports, environments, key);
  }
  if (status.phase === 'absent') {
    if (known?.status === 'busy') return { retryAtMs: clock.now() + START_LOOK_MS };
    environments.noteGone(key, { phase: 'ended', reason: 'lost', endedAtMs: clock.now(), isolation: 'none' });
    // what a server handed over just before it died may yet be claimed: without its folder it cannot
    await backend.release(workId);
    return remove(ports, environments, key);
  }
  const environment = known ?? environments.adopt(key, row.document);
  if (environment.status === 'found') await recognise(ports, environments, environment);
  if (environment.status === 'idle') await judgeIdle(ports, environments, environment);
  if (environment.status === 'ending') {
    await endEnvironment(ports, key);
    return { retryAtMs: clock.now() + END_LOOK_MS };
  }
  return environment.status === 'idle' ? { retryAtMs: environment.usedAtMs + environments.idleMs } : undefined;
}

/** Written down first, so that no server takes it for one of use while it ends. */
export async function endEnvironment({ store, backend }: FunctionsPorts, key: ResourceKey): Promise<void> {
  const workId = await decideAndCommit(store, async () => {
    const row = await readRow<EnvironmentDocument>(store, key);
    if (!row || row.document.ending) return { result: row?.document.workId };
    return {
      result: row.document.workId,
      commit: {
        expect: [{ key, version: row.version }],
        write: [environmentWrite(key, { ...row.document, ending: true })],
      },
    };
  });
  if (workId !== undefined) await backend.stop(workId);
}

/** One of an earlier process of the server: of use unless it still runs what nobody waits for any more. */
async function recognise(ports: FunctionsPorts, environments: Environments, environment: Environment): Promise<void> {
  const given = new AbortController();
  const cancel = ports.clock.at(ports.clock.now() + ANSWER_MS, () => given.abort());
  const answer = await ask(ports.backend, environment.document.workId, { method: 'GET', path: '/state', signal: given.signal });
  cancel();
  if (environment.status !== 'found') return; // claimed meanwhile
  const { running } = JSON.parse(answer?.body.toString('utf8') || '{"running":"?"}') as { running: string | null };
  environments.release(environment, running === null);
}

async function judgeIdle(ports: FunctionsPorts, environments: Environments, environment: Environment): Promise<void> {
  const { key, document, usedAtMs } = environment;
  const fn = await ports.store.get(keyOf(FUNCTION, key, document.functionName));
  if (environment.status !== 'idle') return; // in use again
  if (!fn || ports.clock.now() >= usedAtMs + environments.idleMs) environments.discard(environment);
}

/** A conflict or a lost answer needs nothing: the timer is still there, and the next look does it again. */
async function remove({ store, clock }: FunctionsPorts, environments: Environments, key: ResourceKey): Promise<ReconcileResult> {
  const { outcome } = await store.commit({
    expect: [],
    remove: [key],
    timers: [{ reconciler: ENVIRONMENT_RECONCILER, key, dueAtMs: null }],
  });
  if (outcome !== 'done') return { retryAtMs: clock.now() + END_LOOK_MS };
  environments.forget(key);
  return undefined;
}

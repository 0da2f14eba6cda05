import type { Clock } from '../../platform/clock.ts';
import type { WorkBackend } from '../../platform/ports/work.ts';

/** AWS: a container answers its ping within two seconds. */
const PING_TIMEOUT_MS = 2_000;

/** Whether a model server answers GET /ping with 200 in time; never throws. */
export async function ping(
  ports: { readonly backend: Pick<WorkBackend, 'ask'>; readonly clock: Clock },
  workId: string,
): Promise<boolean> {
  const { backend, clock } = ports;
  const given = new AbortController();
  const cancel = clock.at(clock.now() + PING_TIMEOUT_MS, () => given.abort());
  const answer = await backend.ask(workId, { method: 'GET', path: '/ping', signal: given.signal });
  cancel();
  given.abort(); // nobody reads what else it says
  return answer.kind === 'answered' && answer.status === 200;
}

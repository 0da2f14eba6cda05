import type { EndpointRoute } from '../platform/ports/routes.ts';
import { modelError, notReady, type RuntimeFault } from './answer.ts';
import type { Attempt } from './attempt.ts';

/** What a client hears of an attempt without an answer. */
export function faultOf(failed: Exclude<Attempt, { kind: 'answered' }>, route: EndpointRoute): RuntimeFault {
  if (failed.kind === 'fault') return failed.fault;
  const { kind, container } = failed;
  const place = { account: route.account, region: route.region, endpoint: route.name };
  if (kind === 'late') {
    const text = `Your invocation timed out while waiting for a response from container ${container}. Look at its log for what it was doing.`;
    return modelError(place, container, 0, text);
  }
  if (kind === 'refused') return notReady(route.name);
  return modelError(place, container, 0, `The connection was closed by container ${container} before it answered.`);
}

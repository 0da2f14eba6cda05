import type { WorkEnd, WorkStatus } from '../../platform/ports/work.ts';
import { decideEnd, type EndEvidence } from './decide-end.ts';

/** What is to be done with a transform job, by the state of its works. Pure. */

export interface TransformHostStatus {
  readonly driver: WorkStatus;
  readonly servers: readonly WorkStatus[];
}

export type TransformView =
  /** Some works are not started yet. */
  | { readonly step: 'begin' }
  /** Works that run must be told to end: the job has failed, is to stop, or its answers are all there. */
  | { readonly step: 'stop' }
  | { readonly step: 'run'; readonly startedAtMs?: number }
  | { readonly step: 'ended' };

export function decideTransform(hosts: readonly TransformHostStatus[], ending: boolean): TransformView {
  const works = hosts.flatMap(({ driver, servers }) => [driver, ...servers]);
  const live = works.some(({ phase }) => phase === 'running' || phase === 'preparing');
  const finished = hosts.every(({ driver }) => driver.phase === 'ended');
  if (ending || finished || hosts.some(hasFailed)) return { step: live ? 'stop' : 'ended' };
  // a driver that is done needs its servers no more, and they are not started again
  if (
    hosts.some(({ driver, servers }) => driver.phase !== 'ended' && [driver, ...servers].some(({ phase }) => phase === 'absent'))
  )
    return { step: 'begin' };
  const starts = hosts.map(({ driver }) => ('startedAtMs' in driver ? driver.startedAtMs : undefined));
  const started = starts.filter((time) => time !== undefined);
  return started.length === hosts.length ? { step: 'run', startedAtMs: Math.min(...started) } : { step: 'run' };
}

/** One failed host fails the job, but a bad record of one lets the others go on. */
function hasFailed({ driver, servers }: TransformHostStatus): boolean {
  if (driver.phase === 'ended') return !(driver.reason === 'exited' && (driver.exitCode === 0 || driver.exitCode === 1));
  return servers.some(({ phase }) => phase === 'ended');
}

/** The end that decides the job's: of a driver or of a model server of a host. */
export interface Cause {
  readonly host: number;
  /** Position of the model server; undefined: the driver. */
  readonly server?: number;
  readonly end: WorkEnd;
}

/**
 * What the job failed of; undefined when every driver succeeded. A model server that ended by itself explains what its driver met;
 * among several the first counts.
 */
export function findCause(hosts: readonly TransformHostStatus[]): Cause | undefined {
  const causes = hosts.flatMap(({ driver, servers }, host): Cause[] => {
    if (driver.phase === 'ended' && driver.reason === 'exited' && driver.exitCode === 0) return [];
    const own = servers.flatMap((end, server) =>
      end.phase === 'ended' && end.reason !== 'stopped' ? [{ host, server, end }] : [],
    );
    return own.length > 0 ? own : driver.phase === 'ended' ? [{ host, end: driver }] : [];
  });
  const told = (cause: Cause) => (cause.end.reason === 'stopped' ? 1 : 0); // ended for another's sake
  return causes.toSorted((a, b) => told(a) - told(b) || a.end.endedAtMs - b.end.endedAtMs)[0];
}

/**
 * Why a job failed whose driver ended as `end`. A transform has no time limit of its own to be `Stopped` by, only the service's, and one that
 * met it would meet it again: no fault of ours that is worth another attempt.
 */
export function driverFailure(end: WorkEnd, evidence: EndEvidence): string {
  if (end.reason === 'max-runtime')
    return 'ClientError: The transform job ran longer than 28 days. Split its input among several jobs.';
  return decideEnd(end, evidence).failureReason ?? `InternalServerError: The transform driver ended (${end.reason}).`;
}

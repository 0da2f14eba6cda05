import type { WorkEnd, WorkStatus } from '../../platform/ports/work.ts';

/** A job's hosts `algo-1..N`: each is a piece of work of its own, and together they are one job. Pure. */

/** More would wait for each other on one machine. */
export const HOSTS_MAX = 20;

export interface JobHost {
  /** `algo-1` */
  readonly name: string;
  readonly workId: string;
}

/** Names in the order of the platform's files: sorted as text, `algo-1` always first. */
export const hostNames = (count: number): string[] => Array.from({ length: count }, (_, n) => `algo-${n + 1}`).toSorted();

/** Deterministic names: of a job on one host its own work id, of several one each; another attempt has others. */
export function planHosts(job: { readonly workId: string; readonly attempt?: number }, count: number): JobHost[] {
  const base = job.attempt ? `${job.workId}-r${job.attempt}` : job.workId;
  if (count === 1) return [{ name: 'algo-1', workId: base }];
  return hostNames(count).map((name) => ({ name, workId: `${base}-${name.slice('algo-'.length)}` }));
}

/** The work of all attempts, for what must be forgotten at the end. */
export const workIdsOf = (job: { readonly workId: string; readonly attempt?: number }, count: number): string[] =>
  Array.from({ length: (job.attempt ?? 0) + 1 }, (_, attempt) => planHosts({ ...job, attempt }, count)).flatMap((hosts) =>
    hosts.map(({ workId }) => workId),
  );

export interface HostStatus {
  readonly host: JobHost;
  readonly status: WorkStatus;
}

export type HostsView =
  /** Some have no work yet, and nothing speaks against it. */
  | { readonly step: 'begin' }
  /** These must be told to end: one has failed, or the job is to stop. */
  | { readonly step: 'stop'; readonly live: readonly JobHost[] }
  /** All that are to run are on their way; `startedAtMs` once the last of them has started. */
  | { readonly step: 'run'; readonly startedAtMs?: number; readonly isolation: string }
  | { readonly step: 'ended'; readonly end: WorkEnd; readonly host: JobHost }
  /** Wanted to end before any host had a process. */
  | { readonly step: 'never-ran' };

export interface HostsWish {
  /** A stop was asked for, or the job cannot go on. */
  readonly ending: boolean;
  readonly runtimeSeconds: number;
}

/** What is to be done with a job, by the state of its hosts: one that fails ends the others. */
export function decideHosts(hosts: readonly HostStatus[], wish: HostsWish): HostsView {
  const ended = hosts.flatMap(({ host, status }) => (status.phase === 'ended' ? [{ host, end: status }] : []));
  const live = hosts.filter(({ status }) => status.phase === 'running' || status.phase === 'preparing');
  if (wish.ending || ended.some(({ end }) => !endedWell(end))) {
    if (live.length > 0) return { step: 'stop', live: live.map(({ host }) => host) };
    return ended.length > 0 ? { step: 'ended', ...mergeEnds(ended, wish.runtimeSeconds) } : { step: 'never-ran' };
  }
  if (hosts.some(({ status }) => status.phase === 'absent')) return { step: 'begin' };
  if (live.length === 0) return { step: 'ended', ...mergeEnds(ended, wish.runtimeSeconds) };
  const starts = hosts.map(({ status }) => ('startedAtMs' in status ? status.startedAtMs : undefined));
  const isolation =
    hosts.map(({ status }) => ('isolation' in status ? status.isolation : undefined)).find((one) => one) ?? 'none';
  return starts.includes(undefined)
    ? { step: 'run', isolation }
    : { step: 'run', isolation, startedAtMs: earliest(starts.map(Number)) };
}

const endedWell = (end: WorkEnd): boolean => end.reason === 'exited' && end.exitCode === 0;

const earliest = (times: readonly number[]): number => Math.min(...times);

interface HostEnd {
  readonly host: JobHost;
  readonly end: WorkEnd;
}

/**
 * The end of the job: that of the host which failed first, since others fail for want of it or were ended for it; from the first
 * start to the last end.
 */
function mergeEnds(ends: readonly HostEnd[], runtimeSeconds: number): { readonly end: WorkEnd; readonly host: JobHost } {
  const [first] = ends
    .filter(({ end }) => !endedWell(end))
    .toSorted((a, b) => weight(a.end) - weight(b.end) || causedAtMs(a.end, runtimeSeconds) - causedAtMs(b.end, runtimeSeconds));
  const { host, end } = first ?? (ends[0] as HostEnd);
  const starts = ends.map(({ end: { startedAtMs } }) => startedAtMs).filter((time) => time !== undefined);
  return {
    host,
    end: {
      ...end,
      endedAtMs: Math.max(...ends.map(({ end: { endedAtMs } }) => endedAtMs)),
      ...(starts.length > 0 && { startedAtMs: earliest(starts) }),
    },
  };
}

/** Ends that were asked for are no cause. */
const weight = (end: WorkEnd): number => (end.reason === 'stopped' ? 1 : 0);

/** A host out of time was told so at its time, however long it took to end. */
const causedAtMs = ({ reason, startedAtMs, endedAtMs }: WorkEnd, runtimeSeconds: number): number =>
  reason === 'max-runtime' && startedAtMs !== undefined ? startedAtMs + runtimeSeconds * 1000 : endedAtMs;

import type { Row } from '../../../src/platform/store/port.ts';
import { type Check, keyOfArn, memberOf, shown, textOf, type Watched } from './check.ts';
import { isSettled } from './statuses.ts';

/** More than a call that failed waits before it is made again, less than the looks that would find what was forgotten. */
const SOON_MS = 150_000;
const JOBS = ['TrainingJob', 'ProcessingJob', 'TransformJob'] as const;

/**
 * Ends are told, not polled for; slow looks behind that would hide that one was not heard. Looked at once faults have stopped, when
 * time passes only if nothing else can happen.
 */
export function checkAttendedInTime({ disk, works, nowMs, faults }: Watched): Check {
  let [faultCount, faultAtMs] = [0, -1];
  let calmSinceMs = Number.POSITIVE_INFINITY;
  let lookedAtMs = 0;
  // what a fault kept from being done waits for the slow look, and may
  const isLate = (sinceMs: unknown): boolean =>
    typeof sinceMs === 'number' && sinceMs > faultAtMs && nowMs() - Math.max(sinceMs, calmSinceMs) > SOON_MS;
  // a step that is tried again may come to a job that ended long ago
  const executingSinceMs = new Map<string, number>();
  const unheard = ({ key, document }: Row): string[] => {
    if (textOf(document, 'status') !== 'Executing') return [];
    const kind = JOBS.find((one) => textOf(document, 'metadata', one, 'Arn') !== undefined);
    const job = kind && disk.rows.get(keyOfArn(textOf(document, 'metadata', kind, 'Arn') ?? '', kind));
    if (!job || !isSettled(job.key.kind, job.document)) return [];
    const sinceMs = Math.max(Number(memberOf(job.document, 'endedAtMs')), executingSinceMs.get(shown(key)) ?? 0);
    return isLate(sinceMs)
      ? [`${shown(key)} is Executing, though ${shown(job.key)} has ended: unheard for ${nowMs() - sinceMs} ms`]
      : [];
  };
  const unnoticed = ({ key, document }: Row): string[] => {
    const [base, attempt] = [textOf(document, 'workId') ?? '', memberOf(document, 'attempt')];
    const id = typeof attempt === 'number' && attempt > 0 ? `${base}-r${attempt}` : base;
    const endedAtMs = works.get(id)?.end?.endedAtMs;
    if (isSettled(key.kind, document) || endedAtMs === undefined || !isLate(endedAtMs)) return [];
    return [`${shown(key)} is ${textOf(document, 'status')}, though its work ended ${nowMs() - endedAtMs} ms ago`];
  };
  const unattended = (row: Row): string[] =>
    isSettled(row.key.kind, row.document)
      ? disk
          .timersOf(row.key)
          .filter(({ dueAtMs }) => isLate(dueAtMs))
          .map(({ reconciler, dueAtMs }) => `${reconciler} of ${shown(row.key)} was due ${nowMs() - dueAtMs} ms ago`)
      : [];
  return {
    promise: 'whoever waits for an end or a time is woken by it, without a slow look',
    onCalm(isCalm) {
      calmSinceMs = isCalm ? nowMs() : Number.POSITIVE_INFINITY;
      return [];
    },
    onCommit({ changes }) {
      for (const { key, before, after } of changes) {
        if (key.kind !== 'PipelineExecutionStep') continue;
        if (textOf(after?.document, 'status') !== 'Executing') executingSinceMs.delete(shown(key));
        else if (textOf(before?.document, 'status') !== 'Executing') executingSinceMs.set(shown(key), nowMs());
      }
      return [];
    },
    afterEvent() {
      if (faults() !== faultCount) [faultCount, faultAtMs] = [faults(), nowMs()];
      if (nowMs() === lookedAtMs || nowMs() - calmSinceMs <= SOON_MS) return [];
      lookedAtMs = nowMs();
      return [
        ...[...disk.rows.all('PipelineExecutionStep')].flatMap(unheard),
        ...JOBS.flatMap((kind) => [...disk.rows.all(kind)].flatMap((row) => [...unattended(row), ...unnoticed(row)])),
      ];
    },
  };
}

import type { BuildPhase, PhaseContext, StatusType } from '../../contract/generated/codebuild.ts';

/** The phases of a build, in the order in which CodeBuild names them. Pure. */

type PhaseName =
  | 'SUBMITTED'
  | 'QUEUED'
  | 'PROVISIONING'
  | 'DOWNLOAD_SOURCE'
  | 'INSTALL'
  | 'PRE_BUILD'
  | 'BUILD'
  | 'POST_BUILD'
  | 'UPLOAD_ARTIFACTS'
  | 'FINALIZING'
  | 'COMPLETED';

const DRIVEN: readonly string[] = ['DOWNLOAD_SOURCE', 'INSTALL', 'PRE_BUILD', 'BUILD', 'POST_BUILD', 'UPLOAD_ARTIFACTS'];

/** CodeBuild writes a context without content where nothing is to be said. */
const NOTHING: PhaseContext = { statusCode: '', message: '' };

export const begun = (phaseType: PhaseName, atMs: number): BuildPhase => ({ phaseType, startTime: atMs });

/** The last phase with its end; one that has ended stays as it is. */
export function ended(
  phases: readonly BuildPhase[],
  status: StatusType,
  atMs: number,
  context: PhaseContext = NOTHING,
): BuildPhase[] {
  const last = phases.at(-1);
  if (!last || last.phaseStatus !== undefined) return [...phases];
  const endTime = Math.max(atMs, last.startTime ?? atMs);
  const durationInSeconds = Math.floor((endTime - (last.startTime ?? endTime)) / 1000);
  return [...phases.slice(0, -1), { ...last, phaseStatus: status, endTime, durationInSeconds, contexts: [context] }];
}

/** The next phase; what is open ends well. */
export const next = (phases: readonly BuildPhase[], phase: PhaseName, atMs: number): BuildPhase[] => [
  ...ended(phases, 'SUCCEEDED', atMs),
  begun(phase, atMs),
];

export const currentPhaseOf = (phases: readonly BuildPhase[]): string => phases.at(-1)?.phaseType ?? 'SUBMITTED';

/** All that was open ends so, and the build is complete. Without an own phase for its end, FINALIZING stands for it. */
export function closed(phases: readonly BuildPhase[], status: StatusType, atMs: number, context?: PhaseContext): BuildPhase[] {
  const done = ended(phases, status, atMs, context);
  const finalizing = done.at(-1)?.phaseType === 'FINALIZING' ? done : next(done, 'FINALIZING', atMs);
  return [...ended(finalizing, 'SUCCEEDED', atMs), { ...begun('COMPLETED', atMs) }];
}

/** What a driver wrote down (runtimes/build/driver/records.py). */
export interface BuildRecords {
  readonly phases: readonly BuildPhase[];
  readonly startedAtMs?: number;
  readonly sourceVersion?: string;
  readonly exported?: readonly { readonly name: string; readonly value: string }[];
  /** Place of an artifact to the name its buildspec gave it. */
  readonly artifacts: ReadonlyMap<string, { readonly name?: string }>;
  /** Numbers of reports to the paths of their files. */
  readonly reports: ReadonlyMap<number, readonly string[]>;
  readonly cached: boolean;
  readonly end?: 'SUCCEEDED' | 'FAILED';
}

/** Code in a build can write these lines too, about its own build only: what makes no sense is left out. */
export function readRecords(text: string): BuildRecords {
  let phases: BuildPhase[] = [];
  let sourceVersion: string | undefined;
  let exported: BuildRecords['exported'];
  let end: BuildRecords['end'];
  let cached = false;
  let startedAtMs: number | undefined;
  const artifacts = new Map<string, { readonly name?: string }>();
  const reports = new Map<number, readonly string[]>();
  for (const record of lines(text)) {
    const atMs = typeof record['t'] === 'number' && Number.isSafeInteger(record['t']) ? record['t'] : 0;
    startedAtMs ??= atMs;
    const phase = textOf(record['phase']);
    if (record['kind'] === 'begin' && DRIVEN.includes(phase) && !phases.some(({ phaseType }) => phaseType === phase)) {
      phases = next(phases, phase as PhaseName, atMs);
    } else if (record['kind'] === 'finish' && phases.at(-1)?.phaseType === phase) {
      phases = ended(phases, record['status'] === 'FAILED' ? 'FAILED' : 'SUCCEEDED', atMs, contextOf(record['contexts']));
    } else if (record['kind'] === 'source') sourceVersion = textOf(record['version']).slice(0, 200);
    else if (record['kind'] === 'exported') exported = variablesOf(record['variables']);
    else if (record['kind'] === 'artifact') artifacts.set(textOf(record['place']), nameOf(record['name']));
    else if (record['kind'] === 'report') reports.set(Number(textOf(record['index'])), textsOf(record['files']));
    else if (record['kind'] === 'cache') cached = true;
    else if (record['kind'] === 'end') end = record['status'] === 'SUCCEEDED' ? 'SUCCEEDED' : 'FAILED';
  }
  return {
    phases,
    artifacts,
    reports,
    cached,
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(sourceVersion !== undefined && { sourceVersion }),
    ...(exported && { exported }),
    ...(end && { end }),
  };
}

/** A driver writes some dozens; they are read every few seconds. */
const LINES_MAX = 2_000;

function* lines(text: string): Generator<Readonly<Record<string, unknown>>> {
  let from = 0;
  for (let count = 0; count < LINES_MAX; count += 1) {
    const end = text.indexOf('\n', from);
    if (end < 0) return; // the last one may be only half written
    const value = end === from ? undefined : parsed(text.slice(from, end));
    if (typeof value === 'object' && value !== null) yield value as Readonly<Record<string, unknown>>;
    from = end + 1;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const NAME_CHARS_MAX = 255;
const PATH_CHARS_MAX = 1024;

/** Of text and numbers: a list in lists without end has no text. */
const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

function contextOf(value: unknown): PhaseContext {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  const { statusCode, message } = (first ?? {}) as { statusCode?: unknown; message?: unknown };
  return { statusCode: textOf(statusCode).slice(0, 100), message: textOf(message).slice(0, 4096) };
}

const variablesOf = (value: unknown): { name: string; value: string }[] =>
  (Array.isArray(value) ? (value as { name?: unknown; value?: unknown }[]) : [])
    .slice(0, 100)
    .map((one) => ({ name: textOf(one?.name).slice(0, NAME_CHARS_MAX), value: textOf(one?.value).slice(0, 5 * 1024) }));

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? (value as unknown[]).map((one) => textOf(one).slice(0, PATH_CHARS_MAX)) : [];

const nameOf = (value: unknown): { readonly name?: string } => (typeof value === 'string' && value !== '' ? { name: value } : {});

/** The server's own phases, then the driver's. */
export function merged(own: readonly BuildPhase[], { phases, startedAtMs }: BuildRecords): BuildPhase[] {
  const before = own.filter(({ phaseType }) => !DRIVEN.includes(phaseType ?? ''));
  const after = before.filter(({ phaseType }) => phaseType === 'FINALIZING' || phaseType === 'COMPLETED');
  const head = before.filter((phase) => !after.includes(phase));
  return [...(phases.length > 0 ? ended(head, 'SUCCEEDED', startedAtMs ?? 0) : head), ...phases, ...after];
}

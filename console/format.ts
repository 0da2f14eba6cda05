/** Texts for people, made of what the API says. Times on the wire are epoch seconds. */

const MOODS: Readonly<Record<string, string>> = {
  Succeeded: 'ok',
  Completed: 'ok',
  InService: 'ok',
  Approved: 'ok',
  Failed: 'bad',
  Rejected: 'bad',
  OutOfService: 'bad',
  UpdateRollbackFailed: 'bad',
  CompletedWithFailures: 'bad',
  Executing: 'busy',
  InProgress: 'busy',
  Starting: 'busy',
  Creating: 'busy',
  Updating: 'busy',
  SystemUpdating: 'busy',
  RollingBack: 'busy',
  Stopping: 'wait',
  Stopped: 'wait',
  Deleting: 'wait',
  PendingManualApproval: 'wait',
  Abandoned: 'wait',
  Cancelled: 'wait',
  SUCCEEDED: 'ok',
  FAILED: 'bad',
  FAULT: 'bad',
  TIMED_OUT: 'bad',
  ERROR: 'bad',
  IN_PROGRESS: 'busy',
  QUEUED: 'busy',
  GENERATING: 'busy',
  STOPPED: 'wait',
  ENABLED: 'ok',
  DISABLED: 'wait',
};

/** Which colour a status has; empty for none yet. */
export const moodOf = (status: string | undefined): string => MOODS[status ?? ''] ?? '';

/** `2026-03-01 09:30:00 UTC`. */
export const timeText = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** `0.4 s`, `42 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`; empty before the start. */
export function durationText(
  fromSeconds: number | undefined,
  toSeconds: number | undefined,
  nowSeconds = Date.now() / 1000,
): string {
  if (!fromSeconds) return '';
  const exact = Math.max(0, (toSeconds ?? nowSeconds) - fromSeconds);
  if (exact < 9.95) return joined(exact.toFixed(1), 's');
  const seconds = Math.round(exact);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (minutes === 0) return joined(seconds, 's');
  if (hours === 0) return joined(minutes, 'min', two(seconds % 60), 's');
  if (hours < 48) return joined(hours, 'h', two(minutes % 60), 'min');
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** Not broken over two lines. */
const joined = (...parts: readonly (string | number)[]): string => parts.join('\u00a0');
const two = (value: number): string => String(value).padStart(2, '0');

/** The last part of an ARN or path. */
export const lastPart = (arn: string | undefined): string => arn?.split('/').at(-1) ?? '';

/** `GROUP/N` of a version, the name of an unversioned package. */
export const packageName = (arn: string | undefined): string => arn?.split(':model-package/')[1] ?? arn ?? '';

/** The versions of models that a text names. */
export const packagesIn = (text: string): string[] =>
  text.match(/arn:aws:sagemaker:[a-z0-9-]*:\d{12}:model-package\/[a-zA-Z0-9-]+\/\d+/g) ?? [];

/** The first characters of a commit's id; other revisions stay as they are. */
export const shortRevision = (id: string | undefined): string => (id && /^[0-9a-f]{40}$/.test(id) ? id.slice(0, 8) : (id ?? ''));

/** A word of a command line for a POSIX shell, quoted where needed: names of logs may have any characters. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** The first part of a UUID. */
export const shortId = (id: string | undefined): string => id?.split('-')[0] ?? '';

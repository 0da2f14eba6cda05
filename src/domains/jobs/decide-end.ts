import type { WorkEnd } from '../../platform/ports/work.ts';
import type { JobStatus } from './resources.ts';

/** AWS's limit of FailureReason and ExitMessage. */
export const REASON_CHARS_MAX = 1024;

/** What the job left besides its exit code. */
export interface EndEvidence {
  /** Start of /opt/ml/output/failure (training), as the job wrote it. */
  readonly failureText?: string;
  /** The last lines of the log, oldest first. */
  readonly lastLines: readonly string[];
  readonly memoryMiB: number;
  /** Which of several hosts the end is of. */
  readonly host?: string;
  /** A stop was asked for. */
  readonly stopping: boolean;
}

export interface EndDecision {
  readonly status: Extract<JobStatus, 'Completed' | 'Failed' | 'Stopped'>;
  readonly failureReason?: string;
  /** The job ran out of its time. */
  readonly timedOut: boolean;
}

/**
 * How a job's end reads: AWS's prefix, then what the job wrote to its failure file, else the last lines of its log. Pure.
 */
export function decideEnd(end: WorkEnd, evidence: EndEvidence): EndDecision {
  const host = evidence.host === undefined ? '' : `${evidence.host}: `;
  switch (end.reason) {
    case 'max-runtime':
      return { status: 'Stopped', timedOut: true };
    case 'stopped':
      return { status: 'Stopped', timedOut: false };
    case 'lost':
      return failed(`InternalServerError: ${host}${end.message ?? 'The job was lost.'}`);
    case 'failed-to-start':
      return evidence.stopping
        ? { status: 'Stopped', timedOut: false }
        : failed(`ClientError: The job could not be started: ${host}${end.message ?? 'unknown reason'}`);
    case 'out-of-memory':
      return failed(
        algorithmError(
          `${host}The job used more than ${evidence.memoryMiB} MiB of memory. Please use an instance type with more memory, or reduce the size of job data processed on an instance.`,
          end.exitCode ?? 137,
        ),
      );
    case 'exited':
      if (evidence.stopping) return { status: 'Stopped', timedOut: false };
      return end.exitCode === 0
        ? { status: 'Completed', timedOut: false }
        : failed(algorithmError(`${host}${end.message ? `${end.message} ` : ''}${ownWords(evidence)}`, end.exitCode ?? 1));
  }
}

const failed = (reason: string): EndDecision => ({
  status: 'Failed',
  failureReason: cut(reason, REASON_CHARS_MAX),
  timedOut: false,
});

/** The exit code stays readable however long the text is. */
function algorithmError(text: string, exitCode: number): string {
  const [before, after] = ['AlgorithmError: ', `, exit code: ${exitCode}`];
  return `${before}${cut(text, REASON_CHARS_MAX - before.length - after.length)}${after}`;
}

function ownWords({ failureText, lastLines }: EndEvidence): string {
  const text = failureText?.trim();
  if (text) return text;
  const lines = lastLines.map((line) => line.trimEnd()).filter((line) => line !== '');
  if (lines.length === 0) return 'See job logs for more information';
  // the end says what happened: a traceback's last line is the error
  let kept = '';
  for (const line of lines.toReversed()) {
    if (kept.length + line.length > LAST_LINES_CHARS && kept !== '') break;
    kept = kept === '' ? line : `${line}\n${kept}`;
  }
  return kept.length > LAST_LINES_CHARS ? kept.slice(-LAST_LINES_CHARS) : kept;
}

const LAST_LINES_CHARS = 900;

export const cut = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, chars - 1)}…`);

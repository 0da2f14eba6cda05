import type { Principal } from '../../platform/authorization/principal.ts';
import type { CallOrigin, Calls } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { LogFiles, LogStreamName } from '../../platform/ports/log-files.ts';
import type { MetricScan } from './decide-metrics.ts';

/** The log stream of a job: made by calls of the job's role, written by the backend, read here for metrics and reasons. */
export class JobLogs {
  readonly #calls: Calls;
  readonly #files: LogFiles;
  /** Groups known to exist; a group that was deleted since shows as an absent one at the next stream. */
  readonly #groups = new Set<string>();

  constructor(calls: Calls, files: LogFiles) {
    this.#calls = calls;
    this.#files = files;
  }

  /** Makes the stream and gives the path of its file. A role without rights to logs gets a file that no stream shows, as on AWS. */
  async open(principal: Principal, origin: CallOrigin, stream: LogStreamName): Promise<string> {
    const groupId = `${stream.account}|${stream.region}|${stream.group}`;
    try {
      if (!this.#groups.has(groupId)) await this.#createGroup(principal, origin, stream.group);
      this.#groups.add(groupId);
      await this.#createStream(principal, origin, stream);
    } catch (error) {
      if (!(error instanceof ServiceError) || !error.code.startsWith('AccessDenied')) throw error;
    }
    return this.#files.path(stream);
  }

  async #createGroup(principal: Principal, origin: CallOrigin, group: string): Promise<void> {
    await ignoring(
      'ResourceAlreadyExistsException',
      this.#calls.call(principal, origin, 'logs:CreateLogGroup', { logGroupName: group }),
    );
  }

  async #createStream(principal: Principal, origin: CallOrigin, { group, stream }: LogStreamName): Promise<void> {
    const create = () =>
      ignoring(
        'ResourceAlreadyExistsException',
        this.#calls.call(principal, origin, 'logs:CreateLogStream', { logGroupName: group, logStreamName: stream }),
      );
    try {
      await create();
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'ResourceNotFoundException') throw error;
      await this.#createGroup(principal, origin, group);
      await create();
    }
  }

  /** The last lines of the log, oldest first. */
  async lastLines(stream: LogStreamName): Promise<string[]> {
    const sizeBytes = await this.#files.sizeBytes(stream);
    const from = Math.max(0, sizeBytes - TAIL_BYTES);
    const { events } = await this.#files.read(stream, from, TAIL_BYTES);
    const whole = from === 0 ? events : events.slice(1); // the first is the rest of a line that began before
    return whole.map(({ text }) => text).filter((text) => !text.startsWith(OWN_LINE));
  }

  /** Shows every line to the scan, in bounded pieces. */
  async scan(stream: LogStreamName, scan: MetricScan): Promise<void> {
    if (scan.isEmpty) return;
    let offset = 0;
    for (;;) {
      const { events, nextOffset } = await this.#files.read(stream, offset, SCAN_BYTES);
      for (const { text, timeMs } of events) scan.line(text, timeMs);
      if (nextOffset === offset) return;
      offset = nextOffset;
    }
  }
}

const TAIL_BYTES = 8 * 1024;
const SCAN_BYTES = 256 * 1024;

/** What Slipway itself writes into a job's log begins so. */
export const OWN_LINE = 'slipway: ';

async function ignoring(code: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== code) throw error;
  }
}

import type { Principal } from './authorization/principal.ts';
import type { CallOrigin, Calls } from './calls/operation.ts';
import { ServiceError } from './errors/families.ts';
import type { LogFiles, LogStreamName } from './ports/log-files.ts';

/**
 * Makes the log stream of a piece of work, as its role, and gives the path of its file; repeatable. A role without rights to
 * logs gets a file that no stream shows, as on AWS.
 */
export async function openLogStream(
  ports: { readonly calls: Calls; readonly logFiles: LogFiles },
  principal: Principal,
  origin: CallOrigin,
  stream: LogStreamName,
): Promise<string> {
  const group = { logGroupName: stream.group };
  const createStream = () =>
    unlessThere(ports.calls.call(principal, origin, 'logs:CreateLogStream', { ...group, logStreamName: stream.stream }));
  try {
    // the group is nearly always there: it is made only when the stream finds it missing
    if ((await createStream()) === 'no group') {
      await unlessThere(ports.calls.call(principal, origin, 'logs:CreateLogGroup', group));
      await createStream();
    }
  } catch (error) {
    if (!(error instanceof ServiceError) || !error.code.startsWith('AccessDenied')) throw error;
  }
  return ports.logFiles.path(stream);
}

async function unlessThere(call: Promise<unknown>): Promise<'there' | 'no group'> {
  try {
    await call;
    return 'there';
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'ResourceAlreadyExistsException') return 'there';
    if (error instanceof ServiceError && error.code === 'ResourceNotFoundException') return 'no group';
    throw error;
  }
}

/** What Slipway itself writes into a log begins so. */
export const OWN_LINE = 'slipway: ';

const TAIL_BYTES = 8 * 1024;

/** The last whole lines of a log, oldest first, without our own and without empty ones: what a failure's reason quotes. */
export async function lastLogLines(logFiles: LogFiles, stream: LogStreamName): Promise<string[]> {
  const sizeBytes = await logFiles.sizeBytes(stream);
  const fromByte = Math.max(0, sizeBytes - TAIL_BYTES);
  const { events } = await logFiles.read(stream, fromByte, TAIL_BYTES);
  // reading from within the file starts inside a line
  const whole = fromByte === 0 ? events : events.slice(1);
  return whole.map(({ text }) => text.trimEnd()).filter((line) => line !== '' && !line.startsWith(OWN_LINE));
}

import type { LogFiles, LogStreamName } from '../../platform/ports/log-files.ts';

const TAIL_BYTES = 8 * 1024;
/** What Slipway itself writes into a log begins so. */
const OWN_LINE = 'slipway: ';

/** The end of a log in at most `lengthMax` characters, whole lines, newest kept. */
export async function lastLogLines(logFiles: LogFiles, stream: LogStreamName, lengthMax: number): Promise<string> {
  const sizeBytes = await logFiles.sizeBytes(stream);
  const fromByte = Math.max(0, sizeBytes - TAIL_BYTES);
  const { events } = await logFiles.read(stream, fromByte, TAIL_BYTES);
  // reading from within the file starts inside a line
  const lines = events
    .slice(fromByte > 0 ? 1 : 0)
    .map(({ text }) => text.trimEnd())
    .filter((line) => line !== '' && !line.startsWith(OWN_LINE));
  let tail = '';
  for (const line of lines.reverse()) {
    const longer = tail === '' ? line.slice(-lengthMax) : `${line}\n${tail}`;
    if (longer.length > lengthMax) break;
    tail = longer;
  }
  return tail;
}

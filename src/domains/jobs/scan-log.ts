import type { Clock } from '../../platform/clock.ts';
import type { LogFiles, LogStreamName } from '../../platform/ports/log-files.ts';
import { LINE_EFFORT_MAX, type MetricScan } from './decide-metrics.ts';

const SCAN_BYTES = 256 * 1024;
/** So long a job's expressions may take over its log; what comes later in the log is then not looked at. */
const SCAN_MS = 120_000;

/**
 * Shows the lines of a log to the scan, in bounded pieces. Expressions are the user's and take their time: others are served between
 * any two lines that took long, and all of it ends.
 */
export async function scanLog(files: LogFiles, stream: LogStreamName, scan: MetricScan, clock: Clock): Promise<void> {
  if (scan.isEmpty) return;
  const untilMs = clock.now() + SCAN_MS;
  let effort = 0;
  let offset = 0;
  for (;;) {
    const { events, nextOffset } = await files.read(stream, offset, SCAN_BYTES);
    for (const { text, timeMs } of events) {
      scan.line(text, timeMs);
      effort += text.length * scan.effortPerCharacter;
      if (effort < LINE_EFFORT_MAX) continue;
      if (clock.now() > untilMs) return;
      effort = 0;
      await new Promise((resume) => setImmediate(resume));
    }
    if (nextOffset === offset) return;
    offset = nextOffset;
  }
}

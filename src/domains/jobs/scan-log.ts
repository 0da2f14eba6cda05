import type { LogFiles, LogStreamName } from '../../platform/ports/log-files.ts';
import type { MetricScan } from './decide-metrics.ts';

const SCAN_BYTES = 256 * 1024;

/** Shows every line of a log to the scan, in bounded pieces. */
export async function scanLog(files: LogFiles, stream: LogStreamName, scan: MetricScan): Promise<void> {
  if (scan.isEmpty) return;
  let offset = 0;
  for (;;) {
    const { events, nextOffset } = await files.read(stream, offset, SCAN_BYTES);
    for (const { text, timeMs } of events) scan.line(text, timeMs);
    if (nextOffset === offset) return;
    offset = nextOffset;
  }
}

import { type Logger, pino } from 'pino';

/**
 * The server's log on stderr. A terminal that was closed (EIO) or a disk that is full must not end the server half-way, least of all
 * while it stops its router and model servers: lines that cannot be written wait, up to 1 MiB, then they are dropped.
 */
export function createServerLog(): Logger {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: 1 << 20 });
  destination.on('error', () => undefined);
  return pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

import type { TimestampFormat } from '../../contract/model.ts';

/** Times on the wire. Inside they are epoch milliseconds. */

export function formatTime(ms: number, format: TimestampFormat): string {
  if (format === 'unixTimestamp') return String(ms / 1000);
  const date = new Date(ms);
  return format === 'rfc822' ? date.toUTCString() : date.toISOString();
}

const ISO = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/;
const NUMBER = /^-?\d{1,14}(?:\.\d{1,9})?$/;
const MS_MAX = 8.64e15;

/** Any of the three forms, whatever the model prefers: clients differ. Undefined when it is none. */
export function parseTime(text: string): number | undefined {
  let ms = Number.NaN;
  if (NUMBER.test(text)) ms = Math.round(Number(text) * 1000);
  else if (ISO.test(text) || /^[A-Z][a-z]{2,8}, \d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT$/.test(text))
    ms = Date.parse(text);
  return Number.isFinite(ms) && Math.abs(ms) <= MS_MAX ? ms : undefined;
}

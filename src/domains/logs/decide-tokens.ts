/** GetLogEvents' tokens: which way to read, and the byte in the stream's file from which (`f`) or before which (`b`). */
export interface EventToken {
  readonly direction: 'f' | 'b';
  readonly atByte: number;
}

/** As AWS's look: `f/` and 56 digits and `/s`. The digits are a byte offset, so a token stays good for as long as the file. */
export const formatEventToken = ({ direction, atByte }: EventToken): string =>
  `${direction}/${String(atByte).padStart(56, '0')}/s`;

/** Undefined when `text` is no token of this server. */
export function parseEventToken(text: string): EventToken | undefined {
  const match = /^([fb])\/(\d{56})\/s$/.exec(text);
  const atByte = Number(match?.[2]);
  if (!match || !Number.isSafeInteger(atByte)) return undefined;
  return { direction: match[1] === 'f' ? 'f' : 'b', atByte };
}

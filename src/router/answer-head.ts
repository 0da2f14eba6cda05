/** The head of a model server's answer, strictly read: it is anybody's program, and what follows on the connection hangs on it. */
export interface AnswerHead {
  readonly status: number;
  /** Names in lower case; a repeated header's values are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** `none`; `length` bytes; `chunked`; or `close`: up to the end of the connection. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  readonly length: number;
  /** Whether the connection can carry another request afterwards. */
  readonly keepsAlive: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/;
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** `text`: the lines up to the empty one, as latin1. Undefined: this is no HTTP/1 answer that could be trusted. */
export function parseAnswerHead(text: string): AnswerHead | undefined {
  const lines = text.split('\r\n');
  const line = STATUS_LINE.exec(lines[0] ?? '');
  if (!line) return undefined;
  const headers: Record<string, string> = {};
  for (let place = 1; place < lines.length; place += 1) {
    const one = lines[place] ?? '';
    const colon = one.indexOf(':');
    const name = one.slice(0, colon).toLowerCase();
    const value = one.slice(colon + 1).trim();
    if (colon < 1 || !NAME.test(name) || /[\r\n\0]/.test(value)) return undefined;
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return withFraming(Number(line[2]), line[1] === '1', headers);
}

function withFraming(status: number, isNewer: boolean, headers: Record<string, string>): AnswerHead | undefined {
  const connection = headers['connection']?.toLowerCase() ?? '';
  const keepsAlive = isNewer ? !connection.includes('close') : connection.includes('keep-alive');
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (status < 200 || status === 204 || status === 304) return { status, headers, framing: 'none', length: 0, keepsAlive };
  if (coding !== undefined) {
    if (length !== undefined || coding.toLowerCase() !== 'chunked') return undefined;
    return { status, headers, framing: 'chunked', length: 0, keepsAlive };
  }
  if (length === undefined) return { status, headers, framing: 'close', length: 0, keepsAlive: false };
  return /^\d{1,15}$/.test(length) ? { status, headers, framing: 'length', length: Number(length), keepsAlive } : undefined;
}

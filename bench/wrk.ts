import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx, and connections that broke. */
  readonly failures: number;
}

/** One request sent again and again over `connections` by wrk, which has to be on the PATH. */
export function wrk(
  url: URL,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  connections: number,
  seconds: number,
): Load {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-wrk-'));
  try {
    const script = join(folder, 'request.lua');
    writeFileSync(script, lua(request.headers, request.body));
    const options = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '30s', '-s', script];
    const said = execFileSync('wrk', [...options, url.href], { encoding: 'utf8' });
    const found = /^FIGURES (.*)$/m.exec(said)?.[1]?.split(' ').map(Number);
    if (!found) throw new Error(`wrk said nothing of what it measured:\n${said}`);
    const [requests = 0, durationUs = 1, p50Us = 0, p99Us = 0, failures = 0] = found;
    return { requestsPerSecond: requests / (durationUs / 1e6), p50Ms: p50Us / 1000, p99Ms: p99Us / 1000, failures };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const lua = (headers: Readonly<Record<string, string>>, body: string): string =>
  [
    'wrk.method = "POST"',
    ...Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`),
    `wrk.body = ${JSON.stringify(body)}`,
    'done = function(summary, latency)',
    '  local errors = summary.errors',
    '  local failures = errors.status + errors.connect + errors.read + errors.write + errors.timeout',
    '  io.write(string.format("FIGURES %d %d %d %d %d\\n", summary.requests, summary.duration,',
    '    latency:percentile(50), latency:percentile(99), failures))',
    'end',
  ].join('\n');

import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Commit } from '../../platform/store/port.ts';
import { keepCache } from './build-cache.ts';
import { keepReports } from './build-reports.ts';
import type { BuildSession } from './build-session.ts';
import type { BuildRecords } from './decide-phases.ts';
import type { BuildsPorts } from './ports.ts';
import { publishArtifacts } from './publish.ts';
import type { BuildDocument } from './resources.ts';
import { logStreamOf } from './specify-work.ts';

export type Upload =
  | { readonly members: Partial<BuildDocument>; readonly commit: Pick<Commit, 'expect' | 'write' | 'timers' | 'ledger'> }
  | { readonly problem: string };

/** What the driver gathered goes to its places: artifacts to S3, reports and cache to theirs. All of it can be done again. */
export async function finishUpload(
  ports: BuildsPorts,
  session: BuildSession,
  key: ResourceKey,
  build: BuildDocument,
  records: BuildRecords,
): Promise<Upload> {
  const { keeps } = build;
  if (!keeps) return { members: {}, commit: { expect: [] } };
  const tree = await ports.backend.outputs(build.workId, 'artifacts');
  const published = await publishArtifacts(session, tree, keeps, records);
  if ('problem' in published) return failUpload(ports, key, build, published.problem);
  const cache = records.cached ? await keepCache(ports, session, key, build) : {};
  if ('problem' in cache) return failUpload(ports, key, build, cache.problem);
  const reports = await keepReports(ports, session, key, build, records);
  if ('problem' in reports) return failUpload(ports, key, build, reports.problem);
  await say(ports, key, build, [
    ...published.lines,
    ...reports.lines,
    'Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED',
    'Phase context status code:  Message: ',
  ]);
  const { lines: _lines, ...members } = published;
  const { expect, write, timers, ledger } = reports.commit;
  return {
    members: { ...members, ...(reports.reportArns.length > 0 && { reportArns: reports.reportArns }) },
    commit: {
      expect: [...expect, ...(cache.commit?.expect ?? [])],
      write: [...write, ...(cache.commit?.write ?? [])],
      timers,
      ledger,
    },
  };
}

export async function failUpload(ports: BuildsPorts, key: ResourceKey, build: BuildDocument, problem: string): Promise<Upload> {
  await say(ports, key, build, [
    'Phase complete: UPLOAD_ARTIFACTS State: FAILED',
    `Phase context status code: CLIENT_ERROR Message: ${problem}`,
  ]);
  return { problem };
}

/**
 * In the words of the driver, which has ended by now. Before the commit that ends the build, so that whoever sees its end finds them; what a
 * server said that died in between is not said again.
 */
async function say(ports: BuildsPorts, key: ResourceKey, build: BuildDocument, texts: readonly string[]): Promise<void> {
  const stream = logStreamOf(key, build);
  if (await isSaid(ports, stream, texts)) return;
  const timeMs = ports.clock.now();
  const stamp = new Date(timeMs).toISOString().replace('T', ' ').replaceAll('-', '/').replace('Z', '000');
  await ports.logFiles.append(
    stream,
    texts.map((text) => ({ timeMs, text: `[Container] ${stamp} ${text}` })),
  );
}

const STAMP = /^\[Container\] \S+ \S+ /;
/** Time and stamp of a line are shorter. */
const STAMP_BYTES = 100;

/** Whether these are the last lines. */
async function isSaid({ logFiles }: BuildsPorts, stream: LogStreamName, texts: readonly string[]): Promise<boolean> {
  const lines = texts.flatMap((text) => text.split(/\r?\n/));
  const tailBytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + STAMP_BYTES, 0);
  const fromByte = Math.max(0, (await logFiles.sizeBytes(stream)) - tailBytes);
  const { events } = await logFiles.read(stream, fromByte, tailBytes);
  const last = events.slice(-lines.length).map(({ text }) => text.replace(STAMP, '').trimEnd());
  return last.join('\n') === lines.map((line) => line.trimEnd()).join('\n');
}

import { execFileSync } from 'node:child_process';
import type { Kill, KillReport } from './point-rig.ts';

/** What a run of the rig came to, as Markdown: one row for the two sides of each commit or effect. */
export function printReport(
  { kills, missed, acts, lostAnswers, problems }: KillReport,
  command: string,
  seconds: number,
): string {
  const rows = new Map<string, Kill[]>();
  for (const kill of kills) {
    const what = kill.point.replace(/^(?:before|after) /, '');
    rows.set(what, [...(rows.get(what) ?? []), kill]);
  }
  const sum = (some: readonly Kill[], of: 'acknowledged' | 'lost' | 'twice') =>
    some.reduce((total, kill) => total + kill[of], 0).toLocaleString('en');
  const count = (some: readonly Kill[], side: string) => some.filter(({ point }) => point.startsWith(`${side} `)).length;
  const lines = [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, some]) => {
      const sides = /^amid/.test(what) ? `${some.length} | ` : `${count(some, 'before')} | ${count(some, 'after')}`;
      return `| ${what} | ${sides} | ${sum(some, 'acknowledged')} | ${sum(some, 'lost')} | ${sum(some, 'twice')} |`;
    });
  const waited = kills.filter(({ inFlight }) => inFlight > 0).length;
  return [
    `${kills.length.toLocaleString('en')} kills at ${new Set(kills.map(({ point }) => point)).size} points, each with the commit or effect of its`,
    `name under way, ${waited.toLocaleString('en')} of them also with a client that waited for its change; ${acts.toLocaleString('en')} acts,`,
    `${sum(kills, 'acknowledged')} changes acknowledged, ${lostAnswers.toLocaleString('en')} answers lost; the ledger verified after each kill.`,
    `Problems: ${problems.length}. ${Math.round(seconds / 60)} minutes, commit \`${commit()}\`, by`,
    '',
    '```sh',
    command,
    '```',
    '',
    '| commit or effect | before | after | acknowledged | lost | twice |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    `| all | ${count(kills, 'before')} | ${count(kills, 'after')} | ${sum(kills, 'acknowledged')} | ${sum(kills, 'lost')} | ${sum(kills, 'twice')} |`,
    '',
    ...(missed.size > 0 ? [`Not passed when they should have been: ${[...missed.keys()].join(', ')}.`, ''] : []),
  ].join('\n');
}

function commit(): string {
  try {
    const options = { cwd: import.meta.dirname, encoding: 'utf8' as const, stdio: 'pipe' as const };
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], options).trim();
  } catch {
    return 'unknown'; // not a checkout
  }
}

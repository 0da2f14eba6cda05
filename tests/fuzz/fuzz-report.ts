import type { MemoryFigures } from './fuzz-server.ts';
import { builtOperations } from './request-source.ts';
import type { FuzzReport } from './run-fuzz.ts';

const pairs = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
    .join(', ');

/** SQS's are asked in two forms, and count once. */
const builtKeys: ReadonlySet<string> = new Set(builtOperations.map(({ operation }) => operation.key));

function byService(succeeded: readonly string[]): string {
  const counts = new Map<string, [succeeded: number, built: number]>();
  for (const key of builtKeys) {
    const count = counts.get(key.split(':')[0] ?? '') ?? [0, 0];
    counts.set(key.split(':')[0] ?? '', [count[0] + (succeeded.includes(key) ? 1 : 0), count[1] + 1]);
  }
  return [...counts].map(([service, [good, all]]) => `${service} ${good} of ${all}`).join(', ');
}

/** A report as lines for people. */
export function printReport(report: FuzzReport, memory: readonly MemoryFigures[]): string[] {
  const { operations, violations, beside } = report;
  return [
    `${report.requests.toLocaleString('en')} requests in ${report.seconds} s`,
    `by kind: ${pairs(report.byKind)}`,
    `by status: ${pairs(report.byStatus)}`,
    `operations built: ${builtKeys.size}, asked: ${operations.asked}, answered with success: ${operations.succeeded.length}; never: ${operations.never.join(' ') || 'none'}`,
    `with success of those built: ${byService(operations.succeeded)}`,
    `violations: ${violations.requests} requests, ${violations.different} different ones`,
    `beside: ${beside.calls} calls, p99 ${beside.p99Ms} ms, slowest ${beside.slowestMs} ms during ${beside.during}`,
    ...memory.map(
      ({ rssMiB, heapUsedMiB, externalMiB }, i) =>
        `memory ${i}: RSS ${rssMiB} MiB, heap ${heapUsedMiB} MiB, external ${externalMiB} MiB`,
    ),
  ];
}

export const printFailures = (report: FuzzReport): string =>
  report.failures
    .map(
      ({ fault, request, file }) =>
        `${request.operation ?? request.kind}: ${fault.slice(0, 900)}\n  node tests/fuzz/replay.ts ${file}`,
    )
    .join('\n');

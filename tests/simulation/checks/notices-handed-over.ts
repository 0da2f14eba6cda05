import { type Check, type RowChange, type SeenCommit, shown, textOf, type Watched } from './check.ts';

/**
 * A notice goes when its receiver has it, or the ledger says that it was given up: what was sent to a queue is a message there, what was to
 * start a pipeline has started it. `reached` hears of each that comes to its end, or becomes a dead letter.
 */
export function checkNoticesHandedOver({ disk }: Watched, reached: (kind: string, transition: string) => void = () => {}): Check {
  const madeAt = new Map<string, number>();
  const bodies = new Set<string>();
  const startedAt = new Map<string, number>();
  const started = new Map<string, string>();

  const goes = ({ key, before }: RowChange, { ledger }: SeenCommit): string[] => {
    const { document } = before as NonNullable<RowChange['before']>;
    const isDropped = ledger.some(({ entry }) => entry.action === 'slipway:Notice.Dropped');
    reached('Notice', `${textOf(document, 'to', 'kind')} → ${isDropped ? 'dropped' : 'taken'}`);
    if (isDropped) return [];
    const [kind, arn] = [textOf(document, 'to', 'kind'), textOf(document, 'to', 'arn') ?? ''];
    const since = madeAt.get(key.name) ?? 0;
    madeAt.delete(key.name);
    if (kind === 'queue' && !bodies.has(textOf(document, 'body') ?? ''))
      return [`${shown(key)} goes, and no message has its body`];
    if (kind === 'call' && (startedAt.get(arn.toLowerCase()) ?? -1) < since)
      return [`${shown(key)} goes, and ${arn} was not started`];
    return [];
  };
  return {
    promise: 'a notice goes when its receiver has it, or its end is in the ledger; what it starts starts once',
    onCommit(seen) {
      const problems: string[] = [];
      for (const one of seen.changes) {
        const { key, before, after } = one;
        if (key.kind === 'SQSMessage' && !before) bodies.add(textOf(after?.document, 'body') ?? '');
        if (key.kind === 'PipelineExecution' && !before)
          startedAt.set((textOf(after?.document, 'pipelineArn') ?? '').toLowerCase(), disk.commits);
        if (key.kind !== 'Notice') continue;
        if (!before) madeAt.set(key.name, disk.commits);
        else if (!after) problems.push(...goes(one, seen));
        else if (textOf(before.document, 'to', 'arn') !== textOf(after.document, 'to', 'arn'))
          reached('Notice', 'sent → dead letter');
      }
      for (const { entry } of seen.ledger) {
        const { action, requestId = '', outcome } = entry;
        if (action !== 'sagemaker:StartPipelineExecution' || outcome !== 'done' || !/^(events|schedule)\//.test(requestId))
          continue;
        const execution = entry.resources.join();
        if (started.has(requestId)) problems.push(`${requestId} started ${started.get(requestId)} and ${execution}`);
        started.set(requestId, execution);
      }
      return problems;
    },
  };
}

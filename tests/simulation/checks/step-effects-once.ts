import type { LedgerInput } from '../../../src/platform/ledger/entry.ts';
import { type Check, memberOf, type RowChange, shown, textOf, type Watched } from './check.ts';
import { isActive } from './execution-steps.ts';

/** What a step's call carries as its request: the execution's ARN and the step. */
export const REQUEST = /^arn:[^:]*:sagemaker:([^:]*):([^:]*):pipeline\/([^#]+)#(.+)$/;

/** Calls that make something are counted in the ledger, attempts in the rows of the steps. */
export function checkStepEffectsOnce({ disk }: Watched): Check {
  const attempts = new Map<string, number>();
  const made = new Map<string, number>();
  const count = ({ key, before, after }: RowChange) => {
    if (key.kind !== 'PipelineExecutionStep' || textOf(after?.document, 'status') !== 'Starting') return;
    const [old, now] = [before, after].map((row) => memberOf(row?.document, 'attemptCount'));
    const begins = textOf(before?.document, 'status') !== 'Starting' || old !== now;
    if (begins) attempts.set(key.name.toLowerCase(), (attempts.get(key.name.toLowerCase()) ?? 0) + 1);
  };
  const problemsOf = ({ action, requestId = '', outcome, resources }: LedgerInput): string[] => {
    const [, region = '', account = '', execution = '', step = ''] = REQUEST.exec(requestId) ?? [];
    if (step === '' || outcome !== 'done' || !/^sagemaker:Create/.test(action)) return [];
    const row = [`${execution}/${step}`, `${execution.toLowerCase()}/${step}`]
      .map((name) => disk.rows.get({ account, region, kind: 'PipelineExecutionStep', name }))
      .find((found) => found !== undefined);
    const name = `${execution}/${step}`.toLowerCase();
    const times = (made.get(`${name} ${action}`) ?? 0) + 1;
    made.set(`${name} ${action}`, times);
    const begun = attempts.get(name) ?? 0;
    const problems: string[] = [];
    if (times > begun)
      problems.push(`${action} was done ${times} times (${resources.join(' ')}) for ${begun} attempts of step ${name}`);
    if (!isActive(row)) {
      const status = row ? `${shown(row.key)} is ${textOf(row.document, 'status')}` : `there is no step ${name}`;
      problems.push(`${action} was done (${resources.join(' ')}), though ${status}`);
    }
    return problems;
  };
  return {
    promise: 'an attempt of a step makes what it makes once, and only between its start and its end',
    onCommit({ changes, ledger }) {
      changes.forEach(count);
      return ledger.flatMap(({ entry }) => problemsOf(entry));
    },
  };
}

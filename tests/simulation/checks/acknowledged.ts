import type { JsonObject } from '../../../src/platform/json.ts';
import { canonicalJson } from '../../../src/platform/ledger/canonical.ts';
import { type Check, textOf } from './check.ts';

const CHANGES = /^[a-z]+:(Create|Start|Stop|Delete|Update|Retry|Register|Approve)/;

/** Idempotent by the API: success without a change of ours. */
const MAY_CHANGE_NOTHING = /^(s3|sqs|sts|logs|ssm):|:DeleteTags$/;

/** Each of these is an entry of its own, also where an earlier one was alike: counted. */
const EACH_COUNTS = /^sagemaker:(Update|Retry)/;

/** What clients outside were told. */
export function checkAcknowledged(): Check {
  const done = new Map<string, Set<string>>();
  const entries = new Map<string, number>();
  const answers = new Map<string, number>();
  const count = (counts: Map<string, number>, id: string): number => {
    const times = (counts.get(id) ?? 0) + 1;
    counts.set(id, times);
    return times;
  };
  /** A call that was repeated under its token is one. */
  const countProblems = (operation: string, input: JsonObject, output: JsonObject, isRepeated: boolean): string[] => {
    const [arn] = [...arnsIn(output), ...arnsIn(input)];
    if (!EACH_COUNTS.test(operation) || arn === undefined || isRepeated) return [];
    const [told, known] = [count(answers, `${operation} ${arn}`), entries.get(`${operation} ${arn}`) ?? 0];
    return told <= known ? [] : [`${operation} of ${arn} was acknowledged ${told} times, the ledger has ${known} of them`];
  };
  const byToken = new Map<string, { readonly request: string; readonly answer: string }>();
  const isIn = (ledger: ReadonlySet<string> | undefined, named: string): boolean =>
    ledger !== undefined && [...ledger].some((arn) => arn === named || arn.toLowerCase().endsWith(`/${named.toLowerCase()}`));
  const tokenProblems = (operation: string, input: JsonObject, output: JsonObject): string[] => {
    const { ClientRequestToken: token, ...request } = input;
    if (typeof token !== 'string') return [];
    const [asked, answer] = [canonicalJson(request), canonicalJson(output)];
    const before = byToken.get(`${operation} ${token}`);
    byToken.set(`${operation} ${token}`, { request: asked, answer });
    if (!before) return [];
    if (before.request !== asked) return [`${operation} took the token ${token} for two different requests`];
    return before.answer === answer ? [] : [`${operation} with the token ${token} answered ${before.answer}, then ${answer}`];
  };
  return {
    promise: 'what a client was told is done is done: it is in the ledger, and the same token always gets the same answer',
    onCommit({ ledger }) {
      for (const { entry } of ledger) {
        const arns = done.get(entry.action) ?? new Set<string>();
        done.set(entry.action, arns);
        for (const arn of entry.outcome === 'done' ? entry.resources : []) {
          arns.add(arn);
          count(entries, `${entry.action} ${arn}`);
        }
      }
      return [];
    },
    onAnswer({ operation, input, output }) {
      const isRepeated = byToken.has(`${operation} ${String(input['ClientRequestToken'])}`);
      const problems = [...tokenProblems(operation, input, output), ...countProblems(operation, input, output, isRepeated)];
      if (!CHANGES.test(operation) || MAY_CHANGE_NOTHING.test(operation)) return problems;
      const told = [...arnsIn(output), ...namesIn(operation, input)];
      const known =
        told.length === 0 ? (done.get(operation)?.size ?? 0) > 0 : told.some((named) => isIn(done.get(operation), named));
      return known ? problems : [...problems, `${operation} of ${told.join(', ')} was acknowledged and is not in the ledger`];
    },
  };
}

const arnsIn = (output: JsonObject): string[] =>
  Object.values(output).filter((value): value is string => typeof value === 'string' && value.startsWith('arn:'));

/** The input's member that names what the operation is about: `PipelineName` of `DeletePipeline`. */
function namesIn(operation: string, input: JsonObject): string[] {
  const noun = operation.replace(/^[a-z]+:[A-Z][a-z]+/, '');
  return [`${noun}Name`, `${noun}Arn`].flatMap((member) => textOf(input, member) ?? []);
}

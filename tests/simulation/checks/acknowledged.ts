import type { JsonObject } from '../../../src/platform/json.ts';
import { canonicalJson } from '../../../src/platform/ledger/canonical.ts';
import { type Check, keyOfArn, type SeenAnswer, textOf, type Watched } from './check.ts';

const CHANGES = /^(sagemaker|lambda|iam|secretsmanager):(Create|Start|Delete(?!Tags)|Update|Retry|Register)/;

/** What is so already needs no change. Stops: see stop-wins.ts. */
const MAY_CHANGE_NOTHING = /^sagemaker:Update(ModelPackage|Pipeline)$|^lambda:Update/;

/** Asked for again while it is under way, it is acknowledged again. */
const TAKES_ITS_TIME = /^sagemaker:DeleteEndpoint$/;

/** What clients outside were told, against what happened between their question and the answer. */
export function checkAcknowledged({ disk }: Watched): Check {
  /** By action and ARN, the number of the last commit that said so. */
  const done = new Map<string, Map<string, number>>();
  const byToken = new Map<string, { readonly request: string; readonly answer: string; readonly askedAt: number }>();
  /** Approval statuses of each package, with the commits that made them. */
  const approvals = new Map<string, (readonly [commit: number, status: string])[]>();

  /** Whether the pipeline of an execution was deleted since: one of its name that was made anew knows no tokens of it. */
  const isGone = (output: JsonObject, askedAt: number): boolean => {
    const [pipeline] = (textOf(output, 'PipelineExecutionArn') ?? '').split('/execution/');
    return (done.get('sagemaker:DeletePipeline')?.get(pipeline ?? '') ?? 0) > askedAt;
  };
  const tokenProblems = ({ operation, input, output, askedAt }: SeenAnswer): string[] => {
    const { ClientRequestToken: token, ...request } = input;
    if (typeof token !== 'string') return [];
    const [asked, answer] = [canonicalJson(request), canonicalJson(output)];
    const before = byToken.get(`${operation} ${token}`);
    byToken.set(`${operation} ${token}`, { request: asked, answer, askedAt });
    if (!before || isGone(output, before.askedAt)) return [];
    if (before.request !== asked) return [`${operation} took the token ${token} for two different requests`];
    return before.answer === answer ? [] : [`${operation} with the token ${token} answered ${before.answer}, then ${answer}`];
  };
  const ledgerProblems = ({ operation, input, output, isRepeated, askedAt }: SeenAnswer): string[] => {
    if (!CHANGES.test(operation) || MAY_CHANGE_NOTHING.test(operation)) return [];
    const told = [...arnsIn(output), ...namesIn(operation, input)];
    const since = isRepeated || TAKES_ITS_TIME.test(operation) ? 0 : askedAt;
    const names = (arn: string) => told.length === 0 || told.some((named) => isName(arn, named));
    const found = [...(done.get(operation) ?? [])].some(([arn, commit]) => commit > since && names(arn));
    return found ? [] : [`${operation} of ${told.join(', ')} was acknowledged and is not in the ledger`];
  };
  const approvalProblems = ({ operation, input, askedAt }: SeenAnswer): string[] => {
    const [arn, wanted] = [textOf(input, 'ModelPackageArn'), textOf(input, 'ModelApprovalStatus')];
    if (operation !== 'sagemaker:UpdateModelPackage' || arn === undefined || wanted === undefined) return [];
    const history = approvals.get(keyOfArn(arn, 'ModelPackage').name.toLowerCase()) ?? [];
    // what it was when the question was put counts as well
    const from = history.findLastIndex(([commit]) => commit <= askedAt);
    const was = history.slice(Math.max(0, from)).map(([, status]) => status);
    return was.includes(wanted) ? [] : [`${arn} was acknowledged to be ${wanted}, and was ${was.join(', ')} meanwhile`];
  };
  return {
    promise: 'what a client was told is done has been done, and the same token always gets the same answer',
    onCommit({ ledger, changes }) {
      for (const { entry } of ledger) {
        const arns = done.get(entry.action) ?? new Map<string, number>();
        done.set(entry.action, arns);
        for (const arn of entry.outcome === 'done' ? entry.resources : []) arns.set(arn, disk.commits);
      }
      for (const { key, after } of changes) {
        const status = key.kind === 'ModelPackage' ? textOf(after?.document, 'ModelApprovalStatus') : undefined;
        if (status === undefined) continue;
        const history = approvals.get(key.name.toLowerCase()) ?? [];
        approvals.set(key.name.toLowerCase(), [...history, [disk.commits, status]]);
      }
      return [];
    },
    onAnswer: (answer) => [...tokenProblems(answer), ...ledgerProblems(answer), ...approvalProblems(answer)],
  };
}

const isName = (arn: string, named: string): boolean =>
  arn === named || arn.toLowerCase().endsWith(`/${named.toLowerCase()}`) || arn.endsWith(`:${named}`);

const arnsIn = (output: JsonObject): string[] =>
  Object.values(output).filter((value): value is string => typeof value === 'string' && value.startsWith('arn:'));

/** The input's member that names what the operation is about: `PipelineName` of `DeletePipeline`. */
function namesIn(operation: string, input: JsonObject): string[] {
  const noun = operation.replace(/^[a-z]+:[A-Z][a-z]+/, '');
  return [`${noun}Name`, `${noun}Arn`].flatMap((member) => textOf(input, member) ?? []);
}

import type { ActionRecord } from '../../../../src/domains/delivery/resources.ts';
import { type Check, memberOf, type SeenAnswer, type SeenCommit, textOf, type Watched } from '../../checks/check.ts';
import type { Asked } from '../answers.ts';
import { actionIn, attemptsOf, deliveries, deliveryChanges, endedIn, shortOf, structureOf } from './delivery-rows.ts';

const names = ({ ledger }: SeenCommit, action: string): boolean => ledger.some(({ entry }) => entry.action === action);
/** Ends that nobody's answer led to. */
const OWN_ENDS = new Set(['TimeoutError', 'ConfigurationError']);

/** Actions that wait for an answer: approvals, and functions, which answer for a job. */
export function checkAnswersCount({ disk }: Watched, asked: Asked): Check {
  const approval = (action: ActionRecord, seen: SeenCommit): boolean => {
    const status = action.status === 'Succeeded' ? 'Approved' : 'Rejected';
    return asked.has(action.token, status) && names(seen, 'codepipeline:PutApprovalResult');
  };
  /** The newest job of an action is the one whose answer ended it. */
  const jobsOf = ({ id }: ActionRecord) =>
    [...disk.rows.all('CodePipelineJob')].filter(({ document }) => document['actionId'] === id);
  const job = (action: ActionRecord, seen: SeenCommit): boolean => {
    const [operation, wanted] =
      action.status === 'Succeeded' ? ['PutJobSuccessResult', 'success'] : ['PutJobFailureResult', 'failure'];
    return names(seen, `codepipeline:${operation}`) && jobsOf(action).some(({ key }) => asked.has(key.name, wanted));
  };
  const acknowledged = ({ operation, input }: SeenAnswer): string[] => {
    const token = textOf(input, 'token');
    if (operation !== 'codepipeline:PutApprovalResult' || token === undefined) return [];
    const wanted = memberOf(input, 'result', 'status') === 'Approved' ? 'Succeeded' : 'Failed';
    const actions = deliveries(disk).flatMap(([, execution]) => attemptsOf(execution).filter((one) => one.token === token));
    return actions.flatMap(({ name, status }) =>
      status === wanted ? [] : [`${name} is ${status}, though ${wanted} was acknowledged`],
    );
  };
  return {
    promise: 'an approval or a job ends by an answer that somebody gave, and as it says; an answer that was acknowledged counts',
    onCommit: (seen) =>
      deliveryChanges(seen).flatMap((change) => {
        const { key, after } = change;
        const structure = after && structureOf(disk, key, after);
        return endedIn(change).flatMap((action) => {
          const provider = actionIn(structure, action)?.actionTypeId.provider;
          if (!after || action.status === 'Abandoned' || OWN_ENDS.has(action.error?.code ?? '')) return [];
          if (provider === 'Manual' && approval(action, seen)) return [];
          // a function that breaks off answers no more
          const broke = action.status === 'Failed' && /function failed/.test(action.error?.message ?? '');
          if (provider === 'Lambda' && (broke || job(action, seen))) return [];
          if (provider !== 'Manual' && provider !== 'Lambda') return [];
          return [
            `${action.name} of ${shortOf(after)} is ${action.status} without an answer that says so: ${action.error?.message ?? ''}`,
          ];
        });
      }),
    onAnswer: acknowledged,
  };
}

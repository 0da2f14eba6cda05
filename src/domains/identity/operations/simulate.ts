import type { ContextEntry, EvaluationResult } from '../../../contract/generated/iam.ts';
import { evaluatePolicies } from '../../../platform/authorization/evaluate.ts';
import { parsePolicy } from '../../../platform/authorization/parse-policy.ts';
import type { PolicyDocument } from '../../../platform/authorization/policy.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { OperationPorts } from '../ports.ts';
import { findRole } from '../sessions.ts';

interface Simulation {
  readonly ActionNames: readonly string[];
  readonly ResourceArns?: readonly string[];
  readonly ContextEntries?: readonly ContextEntry[];
  readonly ResourcePolicy?: string;
  readonly PermissionsBoundaryPolicyInputList?: readonly string[];
  readonly Marker?: string;
  readonly MaxItems?: number;
}

/** By the policies that really count for a user, group or role, and those the caller adds. */
export const simulatePrincipalPolicy = (ports: OperationPorts) =>
  operation('iam:SimulatePrincipalPolicy', {
    effect: 'read',
    needs: ({ PolicySourceArn }) => [{ action: 'iam:SimulatePrincipalPolicy', resources: [PolicySourceArn] }],
    async handle(input, context) {
      const own = await policiesOf(ports, context, input.PolicySourceArn);
      return simulate([...own, ...(input.PolicyInputList ?? []).map(parsed)], input);
    },
  });

export const simulateCustomPolicy = operation('iam:SimulateCustomPolicy', {
  effect: 'read',
  needs: () => [{ action: 'iam:SimulateCustomPolicy', resources: ['*'] }],
  handle: async (input) => simulate(input.PolicyInputList.map(parsed), input),
});

/** A role that is not here is the one it resolves to under `roles: lenient`, as wherever it is used. */
async function policiesOf(ports: OperationPorts, { account }: OperationContext, arn: string): Promise<readonly PolicyDocument[]> {
  const [, kind, name] = /^arn:aws[a-z-]*:iam::\d{12}:(user|group|role)\/(?:\S*\/)?([^/]+)$/.exec(arn) ?? [];
  const find = async () => {
    if (kind === 'role') return findRole(ports, account, arn);
    return name === undefined ? undefined : ports.directory.holder(account, kind === 'user' ? 'User' : 'Group', name);
  };
  if (!(await find())) throw new ServiceError('NoSuchEntity', `The principal ${arn} cannot be found.`);
  return ports.directory.effective(account, find);
}

function parsed(text: string): PolicyDocument {
  const policy = parsePolicy(text, 'identity');
  if ('problem' in policy) throw new ServiceError('InvalidInput', policy.problem);
  return policy.document;
}

const RESULTS_DEFAULT = 100;
/** Characters of policy text to look through for one page; IAM may give fewer results than asked for, too. */
const PAGE_EFFORT = 3_000_000;

const DECISIONS = { allow: 'allowed', 'explicit-deny': 'explicitDeny', 'implicit-deny': 'implicitDeny' } as const;

function simulate(policies: readonly PolicyDocument[], input: Simulation) {
  for (const member of ['ResourcePolicy', 'PermissionsBoundaryPolicyInputList'] as const) {
    if (input[member] !== undefined) {
      throw new ServiceError('NotImplementedException', `Simulation with ${member} is not implemented.`);
    }
  }
  const facts = new Map(
    (input.ContextEntries ?? []).map(
      (entry) => [entry.ContextKeyName?.toLowerCase() ?? '', entry.ContextKeyValues ?? []] as const,
    ),
  );
  const { ActionNames: actions, ResourceArns: resources = ['*'], Marker, MaxItems = RESULTS_DEFAULT } = input;
  const size = policies.reduce((sum, policy) => sum + JSON.stringify(policy).length, 1);
  const first = parseMarker(Marker);
  // the results of a page and no others are made: all pairs of a request of one megabyte are more than memory holds
  const end = Math.min(actions.length * resources.length, first + Math.min(MaxItems, Math.ceil(PAGE_EFFORT / size)));
  const results: EvaluationResult[] = [];
  for (let at = first; at < end; at += 1) {
    const action = actions[Math.floor(at / resources.length)] ?? '';
    const resource = resources[at % resources.length] ?? '';
    results.push({
      EvalActionName: action,
      EvalResourceName: resource,
      EvalDecision: DECISIONS[evaluatePolicies(policies, { action, resource, context: facts })],
      MatchedStatements: [],
      MissingContextValues: [],
    });
  }
  const isTruncated = end < actions.length * resources.length;
  return { EvaluationResults: results, IsTruncated: isTruncated, ...(isTruncated && { Marker: String(end) }) };
}

function parseMarker(marker = '0'): number {
  if (!/^\d{1,15}$/.test(marker))
    throw new ServiceError('InvalidInput', `Marker ${marker.slice(0, 100)} is not one this service gave.`);
  return Number(marker);
}

import type { PutPermissionRequest } from '../../../contract/generated/events.ts';
import { checkPolicy, parsePolicy } from '../../../platform/authorization/parse-policy.ts';
import type { PolicyDocument, PolicyStatement } from '../../../platform/authorization/policy.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changeBus } from './buses.ts';
import { busNameOf, busNeeds } from '../rule-access.ts';
import { busArn } from '../resources.ts';
import type { EventsPorts } from '../ports.ts';

const POLICY_BYTES_MAX = 10_240;

export const putPermission = (ports: EventsPorts): Operation<'events:PutPermission'> =>
  operation('events:PutPermission', {
    effect: 'change',
    needs: busNeeds<'events:PutPermission'>('events:PutPermission', 'EventBusName'),
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      const whole = input.Policy === undefined ? undefined : checkedPolicy(input.Policy);
      const statement = whole ? undefined : statementOf(input, busArn(context, bus));
      await changeBus(ports, context, bus, 'events:PutPermission', (before) => {
        const kept = statementsOf(before.policy).filter(({ Sid }) => Sid !== statement?.Sid);
        const policy = whole ?? { Version: '2012-10-17', Statement: [...kept, ...(statement ? [statement] : [])] };
        if (JSON.stringify(policy).length > POLICY_BYTES_MAX) {
          throw new ServiceError('PolicyLengthExceededException', `Event bus policy is longer than ${POLICY_BYTES_MAX} bytes.`);
        }
        return { ...before, policy };
      });
      return {};
    },
  });

export const removePermission = (ports: EventsPorts): Operation<'events:RemovePermission'> =>
  operation('events:RemovePermission', {
    effect: 'change',
    needs: busNeeds<'events:RemovePermission'>('events:RemovePermission', 'EventBusName'),
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      await changeBus(ports, context, bus, 'events:RemovePermission', (before) => {
        const { policy, ...rest } = before;
        if (input.RemoveAllPermissions) return rest;
        if (!policy) throw new ServiceError('ResourceNotFoundException', 'EventBus does not have a policy.');
        const kept = statementsOf(policy).filter(({ Sid }) => Sid !== input.StatementId);
        if (kept.length === statementsOf(policy).length) {
          throw new ServiceError('ResourceNotFoundException', 'Statement with the provided id does not exist.');
        }
        return kept.length > 0 ? { ...rest, policy: { ...policy, Statement: kept } } : rest;
      });
      return {};
    },
  });

const statementsOf = (policy: PolicyDocument | undefined): readonly PolicyStatement[] =>
  policy ? ([policy.Statement].flat() as PolicyStatement[]) : [];

/** A policy of a resource names principals, which are checked as those of a trust policy, and the resource. */
function checkedPolicy(text: string): PolicyDocument {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid('it is no JSON.');
  }
  const statements = [(parsed as { Statement?: unknown } | null)?.Statement].flat();
  const trust = statements.map((one) => {
    const { Resource: _resource, ...rest } = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown>;
    return rest;
  });
  const checked = checkPolicy({ ...(parsed as object), Statement: trust }, 'trust');
  if ('problem' in checked) throw invalid(checked.problem);
  return parsed as PolicyDocument;
}

const invalid = (problem: string) => new ServiceError('ValidationException', `Parameter Policy is not valid. Reason: ${problem}`);

function statementOf({ StatementId, Principal, Action, Condition }: PutPermissionRequest, arn: string): PolicyStatement {
  if (StatementId === undefined || Principal === undefined || Action === undefined) {
    throw new ServiceError('ValidationException', 'StatementId, Principal and Action must be specified, or Policy alone.');
  }
  if (Action !== 'events:PutEvents') {
    throw new ServiceError('ValidationException', "Provided value in parameter 'action' is not supported.");
  }
  const statement: PolicyStatement = {
    Sid: StatementId,
    Effect: 'Allow',
    Principal: Principal === '*' ? '*' : { AWS: `arn:aws:iam::${Principal}:root` },
    Action,
    Resource: arn,
    ...(Condition && { Condition: { [Condition.Type]: { [Condition.Key]: Condition.Value } } }),
  };
  const { Resource: _resource, ...trust } = statement;
  const checked = parsePolicy(JSON.stringify({ Statement: [trust] }), 'trust');
  if ('problem' in checked) throw new ServiceError('ValidationException', checked.problem);
  return statement;
}

import type { Target } from '../../../contract/generated/events.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { storedPrincipal } from '../../../platform/notices.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { rejectedForm, rejectedTarget, SERVICE } from '../decide-target.ts';
import { busNameOf, readRule, ruleNeeds } from '../rule-access.ts';
import { ruleArn, type TargetDocument } from '../resources.ts';
import { ruleWrite } from './rules.ts';
import type { EventsPorts } from '../ports.ts';

const TARGETS_MAX = 5;

export const putTargets = (ports: EventsPorts): Operation<'events:PutTargets'> =>
  operation('events:PutTargets', {
    effect: 'change',
    async needs(input, context) {
      const resources = [ruleArn(context, busNameOf(context, input.EventBusName), input.Rule)];
      const targets = input.Targets.map(({ Arn }) => Arn);
      const roles = [...new Set(input.Targets.map(({ RoleArn }) => RoleArn))];
      const passed = await Promise.all(roles.map((role) => passRoleNeeds(ports.roles, context.account, role, SERVICE)));
      return [{ action: 'events:PutTargets', resources, context: { 'events:TargetArn': targets } }, ...passed.flat()];
    },
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      for (const target of input.Targets) refuse(rejectedForm(target));
      await readRule(ports.store, context, bus, input.Rule);
      for (const target of input.Targets) refuse(rejectedTarget(target));
      const ids = input.Targets.map(({ Id }) => Id);
      if (new Set(ids).size < ids.length) {
        throw new ServiceError('ValidationException', 'Target ids of a request must be different from each other.');
      }
      const putBy = storedPrincipal(context.principal);
      await decideAndCommit(ports.store, async () => {
        const row = await readRule(ports.store, context, bus, input.Rule);
        const { key, version, document } = row;
        const kept = document.targets.filter(({ target }) => !ids.includes(target.Id));
        const targets: TargetDocument[] = [...kept, ...input.Targets.map((target) => ({ target, putBy }))];
        if (targets.length > TARGETS_MAX) {
          throw new ServiceError('LimitExceededException', 'The requested resource exceeds the maximum number allowed.');
        }
        const changes = { targets: [shown(document.targets), shown(targets)] as const };
        return {
          commit: {
            expect: [{ key, version }],
            write: [ruleWrite(key, { ...document, targets }, context.nowMs)],
            ledger: [entryOf(context, 'events:PutTargets', [document.arn], changes)],
          },
          result: undefined,
        };
      });
      return { FailedEntryCount: 0, FailedEntries: [] };
    },
  });

/** Which receivers, under which roles: inputs may hold what the ledger need not keep. */
const shown = (targets: readonly TargetDocument[]) =>
  targets.map(({ target: { Id, Arn, RoleArn } }) => ({ Id, Arn, ...(RoleArn !== undefined && { RoleArn }) }));

export const removeTargets = (ports: EventsPorts): Operation<'events:RemoveTargets'> =>
  operation('events:RemoveTargets', {
    effect: 'change',
    needs: ruleNeeds<'events:RemoveTargets'>('events:RemoveTargets', 'Rule'),
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      await decideAndCommit(ports.store, async () => {
        const row = await readRule(ports.store, context, bus, input.Rule);
        const { key, version, document } = row;
        const targets = document.targets.filter(({ target }) => !input.Ids.includes(target.Id));
        if (targets.length === document.targets.length) return { result: undefined };
        const changes = { targets: [shown(document.targets), shown(targets)] as const };
        return {
          commit: {
            expect: [{ key, version }],
            write: [ruleWrite(key, { ...document, targets }, context.nowMs)],
            ledger: [entryOf(context, 'events:RemoveTargets', [document.arn], changes)],
          },
          result: undefined,
        };
      });
      return { FailedEntryCount: 0, FailedEntries: [] };
    },
  });

export const listTargetsByRule = (ports: EventsPorts): Operation<'events:ListTargetsByRule'> =>
  operation('events:ListTargetsByRule', {
    effect: 'read',
    needs: ruleNeeds<'events:ListTargetsByRule'>('events:ListTargetsByRule', 'Rule'),
    async handle(input, context) {
      const { document } = await readRule(ports.store, context, busNameOf(context, input.EventBusName), input.Rule);
      const from = input.NextToken === undefined ? 0 : positionOf(input.NextToken);
      const to = from + (input.Limit ?? 100);
      const Targets: Target[] = document.targets.slice(from, to).map(({ target }) => target);
      const more = to < document.targets.length;
      return { Targets, ...(more && { NextToken: Buffer.from(String(to)).toString('base64url') }) };
    },
  });

function positionOf(token: string): number {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new ServiceError('ValidationException', 'The NextToken is not one of this list: pass on the token of the page before.');
}

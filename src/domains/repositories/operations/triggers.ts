import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { Json } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { newNotice, noticeKey, storedPrincipal } from '../../../platform/notices.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Write } from '../../../platform/store/port.ts';
import { targetOf, triggerMessage } from '../decide-triggers.ts';
import { branchRef } from '../decide-references.ts';
import type { OwnPorts } from '../ports.ts';
import { openRepository, readRepository, repositoryNeeds } from '../repository-access.ts';
import { repositoryArn, type TriggerDocument } from '../resources.ts';

const TRIGGERS_MAX = 10;

interface AskedTrigger {
  readonly name: string;
  readonly destinationArn: string;
  readonly customData?: string;
  readonly branches?: readonly string[];
  readonly events: readonly string[];
}

function checkedTriggers(asked: readonly AskedTrigger[], region: string): TriggerDocument[] {
  if (asked.length > TRIGGERS_MAX) {
    throw new ServiceError('MaximumRepositoryTriggersExceededException', `A repository has at most ${TRIGGERS_MAX} triggers.`);
  }
  return asked.map(({ name, destinationArn, customData, branches = [], events }) => {
    if (!/^[\w.-]{1,100}$/.test(name)) {
      throw new ServiceError(
        'InvalidRepositoryTriggerNameException',
        `The name of the trigger is not valid: ${name.slice(0, 200)}.`,
      );
    }
    const isTarget = targetOf(destinationArn);
    if (!isTarget) {
      throw new ServiceError(
        'InvalidRepositoryTriggerDestinationArnException',
        `The Amazon Resource Name (ARN) for the trigger is not valid for the specified destination: ${destinationArn.slice(0, 200)}.`,
      );
    }
    if (destinationArn.split(':')[3] !== region) {
      throw new ServiceError('InvalidRepositoryTriggerRegionException', `The target ${destinationArn} is in another region.`);
    }
    if (events.length === 0 || (events.includes('all') && events.length > 1)) {
      throw new ServiceError(
        'InvalidRepositoryTriggerEventsException',
        'One or more events specified for the trigger is not valid. Check to make sure that all events specified match the requirements for allowed events.',
      );
    }
    const custom = customData === undefined ? {} : { customData };
    return { name, destinationArn, ...custom, branches: [...branches], events: [...events] };
  });
}

export const getRepositoryTriggers = (own: OwnPorts): Operation<'codecommit:GetRepositoryTriggers'> =>
  operation('codecommit:GetRepositoryTriggers', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetRepositoryTriggers'>('codecommit:GetRepositoryTriggers'),
    async handle({ repositoryName }, context) {
      const { document } = await readRepository(own.store, context, repositoryName);
      const { triggers } = document;
      return {
        ...(triggers && { configurationId: triggers.id }),
        triggers: (triggers?.list ?? []) as (TriggerDocument & { events: ('all' | 'updateReference')[] })[],
      };
    },
  });

export const putRepositoryTriggers = (own: OwnPorts): Operation<'codecommit:PutRepositoryTriggers'> =>
  operation('codecommit:PutRepositoryTriggers', {
    effect: 'change',
    needs: repositoryNeeds<'codecommit:PutRepositoryTriggers'>('codecommit:PutRepositoryTriggers'),
    async handle({ repositoryName, triggers }, context) {
      const list = checkedTriggers(triggers, context.region);
      const id = own.ids.uuid();
      await decideAndCommit(own.store, async () => {
        const { key, version, document, index } = await readRepository(own.store, context, repositoryName);
        if (document.triggers?.id === id) return { result: undefined };
        const after = { ...document, triggers: { id, list, sender: storedPrincipal(context.principal) } };
        const changes = { triggers: [(document.triggers?.list ?? null) as Json, list as Json] } as const;
        const ledger = [entryOf(context, context.operation, [repositoryArn(placeOf(context), repositoryName)], changes)];
        return { commit: { expect: [{ key, version }], write: [{ key, document: after, index }], ledger }, result: undefined };
      });
      return { configurationId: id };
    },
  });

/** The messages go out as those of a push do; what the receiver does with them the notices' own record tells. */
export const testRepositoryTriggers = (own: OwnPorts): Operation<'codecommit:TestRepositoryTriggers'> =>
  operation('codecommit:TestRepositoryTriggers', {
    effect: 'change',
    needs: repositoryNeeds<'codecommit:TestRepositoryTriggers'>('codecommit:TestRepositoryTriggers'),
    async handle({ repositoryName, triggers }, context) {
      const list = checkedTriggers(triggers, context.region);
      const { known, document } = await openRepository(own, context, repositoryName);
      const arn = repositoryArn(placeOf(context), repositoryName);
      const name = branchRef(document.defaultBranch ?? 'main');
      const after = known.references[name] ?? '0'.repeat(40);
      const change = { name, before: after, after, commitBefore: after, commitAfter: after };
      const by = { callerArn: context.principal.arn, timeMs: context.nowMs };
      const told = list.flatMap((trigger) => {
        const to = targetOf(trigger.destinationArn);
        const eventId = own.ids.uuid();
        const about = { arn, region: context.region, eventId, configurationId: own.ids.uuid() };
        const body = JSON.stringify(triggerMessage(trigger, [change], about, by));
        const notice = { body, sender: storedPrincipal(context.principal), about: arn, attempts: 0 };
        return to ? [newNotice(noticeKey(placeOf(context), `codecommit/${eventId}`), { to, ...notice }, context.nowMs)] : [];
      });
      await decideAndCommit(own.store, async (count) => {
        if (count > 0 && told[0] && (await own.store.get((told[0].write as Write).key))) return { result: undefined };
        const write = told.map((one) => one.write);
        const timers = told.map((one) => one.timer);
        const ledger = [entryOf(context, context.operation, [arn])];
        return { commit: { expect: write.map(({ key }) => ({ key, version: 0 })), write, timers, ledger }, result: undefined };
      });
      return { successfulExecutions: list.map((trigger) => trigger.name), failedExecutions: [] };
    },
  });

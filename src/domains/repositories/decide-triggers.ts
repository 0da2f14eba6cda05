import type { JsonObject } from '../../platform/json.ts';
import { newNotice, noticeKey, type NoticeTarget } from '../../platform/notices.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { TimerChange, Write } from '../../platform/store/port.ts';
import { branchOf, type ReferenceChange } from './decide-references.ts';
import type { OwnPorts } from './ports.ts';
import { repositoryArn, type RepositoryDocument, type TriggerDocument } from './resources.ts';

const EVENT_OF = (change: ReferenceChange): string =>
  change.before === null ? 'createReference' : change.after === null ? 'deleteReference' : 'updateReference';

/** Those of the changes that a trigger asks for. A trigger of certain branches hears nothing of tags. */
function heardBy(trigger: TriggerDocument, changes: readonly ReferenceChange[]): ReferenceChange[] {
  return changes.filter((change) => {
    const branch = branchOf(change.name);
    const isEvent = trigger.events.includes('all') || trigger.events.includes(EVENT_OF(change));
    return isEvent && (trigger.branches.length === 0 || (branch !== undefined && trigger.branches.includes(branch)));
  });
}

/** Undefined for an ARN that is neither a topic's nor a function's. */
export function targetOf(arn: string): NoticeTarget | undefined {
  if (/^arn:aws[a-z-]*:sns:/.test(arn)) return { kind: 'topic', arn };
  return /^arn:aws[a-z-]*:lambda:[^:]*:[^:]*:function:/.test(arn) ? { kind: 'function', arn } : undefined;
}

/** What a trigger sends: the same document to functions and topics, as AWS writes it. */
export function triggerMessage(
  trigger: TriggerDocument,
  changes: readonly ReferenceChange[],
  about: { readonly arn: string; readonly region: string; readonly eventId: string; readonly configurationId: string },
  by: { readonly callerArn: string; readonly timeMs: number },
): JsonObject {
  const references = changes.map((change) => ({
    commit: change.commitAfter ?? change.commitBefore ?? '',
    ref: change.name,
    ...(change.before === null && { created: true }),
    ...(change.after === null && { deleted: true }),
  }));
  const record = {
    eventId: about.eventId,
    eventVersion: '1.0',
    eventTime: new Date(by.timeMs).toISOString(),
    eventTriggerName: trigger.name,
    eventPartNumber: 1,
    codecommit: { references },
    eventName: 'ReferenceChanges',
    eventTriggerConfigId: about.configurationId,
    eventSourceARN: about.arn,
    userIdentityARN: by.callerArn,
    eventSource: 'aws:codecommit',
    awsRegion: about.region,
    ...(trigger.customData !== undefined && { customData: trigger.customData }),
    eventTotalParts: 1,
  };
  return { Records: [record] };
}

/** Rows that hand the changes over to whom the repository's triggers name. */
export function triggersOf(
  { ids }: Pick<OwnPorts, 'ids'>,
  repository: RepositoryDocument,
  changes: readonly ReferenceChange[],
  place: Place,
  callerArn: string,
  timeMs: number,
): { readonly write: Write; readonly timer: TimerChange }[] {
  const { triggers } = repository;
  return (triggers?.list ?? []).flatMap((trigger) => {
    const heard = heardBy(trigger, changes);
    const to = targetOf(trigger.destinationArn);
    if (!triggers || !to || heard.length === 0) return [];
    const arn = repositoryArn(place, repository.name);
    const eventId = ids.uuid();
    const about = { arn, region: place.region, eventId, configurationId: triggers.id };
    const body = JSON.stringify(triggerMessage(trigger, heard, about, { callerArn, timeMs }));
    const document = { to, body, sender: triggers.sender, about: arn, attempts: 0 };
    return [newNotice(noticeKey(place, `codecommit/${eventId}`), document, timeMs)];
  });
}

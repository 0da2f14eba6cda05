import type { OperationContext } from '../../platform/calls/operation.ts';
import { noticeKey, newNotice } from '../../platform/notices.ts';
import type { EventInput } from '../../platform/events/event.ts';
import type { TimerChange, Write } from '../../platform/store/port.ts';
import { isTold } from './decide-notifications.ts';
import { ownerOf } from './owner.ts';
import { bucketArn, type BucketDocument, type NotificationTarget } from './resources.ts';

/** A change of an object that others may want to hear of. */
export interface ObjectEvent {
  /** `ObjectCreated:Put` and the like. */
  readonly event: string;
  readonly key: string;
  /** The same however often the change is tried. */
  readonly changeId: string;
  readonly sizeBytes?: number;
  readonly eTag?: string;
  readonly versionId: string | undefined;
}

/** What goes into the commit of the change so that each who asked is told of it. */
export interface Told {
  readonly write: readonly Write[];
  readonly timers: readonly TimerChange[];
  readonly events: readonly EventInput[];
}

const NOBODY: Told = { write: [], timers: [], events: [] };

export function notificationsOf(context: OperationContext, bucket: BucketDocument, event: ObjectEvent): Told {
  const targets = (bucket.notifications ?? []).filter((target) => isTold(target, event.event, event.key));
  if (targets.length === 0) return NOBODY;
  const place = { account: context.account, region: bucket.region };
  const deliveries = targets.flatMap((target) => {
    if (target.kind === 'event-bus' || !bucket.notifiedBy) return [];
    return newNotice(
      noticeKey(place, `s3/${event.changeId}/${target.id}`),
      {
        to: { kind: target.kind, arn: target.arn },
        body: JSON.stringify({ Records: [recordOf(context, bucket, event, target)] }),
        sender: bucket.notifiedBy,
        about: bucketArn(bucket.name),
        attempts: 0,
      },
      context.nowMs,
    );
  });
  return {
    write: deliveries.map(({ write }) => write),
    timers: deliveries.map(({ timer }) => timer),
    events: targets.some(({ kind }) => kind === 'event-bus') ? [busEvent(context, bucket, event)] : [],
  };
}

/** Event message structure 2.1 of S3's user guide. */
function recordOf(context: OperationContext, bucket: BucketDocument, event: ObjectEvent, target: NotificationTarget): object {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: bucket.region,
    eventTime: new Date(context.nowMs).toISOString(),
    eventName: event.event,
    userIdentity: { principalId: `AWS:${context.principal.userId}` },
    requestParameters: { sourceIPAddress: context.client?.sourceIp ?? '127.0.0.1' },
    responseElements: { 'x-amz-request-id': context.requestId, 'x-amz-id-2': context.requestId },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: target.id,
      bucket: { name: bucket.name, ownerIdentity: { principalId: ownerOf(context.account).ID }, arn: bucketArn(bucket.name) },
      object: {
        key: encodeURIComponent(event.key).replaceAll('%20', '+').replaceAll('%2F', '/'),
        ...(event.sizeBytes !== undefined && { size: event.sizeBytes }),
        ...(event.eTag !== undefined && { eTag: event.eTag }),
        ...(event.versionId !== undefined && { versionId: event.versionId }),
        sequencer: sequencerOf(context.nowMs),
      },
    },
  };
}

/** As EventBridge gets it. */
function busEvent(context: OperationContext, bucket: BucketDocument, event: ObjectEvent): EventInput {
  const created = event.event.startsWith('ObjectCreated:');
  return {
    source: 'aws.s3',
    detailType: created ? 'Object Created' : 'Object Deleted',
    account: context.account,
    region: bucket.region,
    timeMs: context.nowMs,
    resources: [bucketArn(bucket.name)],
    detail: {
      version: '0',
      bucket: { name: bucket.name },
      object: {
        key: event.key,
        ...(event.sizeBytes !== undefined && { size: event.sizeBytes }),
        ...(event.eTag !== undefined && { etag: event.eTag }),
        ...(event.versionId !== undefined && { 'version-id': event.versionId }),
        sequencer: sequencerOf(context.nowMs),
      },
      'request-id': context.requestId,
      requester: context.account,
      'source-ip-address': context.client?.sourceIp ?? '127.0.0.1',
      ...(created
        ? {
            reason: event.event.includes('Copy')
              ? 'CopyObject'
              : event.event.includes('Multipart')
                ? 'CompleteMultipartUpload'
                : 'PutObject',
          }
        : {
            reason: 'DeleteObject',
            'deletion-type': event.event.endsWith('MarkerCreated') ? 'Delete Marker Created' : 'Permanently Deleted',
          }),
    },
  };
}

/** Compared as hexadecimal text, it orders the events of a key. */
const sequencerOf = (timeMs: number): string => timeMs.toString(16).toUpperCase().padStart(18, '0');

import { ServiceError } from '../../platform/errors/families.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const LOG_GROUP: ResourceDeclaration = {
  kind: 'LogGroup',
  service: 'logs',
  arnType: 'log-group',
  absent: { code: 'ResourceNotFoundException', message: () => 'The specified log group does not exist.' },
  exists: { code: 'ResourceAlreadyExistsException', message: () => 'The specified log group already exists' },
};

/** Named `<group>:<stream>`; neither holds a colon. */
export const LOG_STREAM: ResourceDeclaration = {
  kind: 'LogStream',
  service: 'logs',
  arnType: 'log-stream',
  absent: { code: 'ResourceNotFoundException', message: () => 'The specified log stream does not exist.' },
  exists: { code: 'ResourceAlreadyExistsException', message: () => 'The specified log stream already exists' },
};

/**
 * Set from the decision to delete until row and files are gone. It keeps writers out meanwhile and lets a restart finish:
 * a stream made anew under the same name must not show lines of the old one.
 */
export type Deletion = { actor: string; requestId: string };

export type LogGroupDocument = {
  name: string;
  logGroupClass: string;
  deletion?: Deletion;
  /** Events older than this are taken away; undefined: never. */
  retentionInDays?: number;
};
export type LogStreamDocument = { group: string; name: string; deletion?: Deletion };

export const LOGS_DELETION = 'logs-deletion';
/** Takes events away whose retention is over; key: the group. Its timer stays as long as the group has a retention. */
export const LOGS_RETENTION = 'logs-retention';

export const groupKey = (place: Place, group: string): ResourceKey => keyOf(LOG_GROUP, place, group);
export const streamKey = (place: Place, group: string, stream: string): ResourceKey =>
  keyOf(LOG_STREAM, place, `${group}:${stream}`);

export const fileOf = (key: ResourceKey, { group, name }: LogStreamDocument): LogStreamName => ({
  account: key.account,
  region: key.region,
  group,
  stream: name,
});

export const groupArn = ({ region, account }: Place, group: string): string =>
  `arn:aws:logs:${region}:${account}:log-group:${group}`;
export const streamArn = (place: Place, group: string, stream: string): string =>
  `${groupArn(place, group)}:log-stream:${stream}`;

/** What IAM policies are held against for operations on a group: AWS names a stream with an empty name. */
export const groupAccessArn = (place: Place, group: string): string => streamArn(place, group, '');

/** `log-group:NAME` or `log-group:NAME:*` of an ARN; undefined when it is of something else. */
export function groupOfArn(arnText: string): string | undefined {
  const arn = parseArn(arnText);
  if (arn?.service !== 'logs') return undefined;
  return /^log-group:([^:]+)(:\*)?$/.exec(arn.resource)?.[1];
}

/** A group by name or by `logGroupIdentifier`, which is a name or an ARN; exactly one must be given. */
export function groupNameOf(input: { logGroupName?: string; logGroupIdentifier?: string }): string {
  const { logGroupName, logGroupIdentifier } = input;
  if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
    throw new ServiceError('InvalidParameterException', 'Specify exactly one of logGroupName and logGroupIdentifier.');
  }
  return logGroupName ?? groupOfArn(logGroupIdentifier ?? '') ?? logGroupIdentifier ?? '';
}

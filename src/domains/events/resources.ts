import type { Target } from '../../contract/generated/events.ts';
import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const DEFAULT_BUS = 'default';

export const BUS: ResourceDeclaration = {
  kind: 'EventBus',
  service: 'events',
  arnType: 'event-bus',
  absent: { code: 'ResourceNotFoundException', message: (name) => `Event bus ${name} does not exist.` },
  exists: { code: 'ResourceAlreadyExistsException', message: (name) => `Event bus ${name} already exists.` },
};

/** Its name is `<bus>/<rule>`; in its ARN the default bus is left out. */
export const RULE: ResourceDeclaration = {
  kind: 'EventRule',
  service: 'events',
  arnType: 'rule',
  absent: {
    code: 'ResourceNotFoundException',
    message: (name) =>
      `Rule ${name.slice(name.indexOf('/') + 1)} does not exist on EventBus ${name.slice(0, name.indexOf('/'))}.`,
  },
  exists: { code: 'ResourceAlreadyExistsException', message: (name) => `Rule ${name} already exists.` },
};

/** Named by its ARN, which ends in an id, as connections are. */
export const CONNECTION: ResourceDeclaration = {
  kind: 'EventConnection',
  service: 'events',
  arnType: 'connection',
  absent: {
    code: 'ResourceNotFoundException',
    message: (name) => `Connection '${name}' does not exist.`,
  },
  exists: { code: 'ResourceAlreadyExistsException', message: (name) => `Connection ${name} already exists.` },
};

export const DESTINATION: ResourceDeclaration = {
  kind: 'EventApiDestination',
  service: 'events',
  arnType: 'api-destination',
  absent: {
    code: 'ResourceNotFoundException',
    message: (name) => `An api-destination '${name}' does not exist.`,
  },
  exists: { code: 'ResourceAlreadyExistsException', message: (name) => `An api-destination '${name}' already exists.` },
};

/** The default bus has a row only once something about it was changed. */
export type BusDocument = {
  name: string;
  description?: string;
  policy?: PolicyDocument;
  deadLetterArn?: string;
  createdAtMs: number;
  modifiedAtMs: number;
};

export type RuleState = 'ENABLED' | 'DISABLED';

export type RuleDocument = {
  name: string;
  bus: string;
  arn: string;
  pattern?: string;
  schedule?: string;
  /** Since when a rate counts. */
  scheduleAnchorMs?: number;
  /** The next time of an enabled schedule. */
  nextAtMs?: number;
  state: RuleState;
  description?: string;
  roleArn?: string;
  /** The newest event when it was enabled: it sees those that came later. */
  afterSequence: number;
  targets: TargetDocument[];
  createdAtMs: number;
};

/** A target as it was put, and by whom: without a role it is reached with their rights. */
export type TargetDocument = { target: Target; putBy: JsonObject };

/** How far the events of all services were matched, for the rules of one region. */
export type CursorDocument = { sequence: number };

export type ConnectionDocument = {
  name: string;
  arn: string;
  description?: string;
  type: 'BASIC' | 'API_KEY';
  /** User name, or the name of the key's header. */
  subject: string;
  /** `SealedConnection` as JSON, sealed for the ARN. */
  sealed: string;
  createdAtMs: number;
  modifiedAtMs: number;
};

export type ConnectionParameter = { Key?: string; Value?: string; IsValueSecret?: boolean };
export type SealedConnection = {
  secret: string;
  headers: ConnectionParameter[];
  query: ConnectionParameter[];
  body: ConnectionParameter[];
};

export type DestinationDocument = {
  name: string;
  arn: string;
  description?: string;
  connectionArn: string;
  endpoint: string;
  method: 'POST' | 'GET' | 'HEAD' | 'OPTIONS' | 'PUT' | 'PATCH' | 'DELETE';
  ratePerSecond: number;
  createdAtMs: number;
  modifiedAtMs: number;
};

/** Matches events with rules; key: the region's cursor. */
export const EVENT_MATCHING = 'event-matching';
/** Lets a rule's schedule fire; key: the rule. */
export const RULE_SCHEDULE = 'event-rule-schedule';

export const busKey = (place: Place, name: string): ResourceKey => keyOf(BUS, place, name);
export const busArn = (place: Place, name: string): string => arnOf(BUS, place, name);
export const ruleKey = (place: Place, bus: string, name: string): ResourceKey => keyOf(RULE, place, `${bus}/${name}`);
export const ruleArn = (place: Place, bus: string, name: string): string =>
  arnOf(RULE, place, bus === DEFAULT_BUS ? name : `${bus}/${name}`);
export const cursorKey = ({ account, region }: Place): ResourceKey => ({ account, region, kind: 'EventCursor', name: 'rules' });

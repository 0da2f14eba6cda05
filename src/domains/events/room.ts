import type { Room } from '../../platform/calls/operation.ts';
import type { ApiDestinations } from '../../platform/ports/api-destinations.ts';
import { createApiDestinations } from './connections.ts';
import { createEventBus, deleteEventBus, describeEventBus, listEventBuses, updateEventBus } from './operations/buses.ts';
import {
  createApiDestination,
  deleteApiDestination,
  describeApiDestination,
  listApiDestinations,
  updateApiDestination,
} from './operations/api-destinations.ts';
import {
  createConnection,
  deleteConnection,
  describeConnection,
  listConnections,
  updateConnection,
} from './operations/connections.ts';
import { listTagsForResource, tagResource, untagResource } from './operations/event-tags.ts';
import { putPermission, removePermission } from './operations/permissions.ts';
import { putEvents, testEventPattern } from './operations/put-events.ts';
import {
  deleteRule,
  describeRule,
  disableRule,
  enableRule,
  listRuleNamesByTarget,
  listRules,
  putRule,
} from './operations/rules.ts';
import { listTargetsByRule, putTargets, removeTargets } from './operations/targets.ts';
import { EventMatcher } from './reconcile-events.ts';
import { ruleScheduleReconciler } from './reconcile-schedule.ts';
import { BUS, CONNECTION, DESTINATION, RULE } from './resources.ts';
import type { EventsPorts } from './ports.ts';

interface EventsRoom extends Room {
  /** For the room that sends notices. */
  readonly destinations: ApiDestinations;
}

/** EventBridge: what services and callers tell of, held against rules; what fits goes to targets as notices. */
export function createEventsRoom(ports: EventsPorts): EventsRoom {
  return {
    name: 'events',
    operations: [
      createEventBus(ports),
      deleteEventBus(ports),
      describeEventBus(ports),
      listEventBuses(ports),
      updateEventBus(ports),
      putPermission(ports),
      removePermission(ports),
      putRule(ports),
      describeRule(ports),
      listRules(ports),
      listRuleNamesByTarget(ports),
      enableRule(ports),
      disableRule(ports),
      deleteRule(ports),
      putTargets(ports),
      removeTargets(ports),
      listTargetsByRule(ports),
      putEvents(ports),
      testEventPattern(),
      tagResource(ports),
      untagResource(ports),
      listTagsForResource(ports),
      createConnection(ports),
      describeConnection(ports),
      listConnections(ports),
      updateConnection(ports),
      deleteConnection(ports),
      createApiDestination(ports),
      describeApiDestination(ports),
      listApiDestinations(ports),
      updateApiDestination(ports),
      deleteApiDestination(ports),
    ],
    resources: [BUS, RULE, CONNECTION, DESTINATION],
    reconcilers: [new EventMatcher(ports), ruleScheduleReconciler(ports)],
    calls: [],
    destinations: createApiDestinations(ports),
  };
}

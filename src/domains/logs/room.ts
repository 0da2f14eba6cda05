import type { Room } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import { getLogEvents, putLogEvents } from './operations/events.ts';
import { filterLogEvents } from './operations/filter.ts';
import { listTagsForResource, listTagsLogGroup, tagResource, untagResource } from './operations/group-tags.ts';
import { createLogGroup, deleteLogGroup, describeLogGroups } from './operations/groups.ts';
import { deleteRetentionPolicy, putRetentionPolicy } from './operations/retention.ts';
import { createLogStream, deleteLogStream, describeLogStreams } from './operations/streams.ts';
import { logsDeletionReconciler } from './reconcile-deletion.ts';
import { retentionReconciler } from './reconcile-retention.ts';
import { LOG_GROUP, LOG_STREAM } from './resources.ts';
import { createStreamIndex } from './stream-index.ts';
import type { LogsPorts } from './ports.ts';

/** CloudWatch Logs: groups and streams as rows, events as lines of files that shims write while their job runs. */
export function createLogsRoom(ports: LogsPorts & { readonly clock: Clock }): Room {
  const own = { ...ports, index: createStreamIndex(ports.files) };
  return {
    name: 'logs',
    operations: [
      createLogGroup(own),
      deleteLogGroup(own),
      describeLogGroups(own),
      createLogStream(own),
      deleteLogStream(own),
      describeLogStreams(own),
      putLogEvents(own),
      getLogEvents(own),
      filterLogEvents(own),
      putRetentionPolicy(own),
      deleteRetentionPolicy(own),
      tagResource(own),
      untagResource(own),
      listTagsForResource(own),
      listTagsLogGroup(own),
    ],
    resources: [LOG_GROUP, LOG_STREAM],
    reconcilers: [logsDeletionReconciler(own), retentionReconciler(own)],
    calls: [],
  };
}

import type { Room } from '../../platform/calls/operation.ts';
import { addTags, deleteTags, listTags } from './operations/tags.ts';
import type { TaggingPorts } from './ports.ts';

/** Tags of SageMaker resources of any room: it knows them by their declarations only. */
export function createTaggingRoom(ports: TaggingPorts): Room {
  return {
    name: 'tagging',
    operations: [addTags(ports), deleteTags(ports), listTags(ports)],
    resources: [],
    calls: [],
  };
}

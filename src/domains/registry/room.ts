import type { Room } from '../../platform/calls/operation.ts';
import { deleteModelPackage, updateModelPackage } from './operations/change-packages.ts';
import { createModelPackage } from './operations/create-package.ts';
import { groupOperations } from './operations/groups.ts';
import { batchDescribeModelPackage, describeModelPackage, listModelPackages } from './operations/read-packages.ts';
import type { RegistryPorts } from './ports.ts';
import { MODEL_PACKAGE, MODEL_PACKAGE_GROUP } from './resources.ts';
import { VersionSequence } from './version-sequence.ts';

/** The model registry: groups, numbered versions with their approval, unversioned packages. */
export function createRegistryRoom(ports: RegistryPorts): Room {
  const { store } = ports;
  return {
    name: 'registry',
    operations: [
      ...groupOperations(store),
      createModelPackage(ports, new VersionSequence(store)),
      describeModelPackage(store),
      batchDescribeModelPackage(store),
      listModelPackages(store),
      updateModelPackage(ports),
      deleteModelPackage(ports),
    ],
    resources: [MODEL_PACKAGE_GROUP, MODEL_PACKAGE],
    calls: ['s3:GetObject', 's3:ListObjectsV2'],
  };
}

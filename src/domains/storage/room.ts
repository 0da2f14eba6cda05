import type { Room } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import {
  deleteBucketTagging,
  getBucketNotificationConfiguration,
  getBucketTagging,
  getBucketVersioning,
  putBucketNotificationConfiguration,
  putBucketTagging,
  putBucketVersioning,
} from './operations/bucket-settings.ts';
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from './operations/buckets.ts';
import { completeMultipartUpload } from './operations/complete-upload.ts';
import { copyObject } from './operations/copy-object.ts';
import { deleteObject, deleteObjects } from './operations/delete-objects.ts';
import { getObject, headObject } from './operations/get-object.ts';
import { listObjects, listObjectsV2 } from './operations/list-objects.ts';
import { listObjectVersions } from './operations/list-versions.ts';
import { getObjectAttributes } from './operations/object-attributes.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './operations/object-tags.ts';
import { putObject } from './operations/put-object.ts';
import { listParts, uploadPart, uploadPartCopy } from './operations/upload-parts.ts';
import { abortMultipartUpload, createMultipartUpload, listMultipartUploads } from './operations/uploads.ts';
import { bucketDeletionReconciler } from './reconcile-bucket-deletion.ts';
import { uploadCleanupReconciler } from './reconcile-upload-cleanup.ts';
import { BUCKET, OBJECT, OBJECT_VERSION, UPLOAD, UPLOAD_PART } from './resources.ts';
import type { StoragePorts } from './ports.ts';

/** S3: buckets, objects and multipart uploads over content-addressed blobs. */
export function createStorageRoom(ports: StoragePorts & { readonly clock: Clock }): Room {
  return {
    name: 'storage',
    operations: [
      createBucket(ports),
      headBucket(ports),
      deleteBucket(ports),
      listBuckets(ports),
      getBucketLocation(ports),
      putObject(ports),
      getObject(ports),
      headObject(ports),
      getObjectAttributes(ports),
      deleteObject(ports),
      deleteObjects(ports),
      copyObject(ports),
      listObjects(ports),
      listObjectsV2(ports),
      createMultipartUpload(ports),
      uploadPart(ports),
      uploadPartCopy(ports),
      completeMultipartUpload(ports),
      abortMultipartUpload(ports),
      listParts(ports),
      listMultipartUploads(ports),
      putBucketVersioning(ports),
      getBucketVersioning(ports),
      listObjectVersions(ports),
      putObjectTagging(ports),
      getObjectTagging(ports),
      deleteObjectTagging(ports),
      putBucketTagging(ports),
      getBucketTagging(ports),
      deleteBucketTagging(ports),
      putBucketNotificationConfiguration(ports),
      getBucketNotificationConfiguration(ports),
    ],
    resources: [BUCKET, OBJECT, OBJECT_VERSION, UPLOAD, UPLOAD_PART],
    reconcilers: [bucketDeletionReconciler(ports), uploadCleanupReconciler(ports)],
    calls: [],
  };
}

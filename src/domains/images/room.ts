import type { Room } from '../../platform/calls/operation.ts';
import { batchDeleteImage, batchGetImage, describeImages, listImages } from './operations/images.ts';
import {
  batchCheckLayerAvailability,
  completeLayerUpload,
  getDownloadUrlForLayer,
  initiateLayerUpload,
  uploadLayerPart,
} from './operations/layers.ts';
import { putImage } from './operations/put-image.ts';
import { createRepository, deleteRepository, describeRepositories, putImageTagMutability } from './operations/repositories.ts';
import { listTagsForResource, tagResource, untagResource } from './operations/repository-tags.ts';
import { getAuthorizationToken } from './operations/tokens.ts';
import type { ImagesPorts } from './ports.ts';
import { layerSweep, uploadExpiry } from './reconcile-layers.ts';
import { IMAGE, IMAGE_TAG, LAYER, LAYER_UPLOAD, REPOSITORY } from './resources.ts';

/** ECR: repositories of images. The registry protocol (`/v2/`) speaks to the same operations. */
export function createImagesRoom(ports: ImagesPorts): Room {
  return {
    name: 'images',
    operations: [
      createRepository(ports),
      describeRepositories(ports),
      deleteRepository(ports),
      putImageTagMutability(ports),
      getAuthorizationToken(ports),
      initiateLayerUpload(ports),
      uploadLayerPart(ports),
      completeLayerUpload(ports),
      batchCheckLayerAvailability(ports),
      getDownloadUrlForLayer(ports),
      putImage(ports),
      batchGetImage(ports),
      describeImages(ports),
      listImages(ports),
      batchDeleteImage(ports),
      tagResource(ports),
      untagResource(ports),
      listTagsForResource(ports),
    ],
    resources: [REPOSITORY, IMAGE, IMAGE_TAG, LAYER, LAYER_UPLOAD],
    reconcilers: [layerSweep(ports), uploadExpiry(ports)],
    calls: [],
    start: () => ports.imageIndex.fill(),
  };
}

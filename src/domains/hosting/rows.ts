import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { endpointBlobs, type EndpointDocument } from './resources.ts';

/** Models and endpoint configs never change, so they are modified when they are made. */
export const plainWrite = (key: ResourceKey, document: { readonly CreationTime: number }): Write => ({
  key,
  document: document as unknown as JsonObject,
  index: { createdAtMs: document.CreationTime, modifiedAtMs: document.CreationTime },
});

export const endpointWrite = (key: ResourceKey, document: EndpointDocument): Write => ({
  key,
  document: document as unknown as JsonObject,
  index: { status: document.EndpointStatus, createdAtMs: document.CreationTime, modifiedAtMs: document.LastModifiedTime },
  blobs: endpointBlobs(document),
});

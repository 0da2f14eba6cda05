import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import { endpointBlobs, type EndpointDocument } from './resources.ts';

/** Models and endpoint configs never change, so they are modified when they are made. */
export const plainWrite = (key: ResourceKey, document: { readonly CreationTime: number }): Write =>
  writeOf(key, document, { createdAtMs: document.CreationTime, modifiedAtMs: document.CreationTime });

export const endpointWrite = (key: ResourceKey, document: EndpointDocument): Write =>
  writeOf(
    key,
    document,
    { status: document.EndpointStatus, createdAtMs: document.CreationTime, modifiedAtMs: document.LastModifiedTime },
    endpointBlobs(document),
  );

import type { Ids } from '../ids.ts';
import type { Principal } from './principal.ts';
import { openText, sealText } from './signed-and-sealed.ts';

/** Who acts at the image registry, and in which region's. */
export interface RegistryAccess {
  readonly principal: Principal;
  readonly region: string;
  readonly expiresAtMs: number;
  /** Where it stands in an address: good to get what is under this path, and for nothing else. */
  readonly path?: string;
}

/**
 * The password of `docker login`: the principal itself, sealed under the installation's key, so that nothing about it is stored.
 * Policies are read at each use; whether a user's access key still exists is for whoever opens it to ask.
 */
export interface RegistryTokens {
  seal(access: RegistryAccess): string;
  /** Undefined for what this installation did not seal, or what has expired. */
  open(token: string, nowMs: number): RegistryAccess | undefined;
}

const PURPOSE = 'image registry';

export function createRegistryTokens(sealingKey: string, ids: Pick<Ids, 'bytes'>): RegistryTokens {
  return {
    seal: (access) => sealText(sealingKey, JSON.stringify(access), PURPOSE, ids),
    open(token, nowMs) {
      const text = openText(sealingKey, token, PURPOSE);
      if (text === undefined) return undefined;
      const access = JSON.parse(text) as RegistryAccess;
      return access.expiresAtMs > nowMs ? access : undefined;
    },
  };
}

import { createHash } from 'node:crypto';
import type { NameInstance } from './decide-endpoint.ts';

/**
 * Names of one endpoint's instances. The time of its making is part of them, so that an endpoint made again under the
 * same name shares nothing with the one before.
 */
export function instanceNames(endpointArn: string, createdAtMs: number): NameInstance {
  const digestOf = (parts: readonly (string | number)[]) =>
    createHash('sha256')
      .update(JSON.stringify([endpointArn, createdAtMs, ...parts]))
      .digest('hex');
  return (fleet, variant, index, containers) => {
    const digest = digestOf([fleet, variant, index]);
    const following = Array.from(
      { length: containers - 1 },
      (_, place) => `endpoint-${digestOf([fleet, variant, index, place + 1]).slice(0, 32)}`,
    );
    return {
      id: `i-${digest.slice(0, 17)}`,
      workId: `endpoint-${digest.slice(0, 32)}`,
      ...(following.length > 0 && { following }),
    };
  };
}

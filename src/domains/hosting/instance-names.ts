import { createHash } from 'node:crypto';
import type { NameInstance } from './decide-endpoint.ts';

/**
 * Names of one endpoint's instances. The time of its making is part of them, so that an endpoint made again under the
 * same name shares nothing with the one before.
 */
export function instanceNames(endpointArn: string, createdAtMs: number): NameInstance {
  return (fleet, variant, index) => {
    const digest = createHash('sha256')
      .update(JSON.stringify([endpointArn, createdAtMs, fleet, variant, index]))
      .digest('hex');
    return { id: `i-${digest.slice(0, 17)}`, workId: `endpoint-${digest.slice(0, 32)}` };
  };
}

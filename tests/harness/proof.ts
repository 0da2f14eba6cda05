import { join } from 'node:path';

/**
 * Environment under which a Python client records the operations it got answered, for docs/api-coverage.md. Empty unless
 * SLIPWAY_PROOF_FILE is set: an ordinary test run leaves no trace.
 */
export function proofEnvironment(test: string): Record<string, string> {
  const file = process.env['SLIPWAY_PROOF_FILE'];
  if (file === undefined) return {};
  return { PYTHONPATH: join(import.meta.dirname, 'proof'), SLIPWAY_PROOF_FILE: file, SLIPWAY_PROOF_TEST: test };
}

import type { PatternPatch } from '../src/contract/model.ts';

/**
 * Our overrides of patterns in the models, by the exact text the model has. A pattern that botocore changes is no longer
 * found here, and the tests that try every pattern with hostile strings say so.
 */
export const patternPatches: readonly PatternPatch[] = [];

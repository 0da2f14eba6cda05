import { parseDefinition, type Problem, unsupportedSteps } from '@slipway/sdk/definition';
import { loadModel } from '../../models/load.ts';
import type { ServiceModel } from '../contract/model.ts';
import { checkOptionsOf } from '../platform/definitions/check-options.ts';

/** What a check of a definition found: what is wrong with it, and what is right but not executed by this version. */
export interface Findings {
  readonly problems: readonly string[];
  readonly notExecuted: readonly string[];
}

/** Checks a definition's text as the server does at upsert, arguments and property paths included. */
export function findingsOf(definition: string): Findings {
  const parsed = parseDefinition(definition, check);
  if (parsed.problems) return { problems: parsed.problems.map(lineOf), notExecuted: [] };
  return { problems: [], notExecuted: unsupportedSteps(parsed.graph).map(({ message }) => message) };
}

let model: ServiceModel | undefined; // read on first use: some 40 ms

const check = checkOptionsOf(() => (model ??= loadModel('sagemaker')));

function lineOf({ path, step, message }: Problem): string {
  const where = step === undefined ? path : `${path} (step '${step}')`;
  return where === '' ? message : `${where}: ${message}`;
}

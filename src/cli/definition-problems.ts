import {
  DESCRIBE_SHAPES,
  formatPath,
  parseDefinition,
  type Problem,
  type PropertyExists,
  unsupportedSteps,
} from '@slipway/sdk/definition';
import { loadModel } from '../../models/load.ts';
import type { ServiceModel } from '../contract/model.ts';
import { findProperty } from '../contract/properties.ts';

/** What a check of a definition found: what is wrong with it, and what is right but not executed by this version. */
export interface Findings {
  readonly problems: readonly string[];
  readonly notExecuted: readonly string[];
}

/** Checks a definition's text as the server does at upsert, property paths included. */
export function findingsOf(definition: string): Findings {
  const parsed = parseDefinition(definition, { propertyExists });
  if (parsed.problems) return { problems: parsed.problems.map(lineOf), notExecuted: [] };
  return { problems: [], notExecuted: unsupportedSteps(parsed.graph).map(({ message }) => message) };
}

let model: ServiceModel | undefined; // read on first use: some 40 ms

const propertyExists: PropertyExists = (type, path) => {
  const shape = DESCRIBE_SHAPES[type];
  if (shape === undefined) return true;
  model ??= loadModel('sagemaker');
  const found = findProperty(model, shape, formatPath(path));
  return found.outcome === 'found' || found;
};

function lineOf({ path, step, message }: Problem): string {
  const where = step === undefined ? path : `${path} (step '${step}')`;
  return where === '' ? message : `${where}: ${message}`;
}

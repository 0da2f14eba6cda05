import { CURRENT, PREVIOUS, type VersionState } from './resources.ts';

/** Which version has which stage; pure. */

export type Versions = { readonly [id: string]: VersionState };

/** AWS keeps about a hundred; versions that have a stage are never let go of. */
const VERSIONS_MAX = 100;

/** Stages go to `id`, from wherever they are; what loses AWSCURRENT becomes AWSPREVIOUS. */
export function moveStages(versions: Versions, id: string, stages: readonly string[]): { [id: string]: VersionState } {
  const displaced = stages.includes(CURRENT) ? holderOf(versions, CURRENT) : undefined;
  const taken = displaced !== undefined && displaced !== id ? [...stages, PREVIOUS] : stages;
  const after = Object.fromEntries(
    Object.entries(versions).map(([other, state]) => [
      other,
      { ...state, stages: state.stages.filter((stage) => !taken.includes(stage)) },
    ]),
  );
  const target = after[id];
  if (target) after[id] = { ...target, stages: [...target.stages, ...stages] };
  const before = displaced !== undefined && displaced !== id ? after[displaced] : undefined;
  if (displaced !== undefined && before) after[displaced] = { ...before, stages: [...before.stages, PREVIOUS] };
  return after;
}

export function withoutStage(versions: Versions, id: string, stage: string): { [id: string]: VersionState } {
  return Object.fromEntries(
    Object.entries(versions).map(([other, state]) => [
      other,
      other === id ? { ...state, stages: state.stages.filter((one) => one !== stage) } : state,
    ]),
  );
}

export const holderOf = (versions: Versions, stage: string): string | undefined =>
  Object.entries(versions).find(([, { stages }]) => stages.includes(stage))?.[0];

/** Deprecated versions that are too many, the oldest first. */
export function surplusVersions(versions: Versions): string[] {
  const surplus = Object.keys(versions).length - VERSIONS_MAX;
  if (surplus <= 0) return [];
  const deprecated = Object.entries(versions).filter(([, { stages }]) => stages.length === 0);
  return deprecated
    .sort(([, a], [, b]) => a.createdAtMs - b.createdAtMs)
    .slice(0, surplus)
    .map(([id]) => id);
}

/** `{ id: stages }` as AWS shows it: deprecated versions are left out. */
export const stagesOf = (versions: Versions): { [id: string]: string[] } =>
  Object.fromEntries(
    Object.entries(versions)
      .filter(([, { stages }]) => stages.length > 0)
      .map(([id, { stages }]) => [id, stages]),
  );

import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { isObject } from './expressions.ts';

/** Who waits for whom, and for what. */
export interface Wait {
  readonly on: string;
  readonly trigger: 'Completed' | 'Failed' | 'Stopped' | 'Any';
}

export interface ProgramStep {
  readonly name: string;
  readonly type: string;
  readonly step: JsonObject;
  /** The Condition it is nested in, and where. */
  readonly inside?: { readonly condition: string; readonly branch: boolean };
  /** Of a step of a ForEach's body: that step. */
  readonly forEach?: string;
  readonly waits: readonly Wait[];
}

/** The steps of a definition by name, in document order; those of ForEach bodies among them. */
export function readProgram(definition: JsonObject): Map<string, ProgramStep> {
  const program = new Map<string, ProgramStep>();
  const add = (list: Json | undefined, place: Pick<ProgramStep, 'inside' | 'forEach'>) => {
    for (const step of Array.isArray(list) ? (list as JsonObject[]) : []) {
      const [name, type] = [String(step['Name']), String(step['Type'])];
      program.set(name, { name, type, step, ...place, waits: waitsOf(step) });
      const given = isObject(step['Arguments']) ? step['Arguments'] : {};
      if (type === 'Condition') {
        add(given['IfSteps'], { inside: { condition: name, branch: true } });
        add(given['ElseSteps'], { inside: { condition: name, branch: false } });
      }
      if (type === 'ForEach') add(given['ForEachBody'], { forEach: name });
    }
  };
  add(definition['Steps'], {});
  for (const [name, at] of program) {
    if (at.type !== 'ForEach') continue;
    // the iterations begin together, so the ForEach waits for what any of them waits for outside
    const body = [...program.values()].filter(({ forEach }) => forEach === name);
    const outside = body.flatMap(({ waits }) => waits.filter(({ on }) => program.get(on)?.forEach !== name));
    program.set(name, { ...at, waits: [...at.waits, ...outside] });
    for (const inner of body) {
      const waits = inner.waits.filter(({ on }) => program.get(on)?.forEach === name);
      program.set(inner.name, { ...inner, waits });
    }
  }
  return program;
}

const SILENT = new Set([
  'Name',
  'Type',
  'DependsOn',
  'CacheConfig',
  'RetryPolicies',
  'PropertyFiles',
  'IfSteps',
  'ElseSteps',
  'ForEachBody',
]);

function waitsOf(step: JsonObject): Wait[] {
  const waits: Wait[] = [];
  for (const one of Array.isArray(step['DependsOn']) ? step['DependsOn'] : []) {
    if (isObject(one)) waits.push({ on: String(one['Step']), trigger: (one['Trigger'] ?? 'Completed') as Wait['trigger'] });
    else waits.push({ on: String(one), trigger: 'Completed' });
  }
  const reads = new Set<string>();
  const look = (value: Json) => {
    if (Array.isArray(value)) value.forEach(look);
    else if (isObject(value)) {
      const text = value['Get'];
      const name = typeof text === 'string' ? /^Steps\.([^.[]+)/.exec(text)?.[1] : undefined;
      if (name !== undefined) reads.add(name);
      for (const [key, inner] of Object.entries(value)) if (!SILENT.has(key)) look(inner);
    }
  };
  for (const [key, value] of Object.entries(step)) if (!SILENT.has(key)) look(value);
  if (step['Type'] === 'Cleanup') {
    const sources = ((step['Arguments'] as JsonObject)['Resources'] as JsonObject)['S3'] as JsonObject[];
    for (const { StepName } of sources) reads.add(String(StepName));
  }
  // what is read is waited for until it succeeded, unless DependsOn says for what else
  for (const on of reads) if (!waits.some((wait) => wait.on === on)) waits.push({ on, trigger: 'Completed' });
  return waits;
}

import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { outputsOf, type StepEnd } from './ends.ts';
import { Unknown } from './expressions.ts';
import { type Circumstances, type ExecutionEnd, interpret, type Witness } from './interpreter.ts';
import { readProgram } from './program.ts';

/** How an execution goes if nobody interferes: the interpreter's own story, told without any engine. */
export function imagine(
  definition: JsonObject,
  parameters: Readonly<Record<string, Json>> = {},
  circumstances: Circumstances = {},
): { readonly ends: Record<string, StepEnd>; readonly permitted: ReadonlySet<ExecutionEnd> } {
  const program = readProgram(definition);
  const values = Object.entries(parameters).map(([name, value]) => [name, { type: typeof value, value }] as const);
  const witness: Witness = {
    end: (_step, permitted) => [...permitted][0] as StepEnd,
    branch: (_step, permitted) => [...permitted][0] as boolean,
    document: (name, asked) => {
      const step = program.get(name) ?? program.get(name.replace(/-\d+$/, ''));
      const outputs = step && outputsOf(step.step, asked as JsonObject);
      return { ...(asked as JsonObject), JobName: `job of ${name}`, OutputParameters: outputs ?? {} };
    },
    byStop: () => false,
    elapsedMs: () => 0,
    takenFrom: () => undefined,
    isLeftOut: () => false,
    file: (uri) => {
      throw new Unknown(uri);
    },
  };
  const facts = { parameters: new Map(values), execution: {} };
  const { fates, permitted } = interpret(definition, facts, circumstances, witness);
  const ran = [...fates].filter(([, { status }]) => status !== 'absent');
  return { ends: Object.fromEntries(ran.map(([name, { status }]) => [name, status])), permitted };
}

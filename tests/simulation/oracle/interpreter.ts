import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { type Ends, endsOf, type StepEnd } from './ends.ts';
import { conditionsHold, evaluate, type Facts, isObject, Unknown, Wrong } from './expressions.ts';
import { type Fate, isMet, type Met } from './fates.ts';
import { type ProgramStep, readProgram } from './program.ts';

/** What happened to an execution from outside; without any of it everything is determined by the definition. */
export interface Circumstances {
  /** A stop was asked for, answered or not. */
  readonly stopped?: boolean;
  /** How often a retry was asked for, answered or not. */
  readonly rounds?: number;
  /** The environment did something to the work of this step: lost it, stopped it, changed what it reads. */
  disturbed?(step: string): boolean;
}

/** Where the interpreter learns what really happened; a dream of it where nothing did. */
export interface Witness {
  /** Which of the permitted ends a step came to. Tells a problem itself where it came to another. */
  end(step: string, permitted: ReadonlySet<StepEnd>): StepEnd;
  /** Of a Condition that succeeded. */
  branch(step: string, permitted: ReadonlySet<boolean>): boolean;
  /** What the step's properties are paths into. Throws Unknown. */
  document(step: string, asked: Json): Json;
  /** What a step was asked with, by its resolved arguments, and what it came to. */
  asked?(step: ProgramStep, name: string, resolved: JsonObject, ends: Ends): void;
  /** Whether its end comes from a job that somebody stopped, or that ran out of its time. */
  byStop(step: string): boolean | undefined;
  /** How long a step took, from its start to its end. */
  elapsedMs(step: string): number;
  /** Of a step whose result was taken from elsewhere: the cache, or the source of a selective execution. */
  takenFrom(step: string): 'cache' | 'source' | undefined;
  /** A step left out by a selective execution. */
  isLeftOut(step: string): boolean;
  file(uri: string): string;
}

export type ExecutionEnd = 'Succeeded' | 'Failed' | 'Stopped' | 'CompletedWithFailures';

export interface Interpretation {
  /** Of every step and child; steps that never ran are absent. */
  readonly fates: ReadonlyMap<string, Fate>;
  readonly permitted: ReadonlySet<ExecutionEnd>;
}

/**
 * Walks through a definition step by step, as if there was one machine and no clock: for each step it says how it may end, has the witness
 * tell how it did, and goes on with that.
 */
export function interpret(
  definition: JsonObject,
  facts: Pick<Facts, 'parameters' | 'execution'>,
  circumstances: Circumstances,
  witness: Witness,
): Interpretation {
  const interpreter = new Interpreter(readProgram(definition), facts, circumstances, witness);
  return interpreter.run();
}

/** What takes longer than this may have failed by that alone: a function by its time-out, an endpoint by its health checks. */
const PATIENCE_MS: Readonly<Record<string, number>> = {
  Lambda: 3_000,
  Endpoint: 240_000,
  Training: 3_600_000,
  Processing: 86_400_000,
  Transform: 86_400_000,
  Callback: 7 * 86_400_000,
};

class Interpreter {
  readonly #program: ReadonlyMap<string, ProgramStep>;
  readonly #given: Pick<Facts, 'parameters' | 'execution'>;
  readonly #circumstances: Circumstances;
  readonly #witness: Witness;
  readonly #fates = new Map<string, Fate>();
  readonly #documents = new Map<string, Json>();

  constructor(
    program: ReadonlyMap<string, ProgramStep>,
    given: Pick<Facts, 'parameters' | 'execution'>,
    circumstances: Circumstances,
    witness: Witness,
  ) {
    this.#program = program;
    this.#given = given;
    this.#circumstances = circumstances;
    this.#witness = witness;
  }

  run(): Interpretation {
    for (const [name, { forEach }] of this.#program) if (forEach === undefined) this.#fate(name);
    return { fates: this.#fates, permitted: this.#permitted() };
  }

  #fate(name: string): Fate {
    const known = this.#fates.get(name);
    if (known) return known;
    const fate = this.#decide(this.#step(name));
    this.#fates.set(name, fate);
    return fate;
  }

  #step(name: string): ProgramStep {
    const step = this.#program.get(name);
    if (!step) throw new Error(`the definition has no step ${name}`);
    return step;
  }

  #decide(step: ProgramStep): Fate {
    const { name, type } = step;
    if (this.#witness.isLeftOut(name)) return { status: this.#witness.end(name, new Set(['absent'])), why: 'unneeded' };
    const taken = this.#witness.takenFrom(name);
    const met = taken === 'source' ? 'yes' : this.#mayRun(step);
    if (met !== 'yes' && met !== 'perhaps') {
      return { status: this.#witness.end(name, new Set(['absent'])), why: met };
    }
    if (taken) {
      const branch = type === 'Condition' ? this.#witness.branch(name, new Set([true, false])) : undefined;
      if (taken === 'cache') this.#ends(step, name, this.#facts()); // so that the witness compares what was asked
      return { status: this.#witness.end(name, new Set(['Succeeded'])), branch };
    }
    const run = { Condition: () => this.#condition(step, met), ForEach: () => this.#forEach(step, met) };
    const fate = type === 'Condition' || type === 'ForEach' ? run[type]() : this.#work(step, met);
    if (fate.status === 'absent') return { ...fate, why: met === 'perhaps' ? 'unneeded' : 'blocked' };
    return { ...fate, isLeftover: met === 'perhaps' && (this.#circumstances.rounds ?? 0) > 0 };
  }

  /** Whether a step's time comes, by the Condition around it and by all it waits for. */
  #mayRun({ inside, waits }: ProgramStep): Met {
    const fateOf = (name: string) => this.#fate(name);
    const all: Met[] = waits.map((wait) => isMet(wait, this.#step(wait.on), fateOf, this.#program));
    if (inside) {
      const around = this.#fate(inside.condition);
      if (around.status === 'absent') all.push(around.why ?? 'blocked');
      else if (around.status !== 'Succeeded') all.push('blocked');
      else all.push(around.branch === inside.branch ? 'yes' : 'not taken');
    }
    const worst = (['blocked', 'not taken', 'unneeded', 'perhaps'] as const).find((one) => all.includes(one)) ?? 'yes';
    // what an earlier round answered stays, though the failure it answered is gone
    const isAnswer = waits.some(({ trigger }) => trigger !== 'Completed') || all.includes('unneeded');
    return (this.#circumstances.rounds ?? 0) > 0 && isAnswer && worst !== 'yes' ? 'perhaps' : worst;
  }

  #end(name: string, met: Met, ends: Iterable<StepEnd>): StepEnd {
    const permitted = new Set<StepEnd>(ends);
    if (met === 'perhaps') permitted.add('absent');
    // what an earlier round left and the last one did not need stands as it ended
    if (met === 'perhaps' && (this.#circumstances.rounds ?? 0) > 0) permitted.add('Failed').add('Stopped');
    if (this.#circumstances.stopped) permitted.add('absent').add('Stopped');
    return this.#witness.end(name, permitted);
  }

  #condition({ name, step }: ProgramStep, met: Met): Fate {
    const { Conditions } = step['Arguments'] as JsonObject;
    let outcomes: Set<boolean | 'wrong'>;
    try {
      outcomes = conditionsHold(Conditions as Json[], this.#facts());
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      outcomes = new Set([true, false, 'wrong']);
    }
    const branches = new Set([...outcomes].filter((one) => one !== 'wrong'));
    const ends: StepEnd[] = [
      ...(branches.size > 0 ? (['Succeeded'] as const) : []),
      ...(outcomes.has('wrong') ? (['Failed'] as const) : []),
    ];
    const status = this.#end(name, met, ends);
    return status === 'Succeeded' ? { status, branch: this.#witness.branch(name, branches) } : { status };
  }

  #work(step: ProgramStep, met: Met): Fate {
    const { name } = step;
    const ends = this.#ends(step, name, this.#facts());
    return { status: this.#end(name, met, ends.permitted), byStop: this.#witness.byStop(name) };
  }

  #ends(step: ProgramStep, name: string, facts: Facts): Ends {
    const given = step.step['Arguments'] as JsonObject | undefined;
    const isLate = this.#witness.elapsedMs(name) >= (PATIENCE_MS[step.type] ?? Number.POSITIVE_INFINITY);
    const disturbed = isLate || (this.#circumstances.disturbed?.(name) ?? false);
    try {
      const { Name: _name, Type: _type, DependsOn: _on, ...more } = step.step;
      const resolved = evaluate(given ?? {}, facts) as JsonObject;
      const extra = evaluate({ FunctionArn: more['FunctionArn'] ?? null, SqsQueueUrl: more['SqsQueueUrl'] ?? null }, facts);
      const document = (of: string) => this.#document(of);
      const { rounds = 0, stopped = false } = this.#circumstances;
      const ends = endsOf(step, resolved, { rounds, stopped, disturbed, document, program: this.#program });
      this.#witness.asked?.(step, name, resolved, ends);
      this.#documents.set(name, { ...resolved, ...(extra as JsonObject) });
      return ends;
    } catch (error) {
      if (error instanceof Wrong) return { permitted: new Set(['Failed']) };
      if (error instanceof Unknown) return { permitted: new Set(['Succeeded', 'Failed']) };
      throw error;
    }
  }

  #forEach({ name, step }: ProgramStep, met: Met): Fate {
    const { IterableItems, Selector } = step['Arguments'] as JsonObject;
    let items: Json[];
    try {
      items = this.#items(evaluate(IterableItems ?? null, this.#facts()));
    } catch (error) {
      if (error instanceof Unknown) throw new Error(`items of ${name} that nobody knows are not drawn`);
      if (!(error instanceof Wrong)) throw error;
      return { status: this.#end(name, met, ['Failed']) };
    }
    // whether it ran at all decides whether its children did
    const mayBeAbsent = met === 'perhaps' || this.#circumstances.stopped === true;
    const isAbsent = mayBeAbsent && this.#witness.end(name, new Set(['Succeeded', 'Failed', 'Stopped', 'absent'])) === 'absent';
    const body = [...this.#program.values()].filter(({ forEach }) => forEach === name);
    const children = items.flatMap((item, index) => body.map((one) => ({ name: `${one.name}-${index}`, item, index, one })));
    for (const { name: child, item, index, one } of children) this.#child(child, one, item, index, isAbsent);
    if (isAbsent) return { status: 'absent' };
    const count = (status: StepEnd) => children.filter((child) => this.#fates.get(child.name)?.status === status).length;
    const counts = { Succeeded: count('Succeeded'), Failed: count('Failed'), Stopped: count('Stopped') };
    const ends = new Set<StepEnd>([counts.Failed > 0 ? 'Failed' : 'Succeeded']);
    const document: JsonObject = {
      InputItemCount: items.length,
      TotalStepCount: children.length,
      SucceededStepCount: counts.Succeeded,
      FailedStepCount: counts.Failed,
      StoppedStepCount: counts.Stopped,
    };
    const outputs = items.map((_, index) => this.#outputs(body, index));
    let unknown = false;
    if (counts.Failed === 0 && isObject(Selector)) {
      try {
        document['Selected'] = this.#selected(Selector, outputs, body);
      } catch (error) {
        if (error instanceof Unknown) unknown = true;
        else if (error instanceof Wrong) ends.clear();
        else throw error;
        ends.add('Failed');
      }
    }
    const status = this.#end(name, met, ends);
    const IterationOutputs = outputs as unknown as Json;
    this.#documents.set(name, { ...document, Status: status, ...(!unknown && { IterationOutputs }) });
    return { status };
  }

  #items(value: Json): Json[] {
    let items = value;
    if (typeof value === 'string') {
      try {
        items = JSON.parse(value) as Json;
      } catch {
        throw new Wrong('items that are no JSON');
      }
    }
    if (!Array.isArray(items)) throw new Wrong('items that are no list');
    return items;
  }

  #child(name: string, step: ProgramStep, item: Json, index: number, isAbsent: boolean): Fate {
    const known = this.#fates.get(name);
    if (known) return known;
    let fate: Fate;
    if (isAbsent) fate = { status: this.#witness.end(name, new Set(['absent'])), why: 'blocked' };
    else if (this.#witness.takenFrom(name) === 'source') fate = { status: this.#witness.end(name, new Set(['Succeeded'])) };
    else {
      const sibling = (other: string) => this.#child(`${other}-${index}`, this.#step(other), item, index, isAbsent);
      const met = step.waits.map((wait) => isMet(wait, this.#step(wait.on), sibling, this.#program));
      if (met.some((one) => one !== 'yes')) fate = { status: this.#witness.end(name, new Set(['absent'])), why: 'blocked' };
      else {
        const facts = this.#facts(item, (of) => (this.#program.get(of)?.forEach === step.forEach ? `${of}-${index}` : of));
        const isCached = this.#witness.takenFrom(name) === 'cache';
        const { permitted } = this.#ends(step, name, facts);
        const ends = isCached ? new Set<StepEnd>(['Succeeded']) : permitted;
        fate = { status: this.#end(name, 'yes', ends) };
        if (fate.status === 'absent') fate = { ...fate, why: 'blocked' };
      }
    }
    this.#fates.set(name, fate);
    return fate;
  }

  /** What the children of one iteration gave, where they gave something. */
  #outputs(body: readonly ProgramStep[], index: number): JsonObject {
    const outputs: JsonObject = {};
    for (const { name } of body) {
      if (this.#fates.get(`${name}-${index}`)?.status !== 'Succeeded') continue;
      try {
        outputs[name] = this.#document(`${name}-${index}`);
      } catch (error) {
        if (!(error instanceof Unknown)) throw error;
      }
    }
    return outputs;
  }

  /** The output of the iteration whose number is greatest or smallest; the first of equals. */
  #selected({ Pick, Field }: JsonObject, outputs: readonly JsonObject[], body: readonly ProgramStep[]): Json {
    const path = String((Field as JsonObject)['Get']).slice('IterationOutput.'.length);
    const of = body.find(({ name }) => path.startsWith(`${name}.`))?.name ?? '';
    if (outputs.length === 0) throw new Wrong('nothing to select from');
    const numbers = outputs.map((output) => {
      const value = evaluate(
        { Get: `Steps.${path}` },
        { ...this.#facts(), properties: () => output[of] ?? {}, nameOf: (name) => name },
      );
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof number !== 'number' || Number.isNaN(number)) throw new Wrong('no number');
      return number;
    });
    const best = Pick === 'MaxBy' ? Math.max(...numbers) : Math.min(...numbers);
    return outputs[numbers.indexOf(best)]?.[of] ?? {};
  }

  #facts(item?: Json, nameOf: (step: string) => string = (step) => step): Facts {
    return {
      ...this.#given,
      item,
      nameOf,
      properties: (step) => {
        const status = this.#fates.get(step)?.status;
        const isOver = this.#program.get(step)?.type === 'ForEach' && status === 'Failed';
        if (status !== 'Succeeded' && !isOver) throw new Wrong(`${step} has not succeeded`);
        return this.#document(step);
      },
      file: (uri) => this.#witness.file(uri),
      propertyFile: (step, name) => {
        const files = (this.#step(step.replace(/-\d+$/, '')) ?? this.#step(step)).step['PropertyFiles'] as JsonObject[];
        const file = files.find(({ PropertyFileName }) => PropertyFileName === name);
        if (!file) throw new Wrong(`no property file ${name}`);
        const Get = `Steps.${step}.ProcessingOutputConfig.Outputs['${String(file['OutputName'])}'].S3Output.S3Uri`;
        return `${String(evaluate({ Get }, this.#facts()))}/${String(file['FilePath'])}`;
      },
    };
  }

  #document(step: string): Json {
    const known = this.#documents.get(step);
    if (this.#program.get(step)?.type === 'ForEach' && known !== undefined) return known;
    return this.#witness.document(step, known ?? {});
  }

  /** How the execution as a whole may end. */
  #permitted(): Set<ExecutionEnd> {
    const outside = [...this.#program.values()].filter(({ forEach }) => forEach === undefined);
    const fate = ({ name }: ProgramStep) => this.#fates.get(name) as Fate;
    const failures = outside.filter((step) => fate(step).status === 'Failed');
    const recent = failures.filter((step) => !fate(step).isLeftover);
    const isAnswered = ({ name }: ProgramStep) =>
      outside.some((other) => {
        const answers = other.waits.some(({ on, trigger }) => on === name && trigger !== 'Completed');
        return answers && fate(other).status !== 'absent';
      });
    const endWith = (failed: readonly ProgramStep[]): ExecutionEnd => {
      if (failed.length === 0) return 'Succeeded';
      return failed.some((step) => step.type === 'Fail' || !isAnswered(step)) ? 'Failed' : 'CompletedWithFailures';
    };
    const permitted = new Set([endWith(failures), endWith(recent)]);
    if (!this.#circumstances.stopped) return permitted;
    const isCut = outside
      .map(fate)
      .some(({ status, why, isLeftover }) =>
        status === 'absent' ? why === 'blocked' : status === 'Stopped' && isLeftover !== true,
      );
    if (isCut && failures.length === 0) permitted.clear();
    if (failures.length > 0) permitted.add('Failed');
    return permitted.add('Stopped');
  }
}

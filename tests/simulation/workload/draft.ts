import type { Json, JsonObject, StepType } from '../../../sdk/definition/index.ts';
import type { Random } from '../random.ts';
import { drawAnswer, drawConditions, drawReport, drawText } from './draw-values.ts';
import type { DrawnParameters } from './random-parameters.ts';
import type { Outcome } from './outcomes.ts';
import * as shapes from './step-shapes.ts';

/** Every step type the simulator knows how to make. */
export const SIMULATED_STEP_TYPES = [
  'Processing',
  'Training',
  'Transform',
  'Model',
  'RegisterModel',
  'EndpointConfig',
  'Endpoint',
  'Lambda',
  'Callback',
  'Condition',
  'Fail',
  'ForEach',
  'Cleanup',
] as const satisfies readonly StepType[];
export type SimulatedStepType = (typeof SIMULATED_STEP_TYPES)[number];

/** What a draft draws by. */
export interface Drawing {
  readonly random: Random;
  readonly at: shapes.Surroundings;
  readonly without: ReadonlySet<SimulatedStepType>;
  readonly outcomes: shapes.OutcomeShares;
  readonly flakyInputs: boolean;
  readonly sharedEndpoints: boolean;
  readonly parameters: DrawnParameters;
}

/** A step that later ones may depend on and read. */
export interface Made {
  readonly name: string;
  readonly type: SimulatedStepType;
  /** Of a ForEach step: its body. */
  readonly body?: readonly Made[];
  /** Of a ForEach step: it certainly has an item 0, and something to select. */
  readonly items?: boolean;
  readonly selects?: boolean;
}

const CACHED: ReadonlySet<string> = new Set(['Processing', 'Training', 'Transform', 'Lambda', 'Callback']);
const RETRIED: ReadonlySet<string> = new Set(['Processing', 'Training', 'Transform', 'Model', 'RegisterModel']);
const NESTING_MAX = 2;

/** A definition as it grows: a step refers only to steps drawn before it, so no cycle comes about. */
export class Draft {
  /** Steps outside of ForEach bodies by name, in the order drawn. */
  readonly types = new Map<string, SimulatedStepType>();
  /** All steps, those in bodies included. */
  size = 0;
  readonly #by: Drawing;
  readonly #made: Made[] = [];
  /** Those of the ForEach body being drawn. */
  #siblings: Made[] | undefined;
  /** Training steps whose artefact some step needs; those are not emptied. */
  readonly #needed = new Set<string>();
  /** Steps whose scrap or artefact a Cleanup step deletes. */
  readonly #emptied = new Set<string>();

  constructor(by: Drawing) {
    this.#by = by;
  }

  /** The next steps of a list of steps. */
  draw(depth = 0): JsonObject[] {
    const { random } = this.#by;
    const motifs: [number, () => JsonObject[]][] = [
      [6, () => [this.#step(this.#workType())]],
      [2, () => this.#diamond()],
      [2, () => this.#deployment()],
      [2, () => this.#answer()],
      [depth < NESTING_MAX && this.#has('Condition') ? 3 : 0, () => [this.#condition(depth)]],
      [this.#has('ForEach') ? 1.5 : 0, () => [this.#forEach()]],
      [this.#has('Cleanup') ? 1 : 0, () => this.#cleanup()],
      [this.#has('Fail') ? (depth > 0 ? 1.5 : 0.1) : 0, () => [this.#fail()]],
    ];
    let left = random.next() * motifs.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, motif] of motifs) {
      left -= weight;
      if (left < 0) return motif();
    }
    return [this.#step('Processing')];
  }

  #has(type: SimulatedStepType): boolean {
    return !this.#by.without.has(type);
  }

  #workType(): SimulatedStepType {
    const types: SimulatedStepType[] = ['Processing', 'Processing', 'Training', 'Lambda', 'Callback', 'Model', 'RegisterModel'];
    const type = this.#by.random.pick(types);
    return this.#has(type) ? type : 'Processing';
  }

  #visible(): Made[] {
    return [...this.#made, ...(this.#siblings ?? [])];
  }

  #name(type: string): string {
    this.size++;
    return `${type}${this.size}`;
  }

  #remember<T extends Made>(made: T): T {
    if (this.#siblings) this.#siblings.push(made);
    else {
      this.#made.push(made);
      this.types.set(made.name, made.type);
    }
    return made;
  }

  #last(type: SimulatedStepType): Made | undefined {
    const found = this.#visible().filter((made) => made.type === type);
    return found.length === 0 ? undefined : this.#by.random.pick(found);
  }

  /** A step of a type that works, with dependencies, policies and all. */
  #step(type: SimulatedStepType, depends?: Json[]): JsonObject {
    const { random } = this.#by;
    const policies = RETRIED.has(type) && random.chance(0.35);
    // what can be tried again is lost more often, so that its next attempt waits
    const inner = this.#core(
      type,
      policies && random.chance(0.3) ? random.pick(['lost-until-attempt-2', 'lost-until-attempt-3']) : undefined,
    );
    const DependsOn = depends ?? this.#dependencies();
    const cached = CACHED.has(type) && random.chance(0.15);
    this.#remember({ name: String(inner['Name']), type });
    return {
      ...inner,
      ...(DependsOn.length > 0 && { DependsOn }),
      ...(policies && { RetryPolicies: [this.#retryPolicy()] }),
      ...(cached && { CacheConfig: { Enabled: true, ExpireAfter: random.pick(['P30D', 'PT1H', '30d']) } }),
    };
  }

  #retryPolicy(): JsonObject {
    const { random } = this.#by;
    return {
      ExceptionType: random.pick([
        ['SageMaker.JOB_INTERNAL_ERROR'],
        ['Step.SERVICE_FAULT', 'SageMaker.JOB_INTERNAL_ERROR', 'Step.THROTTLING'],
        ['Step.THROTTLING'],
      ]),
      IntervalSeconds: random.pick([1, 60, 1_800]),
      BackoffRate: random.pick([1, 2]),
      MaxAttempts: random.int(4),
    };
  }

  #core(type: SimulatedStepType, outcome?: Outcome): JsonObject {
    const { random, at } = this.#by;
    const drawn = this.#filling(type);
    const filling = outcome === undefined ? drawn : { ...drawn, outcome };
    switch (type) {
      case 'Training':
        return shapes.trainingStep(at, filling);
      case 'Transform':
        return shapes.transformStep(at, filling, this.#read(this.#last('Model'), 'ModelName') ?? 'sim-model');
      case 'Model':
        return shapes.modelStep(at, { ...filling, outcome: this.#serves() }, this.#artifact());
      case 'RegisterModel':
        return shapes.registerStep(at, { ...filling, outcome: this.#serves() }, this.#artifact(), random);
      case 'EndpointConfig':
        return shapes.endpointConfigStep(filling, this.#read(this.#last('Model'), 'ModelName') ?? 'sim-model');
      case 'Endpoint': {
        const config = this.#read(this.#last('EndpointConfig'), 'EndpointConfigName') ?? 'sim-config';
        const shared = random.chance(0.5) && this.#by.sharedEndpoints;
        const own = shapes.join('-', 'sim', filling.name, shapes.EXECUTION_ID);
        return shapes.endpointStep(filling, shared ? random.pick(['sim-live-a', 'sim-live-b']) : own, config);
      }
      case 'Lambda':
        return shapes.lambdaStep(at, filling, drawAnswer(random));
      case 'Callback':
        return shapes.callbackStep(at, filling, drawAnswer(random));
      default:
        return shapes.processingStep(at, filling, drawReport(random));
    }
  }

  #filling(type: SimulatedStepType): shapes.Filling {
    const { random } = this.#by;
    const name = this.#name(type);
    const values: Record<string, shapes.Value> = {};
    for (let left = random.int(3); left > 0; left--) values[`V${left}`] = this.#text();
    const drawn = shapes.randomOutcome(random, this.#by.outcomes);
    const source = random.next();
    const fromItem = this.#siblings !== undefined && source < 0.5;
    const outcome = fromItem ? { Get: 'ForEach.CurrentItem' } : source > 0.95 ? { Get: 'Parameters.Outcome' } : drawn;
    return { name, outcome, values, input: this.#input() };
  }

  #text(): shapes.Value {
    return drawText(this.#by.random, this.#visible(), this.#siblings !== undefined);
  }

  /** How the server of a model does. */
  #serves(): string {
    return this.#by.random.chance(this.#by.outcomes.failing / 2) ? 'fail' : 'ok';
  }

  #input(): shapes.Value {
    const { random, at } = this.#by;
    const from = this.#last('Processing');
    const flaky = random.chance(0.2) && this.#by.flakyInputs;
    if (from && random.chance(0.4)) return { Get: `Steps.${from.name}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri` };
    return `s3://${at.bucket}/${flaky ? 'flaky' : 'stable'}/${random.pick(['a', 'b'])}`;
  }

  #artifact(): shapes.Value {
    const from = this.#visible().filter(({ name, type }) => type === 'Training' && !this.#emptied.has(name));
    if (from.length === 0) return `s3://${this.#by.at.bucket}/stable/model/model.tar.gz`;
    const { name } = this.#by.random.pick(from);
    this.#needed.add(name);
    return { Get: `Steps.${name}.ModelArtifacts.S3ModelArtifacts` };
  }

  #read(made: Made | undefined, member: string): shapes.Value | undefined {
    return made && { Get: `Steps.${made.name}.${member}` };
  }

  #dependencies(): Json[] {
    const { random } = this.#by;
    const names = random.shuffle(this.#visible()).slice(0, random.pick([0, 0, 1, 1, 2]));
    return names.map(({ name }) => (random.chance(0.1) ? { Step: name, Trigger: 'Completed' } : name));
  }

  #diamond(): JsonObject[] {
    const [top, left, right] = [this.#workType(), this.#workType(), this.#workType()];
    const first = this.#step(top);
    const second = this.#step(left, [String(first['Name'])]);
    const third = this.#step(right, [String(first['Name'])]);
    return [first, second, third, this.#step(this.#workType(), [String(second['Name']), String(third['Name'])])];
  }

  /** Training, a model of it, and what is done with it. */
  #deployment(): JsonObject[] {
    const { random } = this.#by;
    const types: SimulatedStepType[] = random.pick([
      ['Training', 'Model', 'EndpointConfig', 'Endpoint'],
      ['Model', 'Transform'],
      ['Training', 'RegisterModel'],
      ['Model', 'EndpointConfig', 'Endpoint'],
    ]);
    const steps: JsonObject[] = [];
    for (const type of types) if (this.#has(type)) steps.push(this.#step(type));
    return steps.length > 0 ? steps : [this.#step('Processing')];
  }

  /** A step that runs because another did not succeed, or whatever became of it. */
  #answer(): JsonObject[] {
    const { random } = this.#by;
    const steps: JsonObject[] = [];
    if (this.#made.length === 0) steps.push(this.#step(this.#workType()));
    const on = random.pick(this.#made);
    const Trigger = random.pick(['Failed', 'Failed', 'Any', 'Stopped']);
    const other = random.pick(this.#made);
    const both = random.chance(0.3) && other !== on;
    // what it reads it waits for as succeeded, so it must not read what it waits for as failed
    const inner = this.#without(on, () => this.#step('Processing', [{ Step: on.name, Trigger }, ...(both ? [other.name] : [])]));
    return [...steps, inner];
  }

  #without<T>(hidden: Made, draw: () => T): T {
    const at = this.#made.indexOf(hidden);
    this.#made.splice(at, 1);
    const drawn = draw();
    this.#made.splice(at, 0, hidden);
    return drawn;
  }

  #condition(depth: number): JsonObject {
    const { random } = this.#by;
    const name = this.#name('Condition');
    const Conditions = drawConditions(random, this.#visible());
    const DependsOn = this.#dependencies();
    const branch = (): JsonObject[] => {
      const steps: JsonObject[] = [];
      for (let left = random.pick([0, 1, 1, 2]); left > 0; left--) steps.push(...this.draw(depth + 1));
      return steps;
    };
    const [IfSteps, ElseSteps] = [branch(), branch()];
    this.#remember({ name, type: 'Condition' });
    const Arguments = { Conditions, IfSteps, ElseSteps } as unknown as JsonObject;
    return { Name: name, Type: 'Condition', Arguments, ...(DependsOn.length > 0 && { DependsOn }) };
  }

  #forEach(): JsonObject {
    const { random } = this.#by;
    const name = this.#name('ForEach');
    const DependsOn = this.#dependencies();
    const literal = random.pick([['ok'], ['ok', 'fail'], ['x', 'y', 'ok'], ['ok', 'lost', 'ok'], ['lost-until-attempt-2']]);
    const fromParameter = random.chance(0.3);
    const siblings: Made[] = [];
    this.#siblings = siblings;
    const body: JsonObject[] = [];
    for (let left = 1 + random.int(3); left > 0; left--) {
      const type = random.pick(['Processing', 'Processing', 'Training', 'Lambda', 'Lambda', 'Callback'] as const);
      body.push(this.#step(this.#has(type) ? type : 'Processing'));
    }
    this.#siblings = undefined;
    const scored = siblings.find(({ type }) => type === 'Lambda');
    const Field = { Get: `IterationOutput.${scored?.name}.OutputParameters['score']` };
    const selects = random.chance(0.5) && scored !== undefined;
    this.#remember({ name, type: 'ForEach', body: siblings, items: !fromParameter, selects });
    return {
      Name: name,
      Type: 'ForEach',
      Arguments: {
        IterableItems: fromParameter ? { Get: 'Parameters.Items' } : literal,
        MaxConcurrency: 1 + random.int(3),
        ForEachBody: random.chance(0.3) ? random.shuffle(body) : body,
        ...(selects && { Selector: { Pick: random.pick(['MaxBy', 'MinBy']), Field } }),
      },
      ...(DependsOn.length > 0 && { DependsOn }),
    };
  }

  /** Deletes an object nobody else reads: the scrap of a Processing step, or the model of a Training step that no step needs. */
  #cleanup(): JsonObject[] {
    const { random } = this.#by;
    const fits = ({ name, type }: Made) =>
      !this.#emptied.has(name) && (type === 'Processing' || (type === 'Training' && !this.#needed.has(name)));
    const sources = random.shuffle(this.#made.filter(fits)).slice(0, 1 + random.int(2));
    if (sources.length === 0) return [this.#step('Processing')];
    for (const { name } of sources) this.#emptied.add(name);
    const S3 = sources.map(({ name, type }): JsonObject => {
      if (type === 'Training') return { StepName: name };
      const output = { Get: `Steps.${name}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri` };
      return { StepName: name, S3Uris: [shapes.join('/', output, 'scrap.csv')] };
    });
    const name = this.#name('Cleanup');
    const others = this.#dependencies();
    this.#remember({ name, type: 'Cleanup' });
    return [{ Name: name, Type: 'Cleanup', Arguments: { Resources: { S3 } }, ...(others.length > 0 && { DependsOn: others }) }];
  }

  #fail(): JsonObject {
    const { random } = this.#by;
    const name = this.#name('Fail');
    const DependsOn = random.chance(0.3) ? this.#dependencies() : [];
    this.types.set(name, 'Fail');
    const ErrorMessage = random.chance(0.5) ? `${name} was reached` : shapes.join(': ', name, this.#text());
    return { Name: name, Type: 'Fail', Arguments: { ErrorMessage }, ...(DependsOn.length > 0 && { DependsOn }) };
  }
}

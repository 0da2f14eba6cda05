import { checkCleanup } from './check-cleanup.ts';
import { checkBodyBounds, checkChildNames, checkForEachProperty, checkIterationReference } from './check-for-each.ts';
import type { Graph, GraphStep } from './graph.ts';
import { awaited, expressionsOf, findCycles, graphOf, readDependency } from './graph.ts';
import type { Json, JsonObject, ParameterDefinition, PropertyFile, Step, StepType, WorkStep } from './language.ts';
import { EXECUTION_VARIABLES, isJsonObject } from './language.ts';
import { entriesOf, kindOf, show, suggest } from './problems.ts';
import type { Place, Reading, ReadStep } from './reader.ts';
import { complain, readKeys, within } from './reader.ts';
import type { PathPart, Reference } from './references.ts';
import { formatPath, parsePath, parsePropertyFileReference, parseReference, walkExpressions } from './references.ts';
import { nth } from './nth.ts';

/**
 * Whether a path exists in what a step of this type offers: the Describe shape named by DESCRIBE_SHAPES. When it does not, `reason` may
 * say where it goes wrong and `possible` which names would be right there.
 */
export type PropertyExists = (type: StepType, path: readonly PathPart[]) => boolean | PropertyMissing;
export interface PropertyMissing {
  readonly part: string;
  readonly reason: string;
  readonly possible: readonly string[];
}

/** What is wrong with a step's arguments by the API model; `path` is relative to them, e.g. `.AppSpecification.ImageUri`. */
export type ArgumentProblems = (
  type: StepType,
  given: JsonObject,
) => readonly { readonly path: string; readonly message: string }[];

export interface CheckOptions {
  /** Without it, property paths are not looked up. */
  propertyExists?: PropertyExists;
  /** Without it, the arguments' own shape is left to the call that will be made with them. */
  argumentProblems?: ArgumentProblems;
}

export interface Checking extends CheckOptions {
  readonly to: Reading;
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, ParameterDefinition>;
  readonly outputNames: Map<number, ReadonlySet<string> | undefined>;
}

/** Checks everything that concerns more than one place of a definition. Returns the graph, for whoever goes on to use it. */
export function checkDefinition(
  to: Reading,
  parameters: ReadonlyMap<string, ParameterDefinition>,
  experiment: Json | undefined,
  options: CheckOptions,
): Graph {
  checkNames(to);
  const graph = graphOf(to.steps);
  const checking: Checking = { to, graph, parameters, outputNames: new Map(), ...options };
  checkChildNames(checking);
  for (const [, read] of entriesOf(to, to.steps)) {
    const place = { path: read.path, step: read.step.Name };
    for (const [key, value] of Object.entries(expressionsOf(read.step))) {
      walkExpressions(value, '', (expression, path) => checkExpression(checking, expression, within(place, `.${key}${path}`)));
    }
    checkDependencies(checking, read);
    const given = read.step.Arguments as Json | undefined;
    if (options.argumentProblems && isJsonObject(given)) {
      for (const { path, message } of options.argumentProblems(read.step.Type, given)) {
        complain(to, within(place, `.Arguments${path}`), message);
      }
    }
    checkPropertyFiles(checking, read.step, place);
    if (read.step.Type === 'Cleanup') checkCleanup(checking, read.step, place);
  }
  if (experiment !== undefined) {
    const place = { path: 'PipelineExperimentConfig' };
    walkExpressions(experiment, '', (expression, path) => checkExpression(checking, expression, within(place, path)));
  }
  for (const cycle of findCycles(graph)) reportCycle(to, graph, cycle);
  return graph;
}

function checkNames(to: Reading): undefined {
  const first = new Map<string, ReadStep>();
  for (const read of to.steps) {
    const earlier = first.get(read.step.Name);
    if (!earlier) {
      first.set(read.step.Name, read);
      continue;
    }
    const place = { path: read.path, step: read.step.Name };
    const sameLevel = (earlier.parent === undefined) === (read.parent === undefined);
    if (sameLevel) {
      complain(to, place, `The step name '${read.step.Name}' is used twice, first at ${earlier.path}. Rename one of the steps.`);
    } else {
      const where = `at ${earlier.path} and at ${read.path}`;
      complain(
        to,
        place,
        `The step '${read.step.Name}' stands both in the top list and inside a Condition, ${where}. Keep one of them.`,
      );
    }
  }
}

function checkDependencies(checking: Checking, read: ReadStep): undefined {
  const { to, graph } = checking;
  for (const [index, dependency] of entriesOf(to, Array.isArray(read.step.DependsOn) ? read.step.DependsOn : [])) {
    const place = { path: `${read.path}.DependsOn[${index}]`, step: read.step.Name };
    const { name } = readDependency(dependency);
    if (typeof name !== 'string') continue;
    const on = graph.indexOf.get(name);
    if (on === undefined)
      complain(to, place, `There is no step '${name}' to depend on.${suggest(to, name, graph.indexOf.keys())}`);
    else if (name === read.step.Name) complain(to, place, `The step '${name}' depends on itself. Remove the dependency.`);
    else if (checkBodyBounds(checking, on, place)) checkNotFail(to, nth(graph.steps, on), place);
  }
  const index = graph.indexOf.get(read.step.Name);
  awaited(index === undefined ? [] : nth(graph.steps, index).dependencies, (on) => {
    const { name } = nth(graph.steps, on);
    const text = `The step waits for '${name}' with triggers that exclude each other, so it could never run. Keep one of them.`;
    complain(to, { path: read.path, step: read.step.Name }, text);
  });
}

function checkNotFail(to: Reading, step: GraphStep, place: Place): undefined {
  if (step.type !== 'Fail') return;
  complain(
    to,
    place,
    `'${step.name}' is a Fail step, which ends the execution, so no step may depend on it. Remove the dependency.`,
  );
}

function reportCycle(to: Reading, graph: Graph, cycle: readonly number[]): undefined {
  if (cycle.length === 1 && nth(graph.steps, nth(cycle, 0)).closing === undefined) return; // "depends on itself" is said already
  const names = cycle.map((index) => nth(graph.steps, index).name);
  const at = nth(to.steps, nth(cycle, 0));
  const round = [...names, names[0]].join(' -> ');
  const why = cycle.some((index) => nth(graph.steps, index).type === 'Condition')
    ? ' A step also waits for the Condition that contains it, and whoever depends on a Condition waits for its branch.'
    : '';
  complain(to, { path: at.path, step: names[0] }, `The steps wait for each other in a cycle: ${round}.${why} Break the cycle.`);
}

function checkPropertyFiles(checking: Checking, step: Step, place: Place): undefined {
  const files = (step as WorkStep).PropertyFiles;
  if (!Array.isArray(files) || step.Type !== 'Processing') return;
  const outputs = outputNames(checking, checking.graph.indexOf.get(step.Name) ?? 0);
  if (!outputs) return;
  for (const [index, file] of files.entries()) {
    if (!isJsonObject(file) || typeof file.OutputName !== 'string' || outputs.has(file.OutputName)) continue;
    const text = `The property file '${file.PropertyFileName}' names the output '${file.OutputName}', which the step does not have.`;
    complain(
      checking.to,
      within(place, `.PropertyFiles[${index}].OutputName`),
      text + suggest(checking.to, file.OutputName, outputs),
    );
  }
}

/** The properties of a Lambda or Callback step are the outputs it declares. */
function checkOutputParameter(checking: Checking, step: GraphStep, path: readonly PathPart[], place: Place): undefined {
  const { to } = checking;
  const [first, second, ...rest] = path;
  const isOutput = first && 'member' in first && first.member === 'OutputParameters' && second && 'key' in second;
  if (!isOutput || rest.length > 0) {
    const form = `the properties of a ${step.type} step are its outputs: write Steps.${step.name}.OutputParameters['NAME']`;
    return complain(to, place, `The step '${step.name}' has no property '${formatPath(path)}'; ${form}.`);
  }
  const names = declaredOutputs(checking, step);
  if (names.has(second.key)) return;
  const text = `The step '${step.name}' declares no output '${second.key}' in its OutputParameters.`;
  complain(to, place, text + suggest(to, second.key, names));
}

/** Made once for a step, however many references there are to its outputs. */
function declaredOutputs({ graph, outputNames }: Checking, { name, step }: GraphStep): ReadonlySet<string> {
  const index = graph.indexOf.get(name) ?? 0;
  const known = outputNames.get(index);
  if (known) return known;
  const { OutputParameters: declared } = step as WorkStep;
  const names = (Array.isArray(declared) ? declared : []).map((output) => output?.OutputName);
  const made = new Set(names.filter((one) => typeof one === 'string'));
  outputNames.set(index, made);
  return made;
}

/** Names of a Processing step's outputs; undefined when they are not all written out in the definition. */
function outputNames(checking: Checking, index: number): ReadonlySet<string> | undefined {
  if (checking.outputNames.has(index)) return checking.outputNames.get(index);
  const given = nth(checking.graph.steps, index).step.Arguments as JsonObject | null;
  const config = given?.['ProcessingOutputConfig'];
  const outputs = isJsonObject(config) ? config['Outputs'] : config;
  const names = new Set<string>();
  let known = outputs === undefined || Array.isArray(outputs);
  for (const output of Array.isArray(outputs) ? outputs : []) {
    if (isJsonObject(output) && typeof output['OutputName'] === 'string') names.add(output['OutputName']);
    else known = false;
  }
  checking.outputNames.set(index, known ? names : undefined);
  return known ? names : undefined;
}

function checkExpression(checking: Checking, expression: JsonObject, place: Place): undefined {
  const { to } = checking;
  const [key = ''] = Object.keys(expression);
  if (key === 'Get') checkReference(checking, expression['Get'] as string, place);
  else if (key === 'Std:Join') checkJoin(checking, expression[key] ?? null, within(place, `['${key}']`));
  else if (key === 'Std:JsonGet') checkJsonGet(checking, expression[key] ?? null, within(place, `['${key}']`));
  else complain(to, place, `There is no function '${key}'.${suggest(to, key, ['Std:Join', 'Std:JsonGet'])}`);
}

function checkJoin(checking: Checking, join: Json, place: Place): undefined {
  const { to } = checking;
  if (!isJsonObject(join)) return complain(to, place, `Std:Join takes {"On", "Values"}, but is ${kindOf(join)}.`);
  readKeys(to, join, place, 'Std:Join', ['On', 'Values'], ['Values']);
  const on = join['On'];
  if (on !== undefined && typeof on !== 'string')
    complain(to, within(place, '.On'), `On must be a string, but is ${kindOf(on)}.`);
  const values = join['Values'];
  if (values === undefined) return;
  if (!Array.isArray(values)) return complain(to, within(place, '.Values'), `Values must be a list, but is ${kindOf(values)}.`);
  for (const [index, value] of values.entries()) checkValue(checking, value, within(place, `.Values[${index}]`));
}

/** One value inside a function: a literal or an expression. */
function checkValue(checking: Checking, value: Json, place: Place): undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return;
  let seen = false;
  if (isJsonObject(value)) {
    walkExpressions(value, '', (expression, path) => {
      seen ||= path === '';
      checkExpression(checking, expression, within(place, path));
    });
  }
  if (!seen) complain(checking.to, place, `A string, number, boolean or reference is expected here, but it is ${kindOf(value)}.`);
}

function checkJsonGet(checking: Checking, value: Json, place: Place): undefined {
  const { to } = checking;
  if (!isJsonObject(value))
    return complain(to, place, `Std:JsonGet takes {"PropertyFile" or "S3Uri", "Path"}, but is ${kindOf(value)}.`);
  readKeys(to, value, place, 'Std:JsonGet', ['PropertyFile', 'S3Uri', 'Path'], ['Path']);
  const path = value['Path'];
  if (path !== undefined && path !== null) {
    const parsed = typeof path === 'string' ? parsePath(path) : { problem: `it is ${kindOf(path)}` };
    if (parsed.problem !== undefined)
      complain(to, within(place, '.Path'), `Path must be a path such as a.b[0]['c']: ${parsed.problem}.`);
  }
  if ((value['PropertyFile'] === undefined) === (value['S3Uri'] === undefined)) {
    complain(to, place, 'Std:JsonGet takes exactly one of PropertyFile and S3Uri. Give one of them.');
  }
  if (value['S3Uri'] !== undefined) checkValue(checking, value['S3Uri'], within(place, '.S3Uri'));
  if (value['PropertyFile'] !== undefined) checkPropertyFile(checking, value['PropertyFile'], within(place, '.PropertyFile'));
}

function checkPropertyFile(checking: Checking, value: Json, place: Place): undefined {
  const { to, graph } = checking;
  const text = isJsonObject(value) ? value['Get'] : undefined;
  if (typeof text !== 'string') {
    return complain(to, place, `PropertyFile must be {"Get": "Steps.STEP.PropertyFiles.NAME"}, but is ${show(value)}.`);
  }
  const parsed = parsePropertyFileReference(text);
  if (parsed.problem !== undefined) return complain(to, place, `PropertyFile: ${parsed.problem}.`);
  const { step: name, file } = parsed.value;
  const on = graph.indexOf.get(name);
  if (on === undefined) return complain(to, place, `There is no step '${name}'.${suggest(to, name, graph.indexOf.keys())}`);
  const step = nth(graph.steps, on);
  if (step.type !== 'Processing') {
    return complain(
      to,
      place,
      `'${name}' is a ${step.type} step; only a Processing step has property files. Name a Processing step.`,
    );
  }
  const declared = ((step.step as WorkStep).PropertyFiles ?? []) as PropertyFile[];
  const given: unknown[] = Array.isArray(declared) ? declared.map((one) => one?.PropertyFileName) : [];
  const names = given.filter((each) => typeof each === 'string'); // what is no name has been complained of
  if (names.includes(file)) return;
  const hint = names.length === 0 ? ' It declares none; add it to PropertyFiles of that step.' : suggest(to, file, names);
  complain(to, place, `The step '${name}' declares no property file '${file}'.${hint}`);
}

function checkReference(checking: Checking, text: string, place: Place): undefined {
  const { to, graph, parameters } = checking;
  const parsed = parseReference(text);
  if (parsed.problem !== undefined) return complain(to, place, `Get: ${parsed.problem}.`);
  const reference = parsed.value;
  if (reference.kind === 'parameter') {
    if (parameters.has(reference.name)) return;
    complain(
      to,
      place,
      `There is no parameter '${reference.name}'. Declare it in Parameters.${suggest(to, reference.name, parameters.keys())}`,
    );
  } else if (reference.kind === 'execution') {
    if ((EXECUTION_VARIABLES as readonly string[]).includes(reference.variable)) return;
    complain(
      to,
      place,
      `There is no execution variable '${reference.variable}'.${suggest(to, reference.variable, EXECUTION_VARIABLES)}`,
    );
  } else if (reference.kind === 'step') {
    const on = graph.indexOf.get(reference.step);
    const hint = () => suggest(to, reference.step, graph.indexOf.keys());
    if (on === undefined) complain(to, place, `There is no step '${reference.step}'.${hint()}`);
    else checkProperty(checking, on, reference, place);
  } else checkIterationReference(checking, reference, text, place, (step, path, at) => checkPath(checking, step, path, at));
}

function checkProperty(checking: Checking, on: number, reference: Reference & { kind: 'step' }, place: Place): undefined {
  const { to } = checking;
  const step = nth(checking.graph.steps, on);
  if (place.step === step.name)
    return complain(to, place, `The step '${step.name}' reads its own property, which exists only after it ran.`);
  if (!checkBodyBounds(checking, on, place)) return;
  if (step.type === 'ForEach')
    return checkForEachProperty(checking, on, reference.path, place, (one, path, at) => checkPath(checking, one, path, at));
  checkPath(checking, step, reference.path, place);
}

/** Whether a step has what a path names. */
function checkPath(checking: Checking, step: GraphStep, path: readonly PathPart[], place: Place): undefined {
  const { to, propertyExists } = checking;
  if (step.type === 'Fail') return checkNotFail(to, step, place);
  if (step.type === 'Condition' || step.type === 'Cleanup')
    return complain(to, place, `'${step.name}' is a ${step.type} step, which has no properties. Use DependsOn to wait for it.`);
  if (step.type === 'Lambda' || step.type === 'Callback') return checkOutputParameter(checking, step, path, place);
  const verdict = propertyExists?.(step.type, path) ?? true;
  if (verdict !== true) {
    const where = verdict ? `: '${verdict.part}' ${verdict.reason}.${suggest(to, verdict.part, verdict.possible)}` : '.';
    const rule = `A property is a path into the Describe response of what the step makes`;
    const text = `A ${step.type} step has no property '${formatPath(path)}' (of step '${step.name}')${where} ${rule}; correct the path.`;
    return complain(to, place, text);
  }
  const [first, second, third] = path;
  const isOutputs = first && 'member' in first && first.member === 'ProcessingOutputConfig' && second && 'member' in second;
  if (step.type !== 'Processing' || !isOutputs || second.member !== 'Outputs' || !third || !('key' in third)) return;
  const outputs = outputNames(checking, checking.graph.indexOf.get(step.name) ?? 0);
  if (!outputs || outputs.has(third.key)) return;
  complain(to, place, `The step '${step.name}' has no output named '${third.key}'.${suggest(to, third.key, outputs)}`);
}

import type {
  ActionDeclaration,
  PipelineDeclaration,
  PipelineTriggerDeclaration,
  StageDeclaration,
} from '../../contract/generated/codepipeline.ts';
import type { ErrorCode } from '../../platform/errors/catalogue.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import { type ActionTypeRule, ruleOf } from './decide-action-types.ts';
import { brokenReferencesIn, referencesIn } from './decide-variables.ts';

/** Where a declaration stands, e.g. `stages[1].actions[0]`. */
type Path = string;

const STAGES_MAX = 50;
const ACTIONS_PER_STAGE_MAX = 100;
const VARIABLES_MAX = 50;
const TRIGGERS_MAX = 50;

const structure = (path: Path, message: string): Rejection => refusal('InvalidStructureException', path, message);
const action = (path: Path, message: string): Rejection => refusal('InvalidActionDeclarationException', path, message);
const refusal = (code: ErrorCode, path: Path, message: string): Rejection => ({ code, message: `${message} (${path})` });

/** What is wrong with a pipeline's structure, if anything: the first fault in reading order. */
export function checkStructure(pipeline: PipelineDeclaration, region: string): Rejection | undefined {
  return checkHead(pipeline, region) ?? checkStages(pipeline, region) ?? checkTriggers(pipeline);
}

/** The structure with the defaults that AWS fills in. */
export const withDefaults = (pipeline: PipelineDeclaration, version: number): PipelineDeclaration => ({
  ...pipeline,
  stages: pipeline.stages.map((stage) => ({ ...stage, actions: stage.actions.map(withActionDefaults) })),
  version,
  executionMode: pipeline.executionMode ?? 'SUPERSEDED',
  pipelineType: pipeline.pipelineType ?? 'V1',
});

const withActionDefaults = (declared: ActionDeclaration): ActionDeclaration => ({
  ...declared,
  runOrder: declared.runOrder ?? 1,
  configuration: masked(declared),
  inputArtifacts: declared.inputArtifacts ?? [],
  outputArtifacts: declared.outputArtifacts ?? [],
});

/** Secrets are not used here, so they are not kept; AWS shows them like this, too. */
function masked({ configuration = {}, actionTypeId }: ActionDeclaration): { [key: string]: string } {
  const settings = ruleOf(actionTypeId)?.configuration ?? {};
  return Object.fromEntries(Object.entries(configuration).map(([key, value]) => [key, settings[key]?.secret ? '****' : value]));
}

function checkHead(pipeline: PipelineDeclaration, region: string): Rejection | undefined {
  const { stages, artifactStore, artifactStores, executionMode = 'SUPERSEDED', pipelineType = 'V1' } = pipeline;
  if (stages.length < 2) {
    const text = `Pipeline has only ${stages.length} stage(s). There should be a minimum of 2 stages in a pipeline`;
    return { code: 'InvalidStructureException', message: text };
  }
  if (stages.length > STAGES_MAX) return structure('stages', `Pipeline has ${stages.length} stages, more than ${STAGES_MAX}`);
  if (artifactStore && artifactStores) {
    return structure('artifactStores', 'Pipeline must have either artifactStore or artifactStores, but not both');
  }
  if (!artifactStore && !artifactStores) return structure('artifactStore', 'Pipeline must have an artifactStore');
  if (artifactStores && !Object.hasOwn(artifactStores, region)) {
    return structure('artifactStores', `Pipeline must have an artifact store in its own region ${region}`);
  }
  const rollback = stages.findIndex(({ onFailure }) => onFailure?.result === 'ROLLBACK');
  if (rollback >= 0 && (pipelineType === 'V1' || executionMode === 'PARALLEL')) {
    const where = pipelineType === 'V1' ? 'of type V1' : 'in PARALLEL mode';
    return structure(`stages[${rollback}].onFailure`, `Stages of pipelines ${where} cannot be rolled back`);
  }
  if (pipelineType !== 'V1') return checkVariables(pipeline);
  if (executionMode !== 'SUPERSEDED') {
    return structure('executionMode', `Execution mode ${executionMode} is only available for pipelines of type V2`);
  }
  if (pipeline.variables && pipeline.variables.length > 0) {
    return structure('variables', 'Pipeline variables are only available for pipelines of type V2');
  }
  if (pipeline.triggers && pipeline.triggers.length > 0) {
    return structure('triggers', 'Triggers are only available for pipelines of type V2');
  }
  return undefined;
}

function checkVariables({ variables = [] }: PipelineDeclaration): Rejection | undefined {
  if (variables.length > VARIABLES_MAX) return structure('variables', `Pipeline has more than ${VARIABLES_MAX} variables`);
  const twice = firstTwice(variables.map(({ name }) => name));
  return twice === undefined
    ? undefined
    : structure('variables', `Pipeline variable names must be unique: ${twice} is declared twice`);
}

/** What earlier actions in a pipeline have made. */
interface Seen {
  readonly artifacts: Set<string>;
  readonly namespaces: Set<string>;
}

function checkStages(pipeline: PipelineDeclaration, region: string): Rejection | undefined {
  const twice = firstTwice(pipeline.stages.map(({ name }) => name));
  if (twice !== undefined) return structure('stages', `Pipeline stage names must be unique: ${twice} is declared twice`);
  const seen: Seen = {
    artifacts: new Set(),
    namespaces: new Set(['codepipeline', ...((pipeline.pipelineType ?? 'V1') === 'V2' ? ['variables'] : [])]),
  };
  for (const [index, stage] of pipeline.stages.entries()) {
    const rejection = checkStage(stage, index, seen, region);
    if (rejection) return rejection;
  }
  return undefined;
}

function checkStage(stage: StageDeclaration, index: number, seen: Seen, region: string): Rejection | undefined {
  const path = `stages[${index}]`;
  if (stage.actions.length === 0) return refusal('InvalidStageDeclarationException', path, `Stage ${stage.name} has no actions`);
  if (stage.actions.length > ACTIONS_PER_STAGE_MAX) {
    return refusal(
      'InvalidStageDeclarationException',
      path,
      `Stage ${stage.name} has more than ${ACTIONS_PER_STAGE_MAX} actions`,
    );
  }
  const twice = firstTwice(stage.actions.map(({ name }) => name));
  if (twice !== undefined) {
    return refusal(
      'InvalidStageDeclarationException',
      path,
      `Action names in stage ${stage.name} must be unique: ${twice} is there twice`,
    );
  }
  const rejection = checkSources(stage, index) ?? checkFailure(stage, index);
  if (rejection) return rejection;
  const inOrder = [...stage.actions.entries()].sort(([, a], [, b]) => (a.runOrder ?? 1) - (b.runOrder ?? 1));
  for (let at = 0; at < inOrder.length; ) {
    const order = inOrder[at]?.[1].runOrder ?? 1;
    const group = inOrder.slice(at).filter(([, declared]) => (declared.runOrder ?? 1) === order);
    const fault = checkGroup(group, path, seen, region);
    if (fault) return fault;
    at += group.length;
  }
  return undefined;
}

function checkSources(stage: StageDeclaration, index: number): Rejection | undefined {
  const isSource = ({ actionTypeId }: ActionDeclaration) => actionTypeId.category === 'Source';
  if (index === 0) {
    if (stage.actions.every(isSource)) return undefined;
    return structure('stages[0]', 'Pipeline should start with a stage that only contains source actions');
  }
  const at = stage.actions.findIndex(isSource);
  const text = `Source action ${stage.actions[at]?.name} in stage ${stage.name}: only the first stage of a pipeline may contain source actions`;
  return at < 0 ? undefined : structure(`stages[${index}].actions[${at}]`, text);
}

function checkFailure({ name, onFailure, onSuccess, beforeEntry }: StageDeclaration, index: number): Rejection | undefined {
  const path = `stages[${index}]`;
  const conditions = [
    ['beforeEntry', beforeEntry?.conditions],
    ['onSuccess', onSuccess?.conditions],
    ['onFailure', onFailure?.conditions],
  ] as const;
  for (const [member, declared] of conditions) {
    if (!declared || declared.length === 0) continue;
    const message = `Conditions with rules are not implemented: remove ${path}.${member}.conditions of stage ${name}.`;
    return { code: 'NotImplementedException', message };
  }
  if (!onFailure) return undefined;
  if (onFailure.retryConfiguration && onFailure.result !== 'RETRY') {
    return structure(`${path}.onFailure`, 'A retryConfiguration needs the result RETRY');
  }
  if (index === 0 && onFailure.result === 'ROLLBACK') {
    return structure(`${path}.onFailure`, 'The source stage cannot be rolled back');
  }
  return undefined;
}

/** Actions of one run order: what they make is there for the orders behind them. */
function checkGroup(
  group: readonly (readonly [number, ActionDeclaration])[],
  stagePath: Path,
  seen: Seen,
  region: string,
): Rejection | undefined {
  for (const [index, declared] of group) {
    const rejection = checkAction(declared, `${stagePath}.actions[${index}]`, seen, region);
    if (rejection) return rejection;
  }
  for (const [index, { name, namespace, outputArtifacts = [] }] of group) {
    const path = `${stagePath}.actions[${index}]`;
    for (const artifact of outputArtifacts) {
      if (seen.artifacts.has(artifact.name)) {
        const text = `Output artifact names must be unique within a pipeline: ${artifact.name} of action ${name} is there already`;
        return structure(`${path}.outputArtifacts`, text);
      }
      seen.artifacts.add(artifact.name);
    }
    if (namespace === undefined) continue;
    if (seen.namespaces.has(namespace)) {
      return structure(
        `${path}.namespace`,
        `Namespaces must be unique within a pipeline: ${namespace} of action ${name} is taken`,
      );
    }
    seen.namespaces.add(namespace);
  }
  return undefined;
}

function checkAction(declared: ActionDeclaration, path: Path, seen: Seen, region: string): Rejection | undefined {
  const { name, actionTypeId, inputArtifacts = [], outputArtifacts = [], timeoutInMinutes } = declared;
  const rule = ruleOf(actionTypeId);
  if (!rule) {
    const { category, owner, provider, version } = actionTypeId;
    const type = `(Category: '${category}', Provider: '${provider}', Owner: '${owner}', Version: '${version}')`;
    const where = region.toUpperCase().replaceAll('-', '_');
    return action(path, `ActionType ${type} in action '${name}' is not available in region '${where}'`);
  }
  if (declared.region !== undefined && declared.region !== region) {
    return action(`${path}.region`, `Action ${name} is to run in ${declared.region}, but only ${region} is available`);
  }
  if (timeoutInMinutes !== undefined && rule.provider !== 'Manual') {
    return action(`${path}.timeoutInMinutes`, `Action ${name} cannot have a timeout: only manual approvals can`);
  }
  if (declared.commands || declared.outputVariables || declared.environmentVariables) {
    return action(
      path,
      `Action ${name} has commands, outputVariables or environmentVariables, which ${rule.provider} does not take`,
    );
  }
  return (
    checkCount(name, 'input', inputArtifacts.length, rule.inputs, path) ??
    checkCount(name, 'output', outputArtifacts.length, rule.outputs, path) ??
    checkInputs(declared, path, seen) ??
    checkConfiguration(declared, rule, path, seen)
  );
}

function checkCount(
  name: string,
  side: 'input' | 'output',
  count: number,
  [least, most]: readonly [number, number],
  path: Path,
): Rejection | undefined {
  const declares = `Action ${name} declares ${count} ${side} artifacts which is`;
  if (count < least) return action(`${path}.${side}Artifacts`, `${declares} less than the minimum count (${least})`);
  if (count > most) return action(`${path}.${side}Artifacts`, `${declares} more than the maximum count (${most})`);
  return undefined;
}

function checkInputs({ name, inputArtifacts = [] }: ActionDeclaration, path: Path, { artifacts }: Seen): Rejection | undefined {
  const lacking = inputArtifacts.find((artifact) => !artifacts.has(artifact.name));
  if (!lacking) return undefined;
  const text = `Input artifact ${lacking.name} of action ${name} is not an output artifact of any action that runs before it`;
  return structure(`${path}.inputArtifacts`, text);
}

function checkConfiguration(
  { name, configuration = {}, inputArtifacts = [] }: ActionDeclaration,
  rule: ActionTypeRule,
  path: Path,
  { namespaces }: Seen,
): Rejection | undefined {
  const at = `${path}.configuration`;
  for (const [key, { required }] of Object.entries(rule.configuration)) {
    if (required && configuration[key] === undefined) {
      return action(at, `Action configuration for action '${name}' is missing required configuration '${key}'`);
    }
  }
  for (const [key, value] of Object.entries(configuration)) {
    if (!Object.hasOwn(rule.configuration, key)) {
      return action(at, `Action configuration for action '${name}' contains unknown configuration '${key}'`);
    }
    const broken = brokenReferencesIn(value)[0];
    if (broken !== undefined) {
      return action(`${at}.${key}`, `${broken} is no variable reference: a namespace and a key separated by a period are`);
    }
    const unknown = referencesIn(value).find(({ namespace }) => !namespaces.has(namespace));
    if (unknown) {
      const text = `Action '${name}' refers to #{${unknown.namespace}.${unknown.key}}, but no action before it has the namespace`;
      return action(`${at}.${key}`, `${text} '${unknown.namespace}'`);
    }
  }
  return checkProvider(
    name,
    rule.provider,
    configuration,
    inputArtifacts.map((artifact) => artifact.name),
    at,
  );
}

function checkProvider(
  name: string,
  provider: string,
  configuration: Readonly<Record<string, string>>,
  inputs: readonly string[],
  at: Path,
): Rejection | undefined {
  if (provider === 'CodeBuild') {
    const { PrimarySource, EnvironmentVariables, BatchEnabled, CombineArtifacts } = configuration;
    if (inputs.length > 1 && PrimarySource === undefined) {
      return action(at, `Action '${name}' has several input artifacts and needs the configuration 'PrimarySource'`);
    }
    if (PrimarySource !== undefined && !inputs.includes(PrimarySource) && referencesIn(PrimarySource).length === 0) {
      return action(at, `PrimarySource '${PrimarySource}' of action '${name}' is none of its input artifacts`);
    }
    if (BatchEnabled === 'true' || CombineArtifacts === 'true') {
      return {
        code: 'NotImplementedException',
        message: `Batch builds are not implemented: remove BatchEnabled of action ${name} (${at}).`,
      };
    }
    const problem = EnvironmentVariables === undefined ? undefined : environmentProblem(EnvironmentVariables);
    if (problem !== undefined) return action(`${at}.EnvironmentVariables`, `Action '${name}': ${problem}`);
  }
  const format = configuration['OutputArtifactFormat'];
  if (format !== undefined && format !== 'CODE_ZIP' && format !== 'CODEBUILD_CLONE_REF') {
    return action(at, `OutputArtifactFormat '${format}' of action '${name}' must be CODE_ZIP or CODEBUILD_CLONE_REF`);
  }
  return undefined;
}

/** What is wrong with the EnvironmentVariables of a build action, whose values may still hold references. */
function environmentProblem(text: string): string | undefined {
  const parsed = parseEnvironment(text);
  return typeof parsed === 'string' ? parsed : undefined;
}

interface BuildVariable {
  readonly name: string;
  readonly value: string;
  readonly type: 'PLAINTEXT' | 'PARAMETER_STORE' | 'SECRETS_MANAGER';
}

/** EnvironmentVariables of a build action; a text says what is wrong with them. */
export function parseEnvironment(text: string): BuildVariable[] | string {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return 'EnvironmentVariables is no JSON';
  }
  if (!Array.isArray(list)) return 'EnvironmentVariables must be a JSON array of {"name","value","type"}';
  const variables: BuildVariable[] = [];
  for (const entry of list as Partial<BuildVariable>[]) {
    const { name, value, type = 'PLAINTEXT' } = entry ?? {};
    if (typeof name !== 'string' || typeof value !== 'string') return 'every environment variable needs a name and a value';
    if (!['PLAINTEXT', 'PARAMETER_STORE', 'SECRETS_MANAGER'].includes(type))
      return `type "${type}" of variable ${name} is unknown`;
    variables.push({ name, value, type });
  }
  return variables;
}

function checkTriggers({ triggers = [], stages }: PipelineDeclaration): Rejection | undefined {
  if (triggers.length > TRIGGERS_MAX) return structure('triggers', `Pipeline has more than ${TRIGGERS_MAX} triggers`);
  const sources = new Map((stages[0]?.actions ?? []).map(({ name, actionTypeId }) => [name, actionTypeId.provider]));
  for (const [index, trigger] of triggers.entries()) {
    const rejection = checkTrigger(trigger, `triggers[${index}].gitConfiguration`, sources);
    if (rejection) return rejection;
  }
  const twice = firstTwice(triggers.map(({ gitConfiguration }) => gitConfiguration.sourceActionName));
  if (twice === undefined) return undefined;
  return structure('triggers', `A source action can have one trigger: ${twice} has two`);
}

function checkTrigger(
  { gitConfiguration }: PipelineTriggerDeclaration,
  path: Path,
  sources: ReadonlyMap<string, string>,
): Rejection | undefined {
  const { sourceActionName, push = [], pullRequest = [] } = gitConfiguration;
  const provider = sources.get(sourceActionName);
  if (provider === undefined)
    return structure(path, `Trigger names ${sourceActionName}, which is no source action of the pipeline`);
  if (provider !== 'CodeStarSourceConnection') {
    return structure(path, `Trigger names ${sourceActionName}, but only CodeStarSourceConnection actions have triggers`);
  }
  if (pullRequest.length > 0) {
    const message = `Triggers on pull requests are not implemented: use push filters instead of ${path}.pullRequest.`;
    return { code: 'NotImplementedException', message };
  }
  for (const [index, { tags, branches, filePaths }] of push.entries()) {
    const at = `${path}.push[${index}]`;
    if (tags) {
      return {
        code: 'NotImplementedException',
        message: `Triggers on tags are not implemented: use branches instead of ${at}.tags.`,
      };
    }
    if (filePaths && !branches) return structure(at, 'A filter on file paths needs one on branches');
    if (!branches) return structure(at, 'A push filter needs branches');
  }
  return undefined;
}

function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

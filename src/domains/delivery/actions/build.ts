import type { Build } from '../../../contract/generated/codebuild.ts';
import type { InputOf } from '../../../contract/operations.ts';
import type { WithPipelineOrigin } from '../../../platform/ports/build-origin.ts';
import { parseEnvironment } from '../decide-structure.ts';
import { type ActionKind, failed, type Seen, type Work } from './action-kind.ts';

/** Starts a build and waits for it; the same attempt at an action is the same build. */
export const codeBuild: ActionKind = {
  calls: ['codebuild:StartBuild', 'codebuild:BatchGetBuilds'],
  async start(work) {
    const { ports, principal, origin, action, configuration } = work;
    const variables = parseEnvironment(configuration['EnvironmentVariables'] ?? '[]');
    if (typeof variables === 'string')
      return failed('ConfigurationError', `The action ${action.name} cannot start: ${variables}.`);
    const input: InputOf<'codebuild:StartBuild'> & WithPipelineOrigin = {
      projectName: configuration['ProjectName'] ?? '',
      idempotencyToken: action.id,
      ...(variables.length > 0 && { environmentVariablesOverride: variables }),
      PipelineOrigin: originOf(work),
    };
    const { build } = await ports.calls.call(principal, origin, 'codebuild:StartBuild', input);
    const links = linksOf(build ?? {});
    return (build && endOf(build)) ?? { seen: 'begun', changes: links };
  },
  async look({ ports, principal, origin, action }) {
    const ids = [action.externalExecutionId ?? ''];
    const { builds = [] } = await ports.calls.call(principal, origin, 'codebuild:BatchGetBuilds', { ids });
    const build = builds[0];
    if (!build) return failed('JobFailed', `The build ${ids[0]} is not there any more.`);
    return endOf(build);
  },
  end: {
    detailType: 'CodeBuild Build State Change',
    ids: ({ detail }) => {
      const status = detail['build-status'];
      const arn = detail['build-id'];
      return typeof arn === 'string' && status !== 'IN_PROGRESS' ? [arn.slice(arn.lastIndexOf('/') + 1)] : [];
    },
  },
};

function originOf({ execution, action, configuration }: Work): NonNullable<WithPipelineOrigin['PipelineOrigin']> {
  const inputs = action.inputs ?? [];
  const primary = inputs.find(({ name }) => name === configuration['PrimarySource']) ?? inputs[0];
  const source = [...execution.inherited, ...execution.actions].find(
    ({ revision }) => revision && revision.name === primary?.name,
  );
  return {
    initiator: `codepipeline/${execution.pipelineName}`,
    inputs: [...(primary ? [primary] : []), ...inputs.filter((input) => input !== primary)],
    ...(source?.revision && { sourceVersion: source.revision.revisionId }),
    outputs: action.outputs ?? [],
  };
}

const linksOf = ({ id, logs }: Build) => ({
  ...(id !== undefined && { externalExecutionId: id }),
  ...(logs?.deepLink !== undefined && { externalExecutionUrl: logs.deepLink }),
});

function endOf(build: Build): Seen | undefined {
  const { buildStatus, exportedEnvironmentVariables = [] } = build;
  if (buildStatus === undefined || buildStatus === 'IN_PROGRESS') return undefined;
  const links = linksOf(build);
  if (buildStatus === 'SUCCEEDED') {
    const exported = exportedEnvironmentVariables.flatMap(({ name, value }) => (name === undefined ? [] : [[name, value ?? '']]));
    return { seen: 'succeeded', changes: { ...links, outputVariables: Object.fromEntries(exported) } };
  }
  const broken = build.phases?.find(({ phaseStatus }) => phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED');
  const context = broken?.contexts?.[0];
  const where = broken
    ? ` Phase: ${broken.phaseType}, Code: ${context?.statusCode ?? broken.phaseStatus}, Message: ${context?.message ?? ''}`
    : '';
  return failed('JobFailed', `Build terminated with state: ${buildStatus}.${where}`, links);
}

import { type Check, memberOf, type SeenCommit, textOf, type Watched } from '../../checks/check.ts';
import { actionIn, attemptsOf, deliveryChanges, endedIn, shortOf, structureOf } from './delivery-rows.ts';

const DEPLOYS = /^sagemaker:(Create|Update)Endpoint$/;

/** What actions ask of other rooms. Runs of functions are counted by the machine, which refuses to run a job twice. */
export function checkEffectsOnce({ disk }: Watched): Check {
  /** By description, which names the delivery. */
  const started = new Map<string, number>();
  /** By endpoint config, which bears the id of the attempt. */
  const deployed = new Map<string, number>();
  const served = new Set<string>();
  const count = (counts: Map<string, number>, name: string): number => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts.get(name) ?? 0;
  };
  /** Attempts that may have started one; a call may still be on its way when the pipeline is deleted with them. */
  const attempts = new Map<string, number>();
  const countAttempts = (seen: SeenCommit): void => {
    for (const { key, after } of deliveryChanges(seen)) {
      if (!after) continue;
      const structure = structureOf(disk, key, after);
      const own = attemptsOf(after).filter((one) => actionIn(structure, one)?.actionTypeId.provider === 'SageMakerPipeline');
      attempts.set(`codepipeline/${after.pipelineName} ${after.executionId}`, own.length);
    }
  };
  const startedTwice = ({ changes }: SeenCommit): string[] =>
    changes.flatMap(({ key, before, after }) => {
      const description = textOf(after?.document, 'description');
      if (key.kind !== 'PipelineExecution' || before || !description?.startsWith('codepipeline/')) return [];
      const times = count(started, description);
      const most = attempts.get(description) ?? 0;
      return times > most ? [`${description} started ${times} executions in ${most} attempts`] : [];
    });
  const deployedTwice = ({ ledger }: SeenCommit): string[] =>
    ledger.flatMap(({ entry }) => {
      const config = memberOf(entry.changes, 'EndpointConfigName', 1);
      if (!DEPLOYS.test(entry.action) || entry.outcome !== 'done' || typeof config !== 'string') return [];
      const times = count(deployed, config);
      return times > 1 && config.startsWith('live-') ? [`${config} was deployed ${times} times`] : [];
    });
  return {
    promise: 'what an attempt at an action asks for happens once, and a deployment that succeeded is served',
    onCommit(seen) {
      countAttempts(seen);
      for (const { key, after } of seen.changes) {
        const config = textOf(after?.document, 'serving', 'configName');
        if (key.kind === 'Endpoint' && textOf(after?.document, 'EndpointStatus') === 'InService' && config) served.add(config);
      }
      const unserved = deliveryChanges(seen).flatMap((change) => {
        const { key, after } = change;
        if (!after) return [];
        return endedIn(change).flatMap((action) => {
          const { provider } = actionIn(structureOf(disk, key, after), action)?.actionTypeId ?? {};
          if (provider !== 'SageMakerEndpoint' || action.status !== 'Succeeded') return [];
          const config = action.outputVariables?.['EndpointConfigName'] ?? '';
          return served.has(config) ? [] : [`${action.name} of ${shortOf(after)} succeeded, and ${config} was never in service`];
        });
      });
      return [...startedTwice(seen), ...deployedTwice(seen), ...unserved];
    },
  };
}

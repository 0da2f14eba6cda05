import type { JsonObject } from '../../../sdk/definition/index.ts';
import type { InputOf } from '../../../src/contract/operations.ts';
import type { World } from '../../pipelines/world.ts';
import type { Random } from '../random.ts';
import { attemptGroup, OUTCOME_MEMBER, OUTCOME_VARIABLE, outcomeOf, RETURNS_MEMBER } from '../workload/outcomes.ts';
import { filesLeft } from './ends.ts';
import { isObject } from './expressions.ts';

type Act = () => Promise<unknown>;

/** Ends, in a random order, what an execution on the pipelines room started, as the plan in each piece of work says, until nothing runs. */
export async function runOnEngine(at: World, random: Random, more: () => Promise<void> = async () => {}): Promise<void> {
  const ended = new Map<string, Set<string>>();
  const answered = new Set<string>();
  const actsOf = () => [...jobActs(at, ended), ...functionActs(at), ...callbackActs(at, answered), ...deploymentActs(at)];
  for (let idle = 0; idle < 3; ) {
    if (actsOf().length === 0) await at.loop.idle(); // it may be just about to begin something
    const acts = actsOf();
    if (acts.length === 0) {
      at.clock.advance(3_600_000);
      await at.loop.idle();
      idle++;
      continue;
    }
    idle = 0;
    for (const act of random.shuffle(acts).slice(0, 1 + random.int(2))) await act();
    await more();
    if (random.chance(0.7)) await at.loop.idle();
    if (random.chance(0.1)) at.clock.advance(1_000 * random.int(100));
  }
}

function jobActs(at: World, ended: Map<string, Set<string>>): Act[] {
  return at.running().map((name) => async () => {
    const { type, input } = at.jobs.get(name)!;
    if (at.jobs.get(name)!.status !== 'InProgress') return;
    const group = attemptGroup(name) ?? name;
    const known = ended.get(group) ?? ended.set(group, new Set()).get(group)!;
    known.add(name);
    const environment = input['Environment'] as Record<string, string> | undefined;
    const outcome = outcomeOf(environment?.[OUTCOME_VARIABLE], known.size);
    if (outcome === 'ok') {
      if (type === 'ProcessingJob') for (const [uri, text] of filesLeft(input as JsonObject)) at.objects.set(uri, text);
      return at.end(name);
    }
    if (outcome === 'timeout') return at.end(name, 'Stopped');
    return at.end(name, 'Failed', outcome === 'lost' ? 'InternalServerError: lost' : `AlgorithmError: ${outcome}, exit code: 1`);
  });
}

function functionActs(at: World): Act[] {
  return at.functions.running().map((id) => async () => {
    if (!at.functions.running().includes(id)) return;
    const event = at.functions.invocations.get(id)!.event as JsonObject;
    const isOk = outcomeOf(String(event[OUTCOME_MEMBER]), 1) === 'ok';
    await at.endFunction(id, isOk ? event[RETURNS_MEMBER] : { errorMessage: 'planned' }, isOk ? undefined : 'Unhandled');
  });
}

/** Whoever answers a Callback step: as the message says, or with a failure where that is not taken. */
export async function answerCallback(at: Pick<World, 'call'>, message: { token: string; arguments: unknown }): Promise<void> {
  const { token: CallbackToken } = message;
  const plan = isObject(message.arguments) ? message.arguments : {};
  const FailureReason = 'planned';
  const returns = Object.entries(isObject(plan[RETURNS_MEMBER]) ? plan[RETURNS_MEMBER] : {});
  const OutputParameters = returns.map(([Name, Value]) => ({ Name, Value: String(Value) }));
  try {
    if (outcomeOf(String(plan[OUTCOME_MEMBER]), 1) !== 'ok') throw new Error(FailureReason);
    await at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken, OutputParameters });
  } catch {
    await at.call('sagemaker:SendPipelineExecutionStepFailure', { CallbackToken, FailureReason });
  }
}

function callbackActs(at: World, answered: Set<string>): Act[] {
  const open = at.queues.messages.filter(({ token }) => !answered.has(token));
  return open.map((message) => async () => {
    if (answered.has(message.token)) return;
    answered.add(message.token);
    await answerCallback(at, message);
  });
}

function deploymentActs(at: World): Act[] {
  const open = [...at.hosting.endpoints].filter(([, { status }]) => status === 'Creating' || status === 'Updating');
  return open.map(([name, { config, pending }]) => async () => {
    if (!['Creating', 'Updating'].includes(at.hosting.endpoints.get(name)!.status)) return;
    const model = at.hosting.configs.get(pending ?? config)?.ProductionVariants?.[0]?.ModelName ?? '';
    const made = at.models.get(model) as InputOf<'sagemaker:CreateModel'> | undefined;
    const outcome = made?.PrimaryContainer?.Environment?.[OUTCOME_VARIABLE] ?? 'ok';
    await at.endDeployment(name, outcome === 'ok' ? undefined : 'planned');
  });
}

import type { InstanceLimits } from '../../platform/admission/instance-sizes.ts';
import { assumptionOf } from '../../platform/authorization/work-credentials.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import { openLogStream } from '../../platform/log-streams.ts';
import { planModelServer } from '../../platform/serving/plan-model-server.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { CRASHES_MAX, type ServerSight } from './decide-endpoint.ts';
import { describeEnd, isForgiven, restartDelayMs } from './decide-restart.ts';
import { ping } from './ping.ts';
import type { HostingPorts } from './ports.ts';
import {
  containerName,
  containersOf,
  type EndpointDocument,
  type Fleet,
  type InstancePlan,
  type PinnedVariant,
  worksOf,
} from './resources.ts';

/** One model server and everything it is started from. `place` is that of its container in the model. */
export interface ServerPlan {
  readonly key: ResourceKey;
  readonly endpoint: EndpointDocument;
  readonly fleet: Fleet;
  readonly variant: PinnedVariant;
  readonly instance: InstancePlan;
  readonly place: number;
}

const workOf = ({ instance, place }: ServerPlan): string => worksOf(instance)[place] ?? '';

export interface Look extends ServerSight {
  readonly log: LogStreamName;
  /** When something is expected to be different. */
  readonly againAtMs: number;
}

/** What is remembered of a model server; lost with the process, which then only restarts it a little sooner. */
interface Memory {
  crashes: number;
  /** The end that was counted last. */
  countedEndMs: number;
  end: { text: string; fatal: boolean } | undefined;
  restartAtMs: number;
  /** When the process started that answered last; until it has, it may take as long as it is given to come up. */
  answeredStartMs: number;
  /** Since when pings have failed. */
  silentSinceMs: number | undefined;
}

/** Its processors are what a serverless variant gets; it has more memory than any asks for. */
const SERVERLESS_HOST = 'ml.m5.xlarge';
const PING_EVERY_MS = 10_000;
const STARTING_PING_EVERY_MS = 200;
const ADMISSION_LOOK_EVERY_MS = 2_000;
const END_LOOK_EVERY_MS = 1_000;
/** A model server that answers no ping for a minute hangs, whatever its process looks like. */
const SILENT_MS_MAX = 60_000;

const nameOf = ({ model }: PinnedVariant, place: number): string => containerName(containersOf(model)[place] ?? model, place);

/** AWS: containers of a model that has several log into streams of their own. */
const containerStream = ({ key, variant, instance, place }: Omit<ServerPlan, 'endpoint' | 'fleet'>): LogStreamName => ({
  account: key.account,
  region: key.region,
  group: `/aws/sagemaker/Endpoints/${key.name}`,
  stream: [variant.name, instance.id, ...(variant.model.following ? [nameOf(variant, place)] : [])].join('/'),
});

/** A serverless variant has the memory that it asks for, as far as this host has it. */
function limitsOf({ instanceType, serverless }: PinnedVariant, instanceLimits: HostingPorts['instanceLimits']): InstanceLimits {
  if (!serverless) return instanceLimits(instanceType);
  const host = instanceLimits(SERVERLESS_HOST);
  return { ...host, memoryMiB: Math.min(host.memoryMiB, serverless.memoryMiB) };
}

/** Starts, watches, restarts and ends model servers. All effects are repeatable under the instance's work id. */
export class ModelServers {
  readonly #ports: HostingPorts;
  readonly #memories = new Map<string, Memory>();
  readonly #owners = new Map<string, ResourceKey>();
  /** Being ended: what still answers there will not for long. */
  readonly #ending = new Set<string>();

  constructor(ports: HostingPorts) {
    this.#ports = ports;
  }

  /** The endpoint a work id belongs to, as far as it was looked at since the start. */
  ownerOf(workId: string): ResourceKey | undefined {
    return this.#owners.get(workId);
  }

  /** Sees to it that the model server runs, and tells how it is. */
  async look(plan: ServerPlan): Promise<Look> {
    const workId = workOf(plan);
    this.#owners.set(workId, plan.key);
    const status = await this.#ports.backend.status(workId);
    switch (status.phase) {
      case 'absent':
        return this.#start(plan);
      case 'preparing':
        return this.#sight(plan, 'starting', STARTING_PING_EVERY_MS);
      case 'running':
        return this.#examine(plan, status.startedAtMs);
      case 'ended':
        return this.#revive(plan, status);
    }
  }

  async #start(plan: ServerPlan): Promise<Look> {
    const { backend, admission, settings, instanceLimits, workCredentials, clock } = this.#ports;
    const { key, endpoint, fleet, variant, place } = plan;
    const workId = workOf(plan);
    const admitted = admission.request(workId, {
      reservation: settings.reservations.modelServer,
      queuedAtMs: fleet.startedAtMs,
    });
    if (!admitted.admitted) return { ...this.#sight(plan, 'waiting', ADMISSION_LOOK_EVERY_MS), waitingReason: admitted.reason };
    const access = {
      account: key.account,
      region: key.region,
      workId,
      onBehalfOf: endpoint.EndpointArn,
      ...(variant.model.executionRoleArn !== undefined && { roleArn: variant.model.executionRoleArn }),
    };
    try {
      await backend.start(
        planModelServer(containersOf(variant.model)[place] ?? variant.model, workId, {
          networkIsolation: variant.model.networkIsolation,
          region: key.region,
          logFile: await this.#openLog(plan),
          limits: limitsOf(variant, instanceLimits),
          environment: await workCredentials.environment(access),
        }),
      );
    } catch (error) {
      if (!(error instanceof BackendError) || error.retryable) throw error;
      const memory = this.#memory(workId);
      memory.crashes += 1;
      memory.end = { text: error.message, fatal: true };
      memory.restartAtMs = clock.now() + restartDelayMs(memory.crashes + 1);
      return this.#sight(plan, 'starting', Math.max(1, memory.restartAtMs - clock.now()));
    }
    return this.#sight(plan, 'starting', STARTING_PING_EVERY_MS);
  }

  /** The stream is the role's to make. Without a role, or a role without the right, the file is there and no stream shows it. */
  async #openLog(plan: ServerPlan): Promise<string> {
    const { key, endpoint, variant } = plan;
    const { logFiles, roles } = this.#ports;
    const stream = containerStream(plan);
    const { executionRoleArn } = variant.model;
    if (executionRoleArn === undefined) return logFiles.path(stream);
    const access = { account: key.account, workId: workOf(plan), onBehalfOf: endpoint.EndpointArn };
    try {
      const principal = await roles.assume(assumptionOf(access, executionRoleArn));
      return await openLogStream(this.#ports, principal, { region: key.region, requestId: endpoint.requestId }, stream);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      throwPassing(error);
      // a role that was deleted meanwhile must not keep the model from being served
      this.#ports.log.warn(
        { endpoint: endpoint.EndpointArn, code: error.code },
        'The log stream of a model server could not be made.',
      );
      return logFiles.path(stream);
    }
  }

  async #examine(plan: ServerPlan, startedAtMs: number): Promise<Look> {
    const { backend, admission, settings, clock } = this.#ports;
    const workId = workOf(plan);
    admission.restore(workId, settings.reservations.modelServer);
    if (this.#ending.has(workId)) return this.#sight(plan, 'starting', STARTING_PING_EVERY_MS);
    const memory = this.#memory(workId);
    if (await ping(this.#ports, workId)) {
      memory.answeredStartMs = startedAtMs;
      memory.silentSinceMs = undefined;
      memory.end = undefined;
      return this.#sight(plan, 'healthy', PING_EVERY_MS);
    }
    const serves = plan.endpoint.serving?.variants.some(({ instances }) => instances.flatMap(worksOf).includes(workId));
    if (!serves) return this.#sight(plan, 'starting', STARTING_PING_EVERY_MS);
    // by time, not by looks: while a deployment goes on there are many of them in a second
    memory.silentSinceMs ??= clock.now();
    const hasAnswered = memory.answeredStartMs === startedAtMs;
    const silentMs = clock.now() - Math.max(memory.silentSinceMs, startedAtMs);
    if (silentMs >= (hasAnswered ? SILENT_MS_MAX : plan.variant.startupTimeoutSeconds * 1000)) {
      this.#ports.log.warn(
        { endpoint: plan.endpoint.EndpointArn, workId },
        'A model server answers no pings; it is started again.',
      );
      memory.silentSinceMs = undefined;
      await backend.stop(workId);
    }
    return this.#sight(plan, 'starting', PING_EVERY_MS);
  }

  /** A model server that ended is started again, ever later while it keeps ending. */
  async #revive(plan: ServerPlan, end: WorkEnd): Promise<Look> {
    const { backend, clock, log } = this.#ports;
    const workId = workOf(plan);
    const memory = this.#memory(workId);
    if (memory.countedEndMs !== end.endedAtMs) {
      memory.countedEndMs = end.endedAtMs;
      // one that we stopped (at the server's own stop, or because it hung) has not crashed
      memory.crashes = end.reason === 'stopped' ? memory.crashes : isForgiven(end) ? 1 : memory.crashes + 1;
      memory.end = end.reason === 'stopped' ? undefined : { text: describeEnd(end), fatal: end.reason === 'failed-to-start' };
      memory.restartAtMs = clock.now() + restartDelayMs(memory.crashes);
      if (memory.end) log.warn({ endpoint: plan.endpoint.EndpointArn, workId, end: memory.end.text }, 'A model server ended.');
    }
    const waitMs = memory.restartAtMs - clock.now();
    if (waitMs > 0) return this.#sight(plan, 'starting', waitMs);
    // a fatal end is shown once before the next attempt erases it
    if (memory.end?.fatal && memory.crashes <= 1) {
      memory.crashes += 1;
      memory.restartAtMs = clock.now() + restartDelayMs(memory.crashes);
      return this.#sight(plan, 'starting', restartDelayMs(memory.crashes));
    }
    await backend.release(workId);
    this.#ending.delete(workId);
    return this.#start(plan);
  }

  #sight(plan: ServerPlan, status: ServerSight['status'], againInMs: number): Look {
    const { crashes, end } = this.#memory(workOf(plan));
    const { variant, place } = plan;
    const container = variant.model.following ? nameOf(variant, place) : 'primary';
    const againAtMs = this.#ports.clock.now() + againInMs;
    return { variant: variant.name, container, status, crashes, ...(end && { end }), log: containerStream(plan), againAtMs };
  }

  /** Ends a model server and forgets it; true when it is gone. */
  async end(workId: string): Promise<boolean> {
    const { backend, admission } = this.#ports;
    const status = await backend.status(workId);
    if (status.phase === 'preparing' || status.phase === 'running') {
      this.#ending.add(workId);
      await backend.stop(workId);
      return false;
    }
    // also when it is absent: a server that died just after handing it over left a spawner that could yet claim it
    await backend.release(workId);
    admission.release(workId);
    this.#ending.delete(workId);
    this.#memories.delete(workId);
    this.#owners.delete(workId);
    return true;
  }

  /** Why a model server does not come up; undefined while that is not known. */
  problemOf(workId: string): string | undefined {
    const { crashes, end } = this.#memory(workId);
    return end && (end.fatal || crashes >= CRASHES_MAX) ? end.text : undefined;
  }

  /** Like `end` for many: those that are gone, and when to look for the rest. */
  async endAll(
    key: ResourceKey,
    workIds: readonly string[],
  ): Promise<{ readonly gone: Set<string>; readonly againAtMs: number | undefined }> {
    const gone = new Set<string>();
    for (const workId of workIds) {
      this.#owners.set(workId, key);
      if (await this.end(workId)) gone.add(workId);
    }
    return { gone, againAtMs: gone.size < workIds.length ? this.#ports.clock.now() + END_LOOK_EVERY_MS : undefined };
  }

  #memory(workId: string): Memory {
    let memory = this.#memories.get(workId);
    if (!memory) {
      memory = { crashes: 0, countedEndMs: 0, end: undefined, restartAtMs: 0, answeredStartMs: 0, silentSinceMs: undefined };
      this.#memories.set(workId, memory);
    }
    return memory;
  }
}

import type { Build, BuildPhase, StatusType } from '../../contract/generated/codebuild.ts';
import type { EventInput } from '../../platform/events/event.ts';
import type { JsonObject } from '../../platform/json.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { formatArn } from '../../platform/resources/arn.ts';
import type { Commit, Write } from '../../platform/store/port.ts';
import { type Read, writeOf } from '../../platform/store/typed-rows.ts';
import { BUILD_RECONCILER, type BuildDocument, isEnded } from './resources.ts';

/** How long the files of a build that has ended stay. */
export const RELEASE_AFTER_MS = 60_000;

export const buildWrite = (key: ResourceKey, build: BuildDocument): Write =>
  writeOf(
    key,
    build,
    {
      parent: build.projectName,
      status: build.status,
      facet: isEnded(build.status) ? 'ended' : 'active',
      createdAtMs: build.createdAtMs,
      modifiedAtMs: build.modifiedAtMs,
      ordinal: build.number,
    },
    isEnded(build.status) ? [] : blobsOf(build),
  );

const blobsOf = ({ sources = [] }: BuildDocument): string[] => [
  ...new Set(sources.flatMap(({ entries }) => entries.map(({ digest }) => digest))),
];

/** The commit of a change that the control loop makes: row, events of phases and build, ledger, timer. */
export function buildCommit(row: Read<BuildDocument>, next: BuildDocument): Commit {
  const { key, version, document: before } = row;
  const hasEnded = isEnded(next.status) && !isEnded(before.status);
  return {
    expect: [{ key, version }],
    write: [buildWrite(key, next)],
    ...(hasEnded && {
      timers: [{ reconciler: BUILD_RECONCILER, key, dueAtMs: next.modifiedAtMs + RELEASE_AFTER_MS }],
      ledger: [
        ownEntry('builds', key, {
          timeMs: next.modifiedAtMs,
          action: `slipway:Build.${next.status}`,
          resources: [next.arn],
          changes: { buildStatus: [before.status, next.status] },
          ...reasonOf(next),
        }),
      ],
    }),
    events: buildEvents(key, before, next),
  };
}

function reasonOf({ phases }: BuildDocument): { readonly reason?: string } {
  const message = phases.find(({ phaseStatus }) => phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED')?.contexts?.[0]
    ?.message;
  return message ? { reason: message } : {};
}

/** Phases that have ended since, then the build's own end. Also of a new build: `before` is undefined. */
export function buildEvents(key: ResourceKey, before: BuildDocument | undefined, next: BuildDocument): EventInput[] {
  const known = new Map(before?.phases.map(({ phaseType, phaseStatus }) => [phaseType, phaseStatus]));
  const over = next.phases.filter(
    ({ phaseType, phaseStatus }) =>
      (phaseStatus !== undefined && known.get(phaseType) !== phaseStatus) ||
      (phaseType === 'COMPLETED' && !known.has('COMPLETED')),
  );
  const common = {
    source: 'aws.codebuild',
    account: key.account,
    region: key.region,
    timeMs: next.modifiedAtMs,
    resources: [next.arn],
  };
  const additional = additionalInformation(key, next);
  const events: EventInput[] = over.map((phase) => ({
    ...common,
    detailType: 'CodeBuild Build Phase Change',
    detail: phaseDetail(next, phase, additional),
  }));
  if (before?.status === next.status) return events;
  return [
    ...events,
    {
      ...common,
      detailType: 'CodeBuild Build State Change',
      detail: {
        'build-status': next.status,
        'project-name': next.projectName,
        'build-id': next.arn,
        'additional-information': additional,
        'current-phase': next.currentPhase,
        'current-phase-context': contextText(next.phases.at(-1)),
        version: '1',
      },
    },
  ];
}

function phaseDetail(build: BuildDocument, phase: BuildPhase, additional: JsonObject): JsonObject {
  return {
    'completed-phase': phase.phaseType,
    'project-name': build.projectName,
    'build-id': build.arn,
    'completed-phase-context': contextText(phase),
    'additional-information': additional,
    ...(phase.phaseStatus !== undefined && {
      'completed-phase-status': phase.phaseStatus,
      'completed-phase-duration-seconds': phase.durationInSeconds ?? 0,
      'completed-phase-end': timeText(phase.endTime ?? 0),
    }),
    'completed-phase-start': timeText(phase.startTime ?? 0),
    version: '1',
  };
}

/** `[: ]` is what CodeBuild writes for a context that says nothing. */
const contextText = (phase: BuildPhase | undefined): string =>
  `[${(phase?.contexts ?? []).map(({ statusCode, message }) => `${statusCode}: ${message}`).join(', ')}]`;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sep 1, 2017 4:12:29 PM`, UTC. */
export function timeText(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = at.getUTCHours();
  const time = `${hours % 12 === 0 ? 12 : hours % 12}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return `${MONTHS[at.getUTCMonth()]} ${at.getUTCDate()}, ${at.getUTCFullYear()} ${time} ${hours < 12 ? 'AM' : 'PM'}`;
}

function additionalInformation(key: ResourceKey, build: BuildDocument): JsonObject {
  const { environment, source, timeoutInMinutes, queuedTimeoutInMinutes } = build.settings;
  const logs = logsLocation(key, build);
  const { artifacts } = build;
  return {
    ...(artifacts && {
      artifact: {
        ...(artifacts.md5sum !== undefined && { md5sum: artifacts.md5sum }),
        ...(artifacts.sha256sum !== undefined && { sha256sum: artifacts.sha256sum }),
        ...(artifacts.location !== undefined && { location: artifacts.location }),
      },
    }),
    cache: { type: build.settings.cache.type },
    environment: {
      image: environment.image,
      'privileged-mode': environment.privilegedMode ?? false,
      'compute-type': environment.computeType,
      type: environment.type,
      'image-pull-credentials-type': environment.imagePullCredentialsType ?? 'CODEBUILD',
      'environment-variables': (environment.environmentVariables ?? []).map(({ name, value, type = 'PLAINTEXT' }) => ({
        name,
        type,
        value,
      })),
    },
    'timeout-in-minutes': timeoutInMinutes,
    'queued-timeout-in-minutes': queuedTimeoutInMinutes,
    'build-number': build.number,
    'build-complete': isEnded(build.status),
    initiator: build.initiator,
    'build-start-time': timeText(build.createdAtMs),
    source: { type: source.type, ...(source.location !== undefined && { location: source.location }) },
    ...(build.resolvedSourceVersion !== undefined && { 'source-version': build.resolvedSourceVersion }),
    logs: {
      ...(logs.groupName !== undefined && { 'group-name': logs.groupName }),
      ...(logs.streamName !== undefined && { 'stream-name': logs.streamName }),
      ...(logs.deepLink !== undefined && { 'deep-link': logs.deepLink }),
    },
    phases: build.phases.map(
      (phase): JsonObject => ({
        'phase-context': (phase.contexts ?? []).map(({ statusCode, message }) => `${statusCode}: ${message}`),
        'start-time': timeText(phase.startTime ?? 0),
        ...(phase.phaseStatus !== undefined && {
          'end-time': timeText(phase.endTime ?? 0),
          'duration-in-seconds': phase.durationInSeconds ?? 0,
          'phase-status': phase.phaseStatus,
        }),
        'phase-type': phase.phaseType,
      }),
    ),
    ...(build.exported && {
      'exported-environment-variables': build.exported.map(({ name, value }) => ({ name: name ?? '', value: value ?? '' })),
    }),
  };
}

function logsLocation({ account, region }: ResourceKey, { settings: { logs } }: BuildDocument): NonNullable<Build['logs']> {
  const s3Logs = { status: 'DISABLED' as const };
  if (!logs.enabled) return { cloudWatchLogs: { status: 'DISABLED' }, s3Logs };
  const resource = `log-group:${logs.group}:log-stream:${logs.stream}`;
  return {
    groupName: logs.group,
    streamName: logs.stream,
    deepLink: `https://console.aws.amazon.com/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/${consoleText(logs.group)}/log-events/${consoleText(logs.stream)}`,
    cloudWatchLogsArn: formatArn({ service: 'logs', region, account, resource }),
    cloudWatchLogs: { status: 'ENABLED', groupName: logs.group },
    s3Logs,
  };
}

/** The console's own form of a name in an address. */
const consoleText = (text: string): string => encodeURIComponent(encodeURIComponent(text)).replaceAll('%', '$');

/** As the API shows it. */
export function describeBuild(key: ResourceKey, build: BuildDocument): Build {
  const { settings } = build;
  return {
    id: build.id,
    arn: build.arn,
    buildNumber: build.number,
    startTime: build.createdAtMs,
    ...(build.endedAtMs !== undefined && { endTime: build.endedAtMs }),
    currentPhase: build.currentPhase,
    buildStatus: build.status,
    ...(settings.sourceVersion !== undefined && { sourceVersion: settings.sourceVersion }),
    ...(build.resolvedSourceVersion !== undefined && { resolvedSourceVersion: build.resolvedSourceVersion }),
    projectName: build.projectName,
    phases: [...build.phases],
    source: settings.source,
    secondarySources: [...settings.secondarySources],
    secondarySourceVersions: [...settings.secondarySourceVersions],
    artifacts: build.artifacts ?? {
      location: '',
      ...(settings.artifacts.overrideArtifactName && { overrideArtifactName: true }),
    },
    secondaryArtifacts: [...(build.secondaryArtifacts ?? [])],
    cache: settings.cache,
    environment: settings.environment,
    serviceRole: settings.serviceRole,
    logs: logsLocation(key, build),
    timeoutInMinutes: settings.timeoutInMinutes,
    queuedTimeoutInMinutes: settings.queuedTimeoutInMinutes,
    buildComplete: isEnded(build.status),
    initiator: build.initiator,
    ...(settings.encryptionKey !== '' && { encryptionKey: settings.encryptionKey }),
    ...(build.exported && { exportedEnvironmentVariables: [...build.exported] }),
    ...(build.reportArns && { reportArns: [...build.reportArns] }),
  };
}

export type { StatusType };

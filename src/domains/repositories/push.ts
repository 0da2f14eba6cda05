import type { OperationContext } from '../../platform/calls/operation.ts';
import { recordDenial } from '../../platform/calls/dispatch.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { GitVersion } from '../../platform/ports/git-service.ts';
import type { KeptBody } from '../../platform/ports/git.ts';
import type { Read } from '../../platform/store/typed-rows.ts';
import { causeOf, changeReferences, type Current } from './change-references.ts';
import {
  COMMANDS_MAX,
  forbidsRewriting,
  HEAD_BYTES_MAX,
  parsePushHead,
  parseReport,
  printPushHead,
  printReport,
  type PushHead,
  type PushReport,
  reasonLine,
  type RefCommand,
  rejectCommand,
} from './decide-push.ts';
import type { OwnPorts } from './ports.ts';
import { pushNeed } from './repository-access.ts';
import { gitPlaceOf, referencesKey, type RepositoryDocument } from './resources.ts';

interface PushRequest {
  readonly context: OperationContext;
  readonly repository: Read<RepositoryDocument>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly version: GitVersion;
}

const MIB = 1024 * 1024;
const RECEIVE_MS = 3_600_000;

/**
 * One push. The pack is laid down first, so that a slow sender holds neither a process nor the repository's turn; then `receive-pack` gets
 * the commands that nothing is against. It keeps a pack in quarantine until it has been checked whole. The answer is what it says, with a
 * line for each reference that was refused here, and is given when the record is durable.
 */
export async function performPush(own: OwnPorts, push: PushRequest): Promise<Uint8Array> {
  const limitBytes = own.settings.repositories.pushMiB * MIB;
  const source = push.body[Symbol.asyncIterator]();
  const { head, rest } = await readHead(source);
  const pack = await own.git.keep(joined(rest, source), limitBytes);
  try {
    if (!pack) {
      const why = `the push has more than ${own.settings.repositories.pushMiB} MiB (repositories.pushMiB of slipway.yaml)`;
      return printReport(refusedReport(why, head.commands), head.capabilities);
    }
    if (head.commands.length === 0) return new Uint8Array(0);
    if (head.commands.length > COMMANDS_MAX) {
      return printReport(refusedReport(`a push may change ${COMMANDS_MAX} references`, head.commands), head.capabilities);
    }
    return printReport(await receive(own, push, head, pack), head.capabilities);
  } finally {
    await pack?.drop();
  }
}

async function receive(own: OwnPorts, push: PushRequest, head: PushHead, pack: KeptBody): Promise<PushReport> {
  const { context, repository } = push;
  const cause = causeOf(context, 'codecommit:GitPush', repository.document.name);
  const { result } = await changeReferences(own, repository, cause, async (current) => {
    const refused = await refusals(own, push, head.commands, current);
    // of an atomic push either all is done or nothing
    const atomic = refused.size > 0 && head.capabilities.includes('atomic');
    const wanted = head.commands.filter(({ name }) => !refused.has(name));
    const lines = [...refused].map(([name, why]) => `ng ${name} ${reasonLine(why)}`);
    if (atomic) lines.push(...wanted.map(({ name }) => `ng ${name} another reference of this atomic push was refused`));
    if (atomic || wanted.length === 0) return { unpack: 'ok', lines, messages: [] };
    const denyRewriting = forbidsRewriting(wanted, { protected: current.document.protected ?? [] });
    const report = await runReceivePack(own, push, { head, wanted, pack, denyRewriting });
    return { ...report, lines: [...report.lines, ...lines] };
  });
  return result;
}

interface Received {
  readonly head: PushHead;
  readonly wanted: readonly RefCommand[];
  readonly pack: KeptBody;
  readonly denyRewriting: boolean;
}

async function runReceivePack(
  own: OwnPorts,
  { repository, version }: PushRequest,
  { head, wanted, pack, denyRewriting }: Received,
): Promise<PushReport> {
  const place = gitPlaceOf(referencesKey(repository.key, repository.document.id));
  const words = ['-c', `receive.denyNonFastForwards=${denyRewriting}`, 'receive-pack', '--stateless-rpc', '.'];
  const { exitCode, output, errors } = await own.git.run(place, words, {
    input: joined(printPushHead(head, wanted), pack.read()[Symbol.asyncIterator]()),
    environment: version > 0 ? { GIT_PROTOCOL: `version=${version}` } : {},
    timeoutMs: RECEIVE_MS,
  });
  const report = parseReport(output, head.capabilities);
  if (report) return report;
  const isPlain = !head.capabilities.some((one) => one.startsWith('report-status'));
  if (exitCode === 0 && isPlain) return { unpack: 'ok', lines: [], messages: [] };
  own.log.warn({ repository: repository.document.name, exitCode, errors }, 'A push was not understood or its pack was broken.');
  return refusedReport(errors.split('\n').at(-1) || 'the pack is broken', wanted);
}

/** Why references are not changed, by name. What policies deny is in the ledger. */
async function refusals(
  own: OwnPorts,
  { context }: PushRequest,
  commands: readonly RefCommand[],
  { known, document }: Current,
): Promise<Map<string, string>> {
  const refused = new Map<string, string>();
  const { follow } = document;
  const rules = {
    protected: document.protected ?? [],
    known: known.references,
    ...(follow && { follows: follow.url }),
  };
  const environment = { nowMs: context.nowMs, region: context.region, ...context.client };
  for (const command of commands) {
    const why = rejectCommand(command, rules);
    if (why !== undefined) {
      refused.set(command.name, why);
      continue;
    }
    const need = pushNeed(context, document.name, [command.name]);
    const decision = await own.authorizer.authorize(context.principal, [need], environment);
    if (decision.allowed) continue;
    await recordDenial(own.store, decision.need, decision.message, context);
    refused.set(command.name, decision.message);
  }
  return refused;
}

const refusedReport = (why: string, commands: readonly RefCommand[]): PushReport => ({
  unpack: reasonLine(why),
  lines: commands.map(({ name }) => `ng ${name} ${reasonLine(why)}`),
  messages: [Buffer.from(`${why}\n`)],
});

/** The commands of a push and what of its pack came with them. */
async function readHead(source: AsyncIterator<Uint8Array>): Promise<{ head: PushHead; rest: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0);
  let further: Uint8Array[] = [];
  let furtherBytes = 0;
  const refuse = async (code: 'InvalidRequest' | 'IncompleteBody', message: string): Promise<never> => {
    // whoever answers reads away what is left
    await source.return?.();
    throw new ServiceError(code, message);
  };
  for (;;) {
    const step = await source.next();
    if (!step.done) {
      further.push(step.value);
      furtherBytes += step.value.length;
      // as much again: however small the pieces are, the head is put together and looked through a few times only
      if (furtherBytes < bytes.length) continue;
    }
    bytes = Buffer.concat([bytes, ...further]);
    further = [];
    furtherBytes = 0;
    const head = parsePushHead(bytes);
    if (typeof head === 'string') return refuse('InvalidRequest', `This is no push: ${head}.`);
    if (head) return { head, rest: bytes.subarray(head.sizeBytes) };
    if (step.done) return refuse('IncompleteBody', 'The request ended before the commands of the push did.');
    if (bytes.length > HEAD_BYTES_MAX) return refuse('InvalidRequest', 'The commands of the push are too long.');
  }
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (let step = await rest.next(); !step.done; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

import type { AuthorizationNeed } from '../../platform/authorization/policy.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { recordDenial } from '../../platform/calls/dispatch.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { GitCaller, GitService, GitVersion } from '../../platform/ports/git-service.ts';
import { openSettled } from './change-references.ts';
import { type DeniedSecrets, followingOf, hearMessage } from './follow.ts';
import type { OwnPorts } from './ports.ts';
import { performPush } from './push.ts';
import { openRepository, pullNeed, pushNeed } from './repository-access.ts';

/** Fetches that run at the same time; each is a process, and a slow reader keeps its own. */
const FETCHES_MAX = 64;
const FETCH_MS = 3_600_000;

/** Repositories as clients of git see them. */
export function createGitService(own: OwnPorts): GitService {
  let fetches = 0;
  const denied: DeniedSecrets = new Map();
  return {
    async advertise(caller, name, command, version) {
      const context = contextOf(own, caller, name);
      const need = command === 'upload-pack' ? pullNeed(context, name) : pushNeed(context, name, []);
      await authorize(own, context, need);
      const { place } = await openSettled(own, context, name);
      const words = [command, '--stateless-rpc', '--advertise-refs', '.'];
      const { exitCode, output, errors } = await own.git.run(place, words, { environment: protocolOf(version) });
      if (exitCode !== 0) throw new ServiceError('ServiceUnavailable', `The repository cannot be read now: ${errors}`);
      return output;
    },
    async uploadPack(caller, name, request, version) {
      const context = contextOf(own, caller, name);
      await authorize(own, context, pullNeed(context, name));
      const { place } = await openSettled(own, context, name);
      if (fetches >= FETCHES_MAX) {
        throw new ServiceError('ServiceUnavailable', `${FETCHES_MAX} clients fetch at this moment; try again in a while.`);
      }
      fetches += 1;
      const options = { input: request, environment: protocolOf(version), timeoutMs: FETCH_MS };
      const pieces = own.git.stream(place, ['upload-pack', '--stateless-rpc', '.'], options);
      return counted(pieces, () => {
        fetches -= 1;
      });
    },
    async receivePack(caller, name, body, version) {
      const context = contextOf(own, caller, name);
      await authorize(own, context, pushNeed(context, name, []));
      const { row } = await openRepository(own, context, name);
      return performPush(own, { context, repository: row, body, version });
    },
    hears: async (id) => (await followingOf(own, id)) !== undefined,
    hear: (id, headers, body) => hearMessage(own, denied, id, headers, body),
  };
}

const protocolOf = (version: GitVersion): { [name: string]: string } =>
  version > 0 ? { GIT_PROTOCOL: `version=${version}` } : {};

/** `over` is told once, however the reading ends; whoever asked must read, or give up. */
async function* counted(pieces: AsyncIterable<Uint8Array>, over: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } finally {
    over();
  }
}

function contextOf(own: OwnPorts, caller: GitCaller, name: string): OperationContext {
  if (!/^[\w.-]{1,100}$/.test(name)) {
    throw new ServiceError('RepositoryDoesNotExistException', 'There is no repository of this name.', {}, 'absent');
  }
  const { principal, region, requestId, client } = caller;
  const { account } = principal;
  const nowMs = own.clock.now();
  // the ledger and authorisation know it by this name; it is no operation of the API
  return { operation: 'codecommit:GetRepository', principal, account, region, requestId, nowMs, ...(client && { client }) };
}

async function authorize(own: OwnPorts, context: OperationContext, need: AuthorizationNeed): Promise<void> {
  const environment = { nowMs: context.nowMs, region: context.region, ...context.client };
  const decision = await own.authorizer.authorize(context.principal, [need], environment);
  if (decision.allowed) return;
  await recordDenial(own.store, decision.need, decision.message, context);
  throw new ServiceError('AccessDeniedException', decision.message);
}

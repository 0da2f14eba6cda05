import type { ClientOrigin } from '../calls/operation.ts';
import type { Principal } from '../authorization/principal.ts';

/** Whoever speaks git's protocol to us, once the gateway knows who it is. */
export interface GitCaller {
  readonly principal: Principal;
  readonly region: string;
  readonly requestId: string;
  readonly client?: ClientOrigin;
}

export type GitCommand = 'upload-pack' | 'receive-pack';
/** What `Git-Protocol` asks for. */
export type GitVersion = 0 | 1 | 2;

/**
 * What the git front of the gateway asks the room `repositories`. Throws ServiceErrors before the first byte; what a push is refused for
 * is in its answer, reference by reference.
 */
export interface GitService {
  /** What `info/refs` answers behind the service's line. */
  advertise(caller: GitCaller, name: string, command: GitCommand, version: GitVersion): Promise<Uint8Array>;
  uploadPack(caller: GitCaller, name: string, request: Uint8Array, version: GitVersion): Promise<AsyncIterable<Uint8Array>>;
  /** The report, when what it says is durable. */
  receivePack(caller: GitCaller, name: string, body: AsyncIterable<Uint8Array>, version: GitVersion): Promise<Uint8Array>;
  /** Whether the repository of this id follows a remote, so that it is worth to take a message in. */
  hears(repositoryId: string): Promise<boolean>;
  /** A message of the remote that the repository of this id follows. False: nobody here, or not signed as agreed; nothing was done. */
  hear(repositoryId: string, headers: Readonly<Record<string, string | undefined>>, body: Uint8Array): Promise<boolean>;
}

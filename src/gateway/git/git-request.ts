import type { IncomingMessage } from 'node:http';
import type { GitCommand, GitVersion } from '../../platform/ports/git-service.ts';

/** What a request of git's HTTP protocol asks for. */
export interface GitTarget {
  /** Of the address; undefined: the server's own. */
  readonly region?: string;
  readonly name: string;
  /** The path that a credential helper was shown: everything before git's own words. */
  readonly repositoryPath: string;
  readonly kind: 'advertise' | 'command' | 'other';
  readonly command?: GitCommand;
}

const OWN = /^(\/_slipway\/git\/(?:([a-z]{2}(?:-[a-z]+)+-\d)\/)?([^/?]+))(\/[^?]*)?(?:\?(.*))?$/;
/** AWS's form. A signed request under this path is S3's. */
const AWS = /^(\/v1\/repos\/()([^/?]+))(\/(?:info\/refs|git-upload-pack|git-receive-pack))(?:\?(.*))?$/;
const HOOK = /^\/_slipway\/hooks\/git\/([^?]+)/;
const AWS_HOST = /^git-codecommit(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com/;

const isSignedForAws = (request: IncomingMessage): boolean =>
  /^AWS4-/.test(request.headers.authorization ?? '') || request.headers['x-amz-target'] !== undefined;

export const isGitRequest = (request: IncomingMessage): boolean => {
  const url = request.url ?? '';
  return url.startsWith('/_slipway/git/') || HOOK.test(url) || (AWS.test(url) && !isSignedForAws(request));
};

/** The id in a webhook's address; undefined when it is none. */
export const hookOf = (request: IncomingMessage): string | undefined => HOOK.exec(request.url ?? '')?.[1];

/** Undefined for an address that names no repository. Names keep to their letters: what is escaped is no name. */
export function parseTarget(request: IncomingMessage): GitTarget | undefined {
  const match = OWN.exec(request.url ?? '') ?? AWS.exec(request.url ?? '');
  if (!match) return undefined;
  const [, repositoryPath = '', named = '', last = '', rest = '', query = ''] = match;
  const name = last.replace(/\.git$/, '');
  if (!/^[\w.-]{1,100}$/.test(name) || /^\.+$/.test(name)) return undefined;
  const region = named || AWS_HOST.exec(request.headers.host ?? '')?.[1];
  const base = { name, repositoryPath, ...(region !== undefined && region !== '' && { region }) };
  if (rest === '/info/refs' && request.method === 'GET') {
    const command = commandOf(new URLSearchParams(query).get('service')?.replace(/^git-/, ''));
    return command ? { ...base, kind: 'advertise', command } : { ...base, kind: 'other' };
  }
  const command = commandOf(/^\/git-([a-z-]+)$/.exec(rest)?.[1]);
  return request.method === 'POST' && command ? { ...base, kind: 'command', command } : { ...base, kind: 'other' };
}

const commandOf = (word: string | undefined): GitCommand | undefined =>
  word === 'upload-pack' || word === 'receive-pack' ? word : undefined;

/** Of `Git-Protocol` only the version is passed on, and only as the number it is: the header ends in an environment of git. */
export function versionOf(header: string | readonly string[] | undefined): GitVersion {
  const version = typeof header === 'string' ? /(?:^|:)version=([12])(?:$|:)/.exec(header)?.[1] : undefined;
  return version === '2' ? 2 : version === '1' ? 1 : 0;
}

import { cancelUpload, completeUpload, continueUpload, getBlob, startUpload, uploadStatus } from './blobs.ts';
import { deleteManifest, getManifest, listRepositories, listTags, putManifest } from './manifests.ts';
import type { Exchange } from './registry.ts';
import { refusal } from './registry-errors.ts';

export type Action = (exchange: Exchange) => Promise<void>;

const NAME = '([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)';
const PATHS: readonly (readonly [pattern: RegExp, methods: Readonly<Record<string, (words: string[]) => Action>>])[] = [
  [/^\/v2\/?$/, { GET: () => ping, HEAD: () => ping }],
  [/^\/v2\/_catalog$/, { GET: () => listRepositories }],
  [new RegExp(`^/v2/${NAME}/tags/list$`), { GET: ([name = '']) => listTags(name) }],
  [
    new RegExp(`^/v2/${NAME}/manifests/([^/]+)$`),
    {
      GET: ([name = '', reference = '']) => getManifest(name, reference),
      HEAD: ([name = '', reference = '']) => getManifest(name, reference),
      PUT: ([name = '', reference = '']) => putManifest(name, reference),
      DELETE: ([name = '', reference = '']) => deleteManifest(name, reference),
    },
  ],
  [new RegExp(`^/v2/${NAME}/blobs/uploads/?$`), { POST: ([name = '']) => startUpload(name) }],
  [
    new RegExp(`^/v2/${NAME}/blobs/uploads/([^/]+)$`),
    {
      GET: ([name = '', id = '']) => uploadStatus(name, id),
      PATCH: ([name = '', id = '']) => continueUpload(name, id),
      PUT: ([name = '', id = '']) => completeUpload(name, id),
      DELETE: ([name = '', id = '']) => cancelUpload(name, id),
    },
  ],
  [
    new RegExp(`^/v2/${NAME}/blobs/([^/]+)$`),
    {
      GET: ([name = '', digest = '']) => getBlob(name, digest),
      HEAD: ([name = '', digest = '']) => getBlob(name, digest),
    },
  ],
];

/** What a method on a path asks for. Throws a refusal in the protocol's form. */
export function findAction(method: string, path: string): Action {
  for (const [pattern, methods] of PATHS) {
    const match = pattern.exec(path);
    if (!match) continue;
    const action = methods[method];
    if (!action) throw refusal(405, 'UNSUPPORTED', `${method} is not supported here.`);
    return action(match.slice(1));
  }
  throw refusal(404, 'NAME_UNKNOWN', 'There is nothing under this address.');
}

async function ping({ response }: Exchange): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '2' });
  response.end('{}');
}

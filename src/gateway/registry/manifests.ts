import { createHash } from 'node:crypto';
import { ServiceError } from '../../platform/errors/families.ts';
import { readBody } from '../body.ts';
import type { Exchange } from './registry.ts';
import type { Action } from './registry-actions.ts';
import { refusal } from './registry-errors.ts';

/** Manifests and tags of the registry protocol, as images of ECR. */

const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;

const isDigest = (reference: string): boolean => reference.includes(':');
const idOf = (reference: string): { imageDigest: string } | { imageTag: string } =>
  isDigest(reference) ? { imageDigest: reference } : { imageTag: reference };

export const putManifest =
  (name: string, reference: string): Action =>
  async (exchange) => {
    const body = await readBody(exchange.request, MANIFEST_BYTES_MAX, exchange.sendContinue);
    const type = exchange.request.headers['content-type']?.split(';')[0]?.trim();
    const { image } = await exchange
      .call('ecr:PutImage', {
        repositoryName: name,
        imageManifest: Buffer.from(body).toString('utf8'),
        ...(type && type !== 'application/json' && { imageManifestMediaType: type }),
        ...idOf(reference),
      })
      .catch((error: unknown) => {
        if (!(error instanceof ServiceError) || error.code !== 'LayersNotFoundException') throw error;
        throw refusal(404, 'MANIFEST_BLOB_UNKNOWN', error.message);
      });
    const digest = image?.imageId?.imageDigest ?? '';
    exchange.response.writeHead(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      'content-length': '0',
    });
    exchange.response.end();
  };

export const getManifest =
  (name: string, reference: string): Action =>
  async ({ request, response, call }) => {
    const { images = [] } = await call('ecr:BatchGetImage', { repositoryName: name, imageIds: [idOf(reference)] });
    const [image] = images;
    if (image?.imageManifest === undefined) throw refusal(404, 'MANIFEST_UNKNOWN', `${name} has no image ${reference}.`);
    const bytes = Buffer.from(image.imageManifest, 'utf8');
    response.writeHead(200, {
      'content-type': image.imageManifestMediaType ?? 'application/vnd.oci.image.manifest.v1+json',
      'content-length': String(bytes.length),
      'docker-content-digest': `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };

export const deleteManifest =
  (name: string, reference: string): Action =>
  async ({ response, call }) => {
    const { failures = [] } = await call('ecr:BatchDeleteImage', { repositoryName: name, imageIds: [idOf(reference)] });
    const [failure] = failures;
    if (failure) throw refusal(404, 'MANIFEST_UNKNOWN', failure.failureReason ?? 'The image was not deleted.');
    response.writeHead(202, { 'content-length': '0' });
    response.end();
  };

const NAMES_MAX = 1000;

/** `n` and `last` page through names, which are in order. */
function page(exchange: Exchange, names: readonly string[]): { readonly names: readonly string[]; readonly link?: string } {
  const { searchParams, pathname } = exchange.url;
  const last = searchParams.get('last');
  const limit = searchParams.get('n');
  if (limit !== null && !/^\d{1,6}$/.test(limit))
    throw refusal(400, 'PAGINATION_NUMBER_INVALID', `"${limit}" is no number of names.`);
  const rest = names.filter((each) => last === null || each > last);
  const shown = rest.slice(0, limit === null ? NAMES_MAX : Number(limit));
  const end = shown.at(-1);
  if (shown.length === rest.length || end === undefined) return { names: shown };
  return { names: shown, link: `<${pathname}?n=${limit ?? NAMES_MAX}&last=${encodeURIComponent(end)}>; rel="next"` };
}

function sendJson({ response }: Exchange, document: object, link: string | undefined): void {
  const text = JSON.stringify(document);
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
  response.writeHead(200, link === undefined ? headers : { ...headers, link });
  response.end(text);
}

export const listTags =
  (name: string): Action =>
  async (exchange) => {
    const tags: string[] = [];
    let nextToken: string | undefined;
    do {
      const answer = await exchange.call('ecr:ListImages', {
        repositoryName: name,
        filter: { tagStatus: 'TAGGED' },
        maxResults: NAMES_MAX,
        ...(nextToken !== undefined && { nextToken }),
      });
      for (const { imageTag } of answer.imageIds ?? []) if (imageTag !== undefined) tags.push(imageTag);
      nextToken = answer.nextToken;
    } while (nextToken !== undefined);
    const { names, link } = page(exchange, tags.toSorted());
    sendJson(exchange, { name, tags: names }, link);
  };

export const listRepositories: Action = async (exchange) => {
  const found: string[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await exchange.call('ecr:DescribeRepositories', {
      maxResults: NAMES_MAX,
      ...(nextToken !== undefined && { nextToken }),
    });
    for (const { repositoryName } of answer.repositories ?? []) if (repositoryName !== undefined) found.push(repositoryName);
    nextToken = answer.nextToken;
  } while (nextToken !== undefined);
  const { names, link } = page(exchange, found.toSorted());
  sendJson(exchange, { repositories: names }, link);
};

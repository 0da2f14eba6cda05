import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { request } from '../../platform/node-http.ts';
import { AwsError, callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';
import type { ImageBlob, ImageFile, ImageName } from './image-file.ts';

/** Pushes an image as any registry client does, into a repository that is made when there is none. Returns its digest. */
export async function pushImage(
  connection: Connection,
  image: ImageFile,
  { repository, tag }: ImageName,
  progress: (line: string) => void,
): Promise<string> {
  const { authorizationData = [] } = await callJson(connection, 'ecr:GetAuthorizationToken', {});
  const authorization = `Basic ${authorizationData[0]?.authorizationToken ?? ''}`;
  await ensureRepository(connection, repository);
  const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: ImageBlob | Buffer) =>
    send(connection, method, path, { authorization, ...headers }, body);
  for (const [at, blob] of image.blobs.entries()) {
    const found = await ask('HEAD', `/v2/${repository}/blobs/${blob.digest}`);
    if (found.status === 200) continue;
    progress(`pushing ${at + 1} of ${image.blobs.length}: ${blob.digest.slice(0, 19)} (${Math.ceil(blob.sizeBytes / 1024)} KiB)`);
    const begun = await expected(202, ask('POST', `/v2/${repository}/blobs/uploads/`));
    const path = `${begun.headers.location ?? ''}?digest=${encodeURIComponent(blob.digest)}`;
    await expected(201, ask('PUT', path, { 'content-type': 'application/octet-stream' }, blob));
  }
  const manifest = Buffer.from(image.manifest, 'utf8');
  progress('unpacking');
  const put = await expected(
    201,
    ask('PUT', `/v2/${repository}/manifests/${tag}`, { 'content-type': image.mediaType }, manifest),
  );
  return String(put.headers['docker-content-digest'] ?? '');
}

async function ensureRepository(connection: Connection, repositoryName: string): Promise<void> {
  try {
    await callJson(connection, 'ecr:CreateRepository', { repositoryName });
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== 'RepositoryAlreadyExistsException') throw error;
  }
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

async function expected(status: number, answered: Promise<Answered>): Promise<Answered> {
  const answer = await answered;
  if (answer.status === status) return answer;
  const [error] = (JSON.parse(answer.text || '{}') as { errors?: { code: string; message: string }[] }).errors ?? [];
  throw failed(`slipway: the image was refused: ${error ? `${error.code}: ${error.message}` : `HTTP ${answer.status}`}`);
}

function send(
  connection: Connection,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: ImageBlob | Buffer,
): Promise<Answered> {
  const sizeBytes = body === undefined ? 0 : 'sizeBytes' in body ? body.sizeBytes : body.length;
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, connection.url), {
      method,
      headers: { ...headers, 'content-length': String(sizeBytes) },
    });
    const brokenOff = (error: Error) =>
      reject(failed(`slipway: the server at ${connection.url} did not take the image: ${error.message}`));
    let isAnswered = false; // then it counts, and not how the sending went on
    outgoing.on('response', (response: IncomingMessage) => {
      isAnswered = true;
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer }),
        brokenOff,
      );
    });
    outgoing.on('error', (error) => isAnswered || brokenOff(error));
    if (body === undefined || !('path' in body)) outgoing.end(body);
    else pipeline(createReadStream(body.path), outgoing).catch(() => undefined); // told by the request's own error or answer
  });
}

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { EMPTY_SHA256, hmacHex, scopeText, sha256Hex, signingKey } from '../../src/gateway/signature/canonical.ts';
import { presignUrl, signRequest } from '../../src/gateway/signature/sign.ts';
import { serveModel } from '../crash/model-endpoint.ts';
import { AwsClient, exchange, optionsOf, type WireAnswer } from '../harness/aws-client.ts';
import { BUCKET } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { openTo, sendBytes, statusesOf } from './raw-connection.ts';

/** The two ports against requests that no honest client sends. Whatever comes: no 5xx but 501, and the server goes on. */
suite('attacks on the wire', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-wire-'));
  let server: TestServer;
  let aws: AwsClient;
  before(async () => {
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
    await serveModel(aws, 'target');
    await aws.put(BUCKET, 'kept', 'as it was');
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    assert.equal((await aws.get(BUCKET, 'kept')).toString('utf8'), 'as it was');
    assert.equal(await aws.invoke('target', 'row'), 'target row');
    assert.equal(await aws.invoke('target', 'row', 'main'), 'target row');
    assert.deepEqual((await aws.call('sagemaker:ListPipelines', {})).PipelineSummaries, []);
    assert.doesNotMatch(server.log(), /"level":(50|60)/, 'nothing of it is a fault of ours');
  });

  const METHOD = { json: 'POST', s3: 'PUT', invoke: 'POST' } as const;
  type Kind = keyof typeof METHOD;
  /** A request of each kind: where to, and what. */
  const plain = (kind: Kind): { url: URL; service: string; headers: Record<string, string>; body: string } => {
    const { url: main, runtimeUrl } = server;
    if (kind === 's3') return { url: new URL(`${main}/${BUCKET}/kept`), service: 's3', headers: {}, body: 'changed' };
    if (kind === 'invoke') {
      const url = new URL(`${runtimeUrl}/endpoints/target/invocations`);
      return { url, service: 'sagemaker', headers: { 'content-type': 'text/csv' }, body: 'row' };
    }
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'SageMaker.ListPipelines' };
    return { url: new URL(`${main}/`), service: 'sagemaker', headers, body: '{}' };
  };
  const signed = (kind: Kind, more: Partial<Parameters<typeof signRequest>[0]> = {}): Record<string, string> => {
    const { url, service, headers, body } = plain(kind);
    const { credentials, region } = aws.options;
    return signRequest({ method: METHOD[kind], url, service, headers, body, credentials, region, nowMs: Date.now(), ...more });
  };
  const send = (
    kind: Kind,
    headers: Record<string, string>,
    body = plain(kind).body,
    url = plain(kind).url,
  ): Promise<WireAnswer> =>
    exchange(url, METHOD[kind], { ...headers, 'content-length': String(Buffer.byteLength(body)) }, Buffer.from(body));
  const refusedWith = async (answer: Promise<WireAnswer>, code: RegExp, what: string): Promise<void> => {
    const { status, body, headers } = await answer;
    const text = `${headers['x-amzn-errortype'] ?? ''} ${body.toString('utf8')}`;
    assert.ok(status >= 400 && status < 500, `${what}: ${status} ${text}`);
    assert.match(text, code, what);
    assert.doesNotMatch(text, /\n\s+at |\/work|\/tmp\/|node:internal|SELECT /, `${what}: no stack, path or SQL`);
  };
  const KINDS: readonly Kind[] = ['json', 's3', 'invoke'];

  test('what was signed is what counts: body, path, query, method, host and every x-amz header', async () => {
    const mismatch = /SignatureDoesNotMatch|InvalidSignatureException/;
    for (const kind of KINDS) {
      const { url, body } = plain(kind);
      const other = `${body.slice(0, -1)}X`;
      await refusedWith(
        send(kind, signed(kind), other),
        /SignatureDoesNotMatch|InvalidSignature|ContentSHA256Mismatch/,
        `${kind} body`,
      );
      await refusedWith(send(kind, signed(kind), body, new URL(`${url}?x=1`)), mismatch, `${kind} query`);
      await refusedWith(send(kind, { ...signed(kind), 'x-amz-date': '20200101T000000Z' }), /./, `${kind} date`);
      await refusedWith(send(kind, { ...signed(kind), host: 'elsewhere.example' }), mismatch, `${kind} host`);
      await refusedWith(send(kind, { ...signed(kind), 'x-amz-meta-more': '1' }), /./, `${kind} unsigned header`);
      const { url: _url, ...elsewhere } = { url: new URL('http://sagemaker.us-east-1.amazonaws.com/'), kind };
      await refusedWith(
        send(elsewhere.kind, { ...signed(kind, { url: _url }), host: url.host }),
        mismatch,
        `${kind} signed for AWS`,
      );
    }
    const path = new URL(`${server.url}/${BUCKET}/other`);
    await refusedWith(send('s3', signed('s3'), 'changed', path), mismatch, 's3 path');
    const { url, body } = plain('s3');
    await refusedWith(exchange(url, 'DELETE', signed('s3', { body: '' }), Buffer.from('')), mismatch, 's3 method');
    await refusedWith(
      exchange(url, 'POST', { ...signed('s3'), 'content-length': String(body.length) }, Buffer.from(body)),
      mismatch,
      's3 POST',
    );
    const target = { ...signed('json'), 'x-amz-target': 'SageMaker.DeletePipeline' };
    await refusedWith(send('json', target), mismatch, 'json target');
    await refusedWith(send('invoke', signed('invoke', { service: 's3' })), /./, 'invoke signed for s3');
    await refusedWith(send('json', signed('json', { service: 's3' })), /./, 'json signed for s3');
    await refusedWith(send('json', signed('json', { service: 'iam' })), /./, 'json signed for iam');
  });

  test('a request from another time is refused, and so is a key that is none', async () => {
    for (const kind of KINDS) {
      for (const minutes of [-16, 16, -60 * 24 * 365]) {
        const headers = signed(kind, { nowMs: Date.now() + minutes * 60_000 });
        await refusedWith(
          send(kind, headers),
          /RequestTimeTooSkewed|InvalidSignatureException|SignatureDoesNotMatch/,
          `${kind} ${minutes} min`,
        );
      }
      const { credentials } = aws.options;
      const unknown = { ...credentials, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' };
      await refusedWith(
        send(kind, signed(kind, { credentials: unknown })),
        /UnrecognizedClient|InvalidAccessKeyId|InvalidClientTokenId/,
        `${kind} key`,
      );
      const wrong = { ...credentials, secretAccessKey: 'x'.repeat(40) };
      await refusedWith(
        send(kind, signed(kind, { credentials: wrong })),
        /SignatureDoesNotMatch|InvalidSignatureException/,
        `${kind} secret`,
      );
      const withToken = { ...credentials, sessionToken: 'AQ'.padEnd(400, 'A') };
      await refusedWith(send(kind, signed(kind, { credentials: withToken })), /[Tt]oken/, `${kind} token`);
      await refusedWith(send(kind, {}), /Missing|AccessDenied/, `${kind} unsigned`);
    }
  });

  test('a presigned URL holds as long as it says, for what it says, and no longer than a week', async () => {
    const { credentials, region } = aws.options;
    const url = new URL(`${server.url}/${BUCKET}/kept`);
    const presigned = (expiresSeconds: number, agoSeconds: number, more = {}) =>
      presignUrl({
        method: 'GET',
        url,
        service: 's3',
        credentials,
        region,
        nowMs: Date.now() - agoSeconds * 1000,
        expiresSeconds,
        ...more,
      });
    const get = (link: URL, method = 'GET', headers = {}) => exchange(link, method, headers, Buffer.from(''));
    assert.equal((await get(presigned(60, 0))).status, 200);
    assert.equal((await get(presigned(604_800, 500_000))).status, 200, 'older than the clock may be off');
    await refusedWith(get(presigned(60, 61)), /AccessDenied|Request has expired/, 'expired');
    await refusedWith(get(presigned(604_801, 0)), /AuthorizationQueryParametersError|604800/, 'more than a week');
    await refusedWith(get(presigned(60, -3600)), /./, 'of the future');
    await refusedWith(get(presigned(60, 0), 'DELETE'), /SignatureDoesNotMatch/, 'other method');
    const longer = presigned(60, 61);
    longer.searchParams.set('X-Amz-Expires', '6000');
    await refusedWith(get(longer), /SignatureDoesNotMatch/, 'expiry changed');
    const moved = presigned(60, 0);
    moved.pathname = `/${BUCKET}/models/target.tar.gz`;
    await refusedWith(get(moved), /SignatureDoesNotMatch/, 'other object');
    const doubled = presigned(60, 61);
    await refusedWith(get(new URL(`${doubled}&X-Amz-Expires=6000`)), /./, 'a second expiry');
    await refusedWith(get(presigned(60, 0), 'GET', { 'x-amz-copy-source': `/${BUCKET}/kept` }), /./, 'an x-amz header beside it');
  });

  test('an old presigned URL (Signature Version 2) is not made to last longer or to say more than was signed', async () => {
    const path = `/${BUCKET}/kept`;
    const old = (expiresAt: number, method = 'GET', query: readonly string[] = [], amz = ''): URL => {
      const { accessKeyId, secretAccessKey } = aws.options.credentials;
      const text = `${method}\n\n\n${expiresAt}\n${amz}${path}`;
      const signature = createHmac('sha1', secretAccessKey).update(text).digest('base64');
      const own = [`AWSAccessKeyId=${accessKeyId}`, `Expires=${expiresAt}`, `Signature=${encodeURIComponent(signature)}`];
      return new URL(`${server.url}${path}?${[...own, ...query].join('&')}`);
    };
    const nowS = Math.floor(Date.now() / 1000);
    const ask = (url: URL, method = 'GET', headers = {}, body = '') => exchange(url, method, headers, Buffer.from(body));
    assert.equal((await ask(old(nowS + 60))).status, 200);
    await refusedWith(ask(old(nowS - 60)), /Request has expired/, 'expired');
    const later = `Expires=${nowS + 6000}`;
    await refusedWith(ask(old(nowS - 60, 'GET', [later])), /given twice/, 'a later expiry behind the signed one');
    await refusedWith(ask(old(nowS - 60, 'GET', [`expires=${nowS + 6000}`])), /given twice/, 'spelt otherwise');
    await refusedWith(ask(new URL(String(old(nowS - 60)).replace('?', `?${later}&`))), /given twice/, 'ahead of it');
    await refusedWith(ask(old(nowS + 60), 'DELETE'), /SignatureDoesNotMatch/, 'other method');
    await refusedWith(ask(old(nowS + 60, 'GET', ['versionId=x'])), /SignatureDoesNotMatch/, 'other version');
    const tagged = () => old(nowS + 60, 'PUT', ['x-amz-tagging=a%3D1'], 'x-amz-tagging:a=1\n');
    await refusedWith(
      ask(tagged(), 'PUT', { 'x-amz-tagging': 'a=2' }, 'changed'),
      /SignatureDoesNotMatch/,
      'other tags in a header',
    );
    await refusedWith(
      ask(old(nowS + 60, 'PUT'), 'PUT', { 'x-amz-meta-a': 'b' }, 'changed'),
      /SignatureDoesNotMatch/,
      'a header more',
    );
  });

  test('an upload in signed chunks is what was signed: no byte, order, end, length or trailer of it can be another', async () => {
    const sums = { 'x-amz-trailer': 'x-amz-checksum-sha256' };
    const upload = async (
      form: string,
      chunks: readonly string[],
      change: (body: string) => string,
      size = chunks.join('').length,
    ) => {
      const encoding = { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(size) };
      const headers = signed('s3', { headers: { ...encoding, ...(form.endsWith('TRAILER') && sums) }, payloadHash: form });
      const body = change(chunkedBody(aws.options.credentials.secretAccessKey, headers, chunks, form));
      return send('s3', headers, body);
    };
    const [signedForm, trailerForm] = ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'];
    const chunks = ['as it was, ', 'once more, ', 'and again'];
    for (const form of [signedForm, trailerForm]) assert.equal((await upload(form, chunks, (body) => body)).status, 200, form);
    await aws.put(BUCKET, 'kept', 'as it was');
    const parts = (body: string): string[] => body.split(/(?<=\r\n)(?=[0-9a-f]+;chunk-signature)/);
    const changes: Record<string, (body: string) => string> = {
      'a byte': (body) => body.replace('once', 'twice'.slice(0, 4)),
      'chunks in another order': (body) => [1, 0, 2, 3].map((at) => parts(body)[at]).join(''),
      'a chunk twice': (body) => [0, 0, 1, 2, 3].map((at) => parts(body)[at]).join(''),
      'a chunk less': (body) => [0, 2, 3].map((at) => parts(body)[at]).join(''),
      'the end ahead': (body) => [0, 3].map((at) => parts(body)[at]).join(''),
      'no end': (body) => parts(body).slice(0, 3).join(''),
      'no signature': (body) => body.replace(/;chunk-signature=[0-9a-f]{64}/, ''),
      'another signature': (body) => body.replace(/(chunk-signature=)[0-9a-f]{64}/, `$1${'0'.repeat(64)}`),
      'a size with a sign': (body) => `+${body}`,
      'a size that is none': (body) => body.replace(/^[0-9a-f]+/, 'fffffffffffffff'),
    };
    for (const form of [signedForm, trailerForm]) {
      for (const [what, change] of Object.entries(changes))
        await refusedWith(
          upload(form, chunks, change),
          /SignatureDoesNotMatch|IncompleteBody|InvalidRequest/,
          `${form}: ${what}`,
        );
      await refusedWith(
        upload(form, chunks, (body) => body, 5),
        /IncompleteBody/,
        `${form}: fewer bytes than announced`,
      );
    }
    const trailers: Record<string, (body: string) => string> = {
      'another checksum': (body) => body.replace(/(sha256:)./, '$1x'),
      'no checksum': (body) => body.replace(/x-amz-checksum-sha256:.*\r\n/, ''),
      'no signature': (body) => body.replace(/x-amz-trailer-signature:.*\r\n/, ''),
      'a trailer more': (body) => body.replace('x-amz-trailer-signature', 'x-amz-meta-more:1\r\nx-amz-trailer-signature'),
    };
    for (const [what, change] of Object.entries(trailers))
      await refusedWith(upload(trailerForm, chunks, change), /SignatureDoesNotMatch|BadDigest|InvalidRequest/, what);
    const unsignedForm = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    await refusedWith(
      upload(unsignedForm, chunks, (body) => body.replace('once', 'ONCE')),
      /BadDigest/,
      'unsigned chunks',
    );
    const header = signed('json', { payloadHash: unsignedForm });
    await refusedWith(send('json', header), /Signature|payload|Invalid/i, 'chunks where there are none');
    await refusedWith(
      send('invoke', signed('invoke', { payloadHash: 'UNSIGNED-PAYLOAD' })),
      /Signature|Invalid/i,
      'an unsigned invocation',
    );
  });

  test('a path means what was signed: its forms that mean the same elsewhere lead nowhere else', async () => {
    const forms = [
      '/endpoints/other/../target/invocations',
      '/endpoints//target/invocations',
      '/./endpoints/target/invocations',
      '/endpoints/%74arget/invocations',
    ];
    const { url } = plain('invoke');
    for (const form of forms) {
      const head = Object.entries({ ...signed('invoke'), connection: 'close', 'content-length': '3' });
      const bytes = `POST ${form} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\nrow`;
      for (const origin of [url.origin, server.url]) {
        const [status = 400] = statusesOf(await sendBytes(origin, bytes));
        assert.ok((status >= 400 && status < 500) || status === 501, `${form}: ${status}`);
      }
    }
    for (const form of [`/${BUCKET}/x/../kept`, `/${BUCKET}//kept`, `/${BUCKET}/./kept`, `//${BUCKET}/kept`]) {
      const head = Object.entries({ ...signed('s3'), connection: 'close', 'content-length': '7' });
      const bytes = `PUT ${form} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\nchanged`;
      const [status = 400] = statusesOf(await sendBytes(server.url, bytes));
      assert.ok((status >= 400 && status < 500) || status === 501, `${form}: ${status}`);
    }
  });

  test('objects and predictions are shown by browsers as nobody’s: no other type, no session of the page', async () => {
    await aws.s3('PUT', `/${BUCKET}/page.html`, '<script>1</script>', { 'content-type': 'text/html' });
    const path = '/endpoints/target/invocations';
    const answers = [
      await aws.s3('GET', `/${BUCKET}/page.html`),
      await aws.s3('GET', `/${BUCKET}/kept?response-content-type=text%2Fhtml`),
      await aws.send({ method: 'POST', path, service: 'sagemaker', headers: { 'content-type': 'text/csv' }, body: 'row' }),
    ];
    for (const { status, headers } of answers) {
      assert.equal(status, 200);
      assert.match(String(headers['content-security-policy']), /^sandbox(?!.*allow-same-origin)/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
    }
  });

  test('two answers to one request cannot be had: lengths, chunks and doubled headers', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n';
    const hidden = 'GET /_slipway/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n';
    const smuggled: Record<string, string> = {
      'length and chunks': `${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      'two lengths': `${head}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
      'a list of lengths': `${head}Content-Length: 0, ${hidden.length}\r\n\r\n${hidden}`,
      'a signed length': `${head}Content-Length: +5\r\n\r\nhello${hidden}`,
      'a length in hex': `${head}Content-Length: 0x5\r\n\r\nhello${hidden}`,
      'chunked twice': `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
      'chunked, nearly': `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      'chunked with a space': `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
      'a bare line feed': `POST / HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 0\n\n${hidden}`,
      'a folded header': `${head}X-A: b\r\n Content-Length: 5\r\n\r\nhello${hidden}`,
      'a zero byte': `${head}X-A: b\0c\r\n\r\n${hidden}`,
      'a huge chunk': `${head}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n${hidden}`,
      'a chunk extension': `${head}Transfer-Encoding: chunked\r\n\r\n0;${'x'.repeat(70_000)}\r\n\r\n${hidden}`,
    };
    for (const origin of [server.url, server.runtimeUrl]) {
      for (const [name, bytes] of Object.entries(smuggled)) {
        const statuses = statusesOf(await sendBytes(origin, bytes));
        assert.ok(statuses.length <= 1 && (statuses[0] ?? 400) < 500, `${name} at ${origin}: ${statuses.join(' ')}`);
        assert.notEqual(statuses[0], 200, name);
      }
    }
  });

  test('a header given twice is not read as the one that was signed', async () => {
    const { url, body } = plain('json');
    const lines = (headers: Record<string, string>, more: string) =>
      `POST / HTTP/1.1\r\n${Object.entries({ ...headers, connection: 'close', 'content-length': String(body.length) })
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}${more}\r\n${body}`;
    for (const more of [
      'x-amz-target: SageMaker.DeletePipeline\r\n',
      `Host: ${url.host}\r\n`,
      'Host: elsewhere.example\r\n',
      'Authorization: AWS4-HMAC-SHA256 Credential=a/b\r\n',
      'x-amz-date: 20200101T000000Z\r\n',
      'x-amz-security-token: AQ\r\n',
      'x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n',
    ]) {
      const [status = 400] = statusesOf(await sendBytes(server.url, lines(signed('json'), more)));
      // Node keeps the first of headers that may come once; then it is as if the second were not there
      const ignored = /^(Host|Authorization)/.test(more);
      assert.ok(
        ignored ? status === 200 || (status >= 400 && status < 500) : status >= 400 && status < 500,
        `${more.trim()}: ${status}`,
      );
    }
    // ahead of the signed one
    for (const first of ['x-amz-target: SageMaker.DeletePipeline\r\n', 'Host: elsewhere.example\r\n']) {
      const bytes = lines(signed('json'), '').replace('POST / HTTP/1.1\r\n', `POST / HTTP/1.1\r\n${first}`);
      const [status = 400] = statusesOf(await sendBytes(server.url, bytes));
      assert.ok(status >= 400 && status < 500, `${first.trim()} first: ${status}`);
    }
  });

  test('bytes that are no request are refused, and the connection ends', async () => {
    const garbage = [
      'nonsense\r\n\r\n',
      '\r\n\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', // TLS
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n',
      'GET /_slipway/ui HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n',
      'TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${'x: y\r\n'.repeat(5_000)}\r\n`,
      `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`,
      'GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      'GET //////%2e%2e%2f%2e%2e HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: the-unexpected\r\nContent-Length: 4\r\n\r\nbody`,
    ];
    for (const origin of [server.url, server.runtimeUrl]) {
      for (const bytes of garbage) {
        const statuses = statusesOf(await sendBytes(origin, bytes));
        assert.ok(
          statuses.every((status) => status < 500 || status === 501),
          `${bytes.slice(0, 60)} at ${origin}: ${statuses.join(' ')}`,
        );
      }
    }
  });

  test('hundreds of connections that never finish their request take nothing from others', async () => {
    // the server's own limits end them: tests/long/slow-clients.test.ts
    const sockets = Array.from({ length: 300 }, (_, n) => openTo(n % 2 === 0 ? server.url : server.runtimeUrl));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nx-slow: ');
    }
    await Promise.all(sockets.map((socket) => socket.connecting && once(socket, 'connect')));
    assert.equal((await aws.get(BUCKET, 'kept')).toString('utf8'), 'as it was');
    assert.equal(await aws.invoke('target', 'row'), 'target row');
    for (const socket of sockets) socket.destroy();
  });

  test('more than a request may have is refused before it is read', async () => {
    for (const [kind, size] of [
      ['json', 20 << 20],
      ['invoke', 7 << 20],
    ] as const) {
      const { url } = plain(kind);
      const headers = { ...signed(kind), 'content-length': String(size), connection: 'close' };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const received = await sendBytes(
        url.origin,
        `${METHOD[kind]} ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n`,
        'keep-open',
      );
      assert.deepEqual(statusesOf(received), [413], kind);
    }
    const huge = { ...signed('s3'), 'content-length': String(6 * 2 ** 40), connection: 'close' };
    const lines = Object.entries(huge).map(([name, value]) => `${name}: ${value}\r\n`);
    const received = await sendBytes(server.url, `PUT /${BUCKET}/kept HTTP/1.1\r\n${lines.join('')}\r\n`, 'keep-open');
    assert.deepEqual(statusesOf(received), [400]);
    assert.match(received, /EntityTooLarge/);
  });

  test('an upload that breaks off, is shorter than it says or other than signed leaves the object as it was', async () => {
    const lines = (headers: Record<string, string>) =>
      `PUT /${BUCKET}/kept HTTP/1.1\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`;
    const head = { ...signed('s3'), 'content-length': '7' };
    for (const bytes of [
      `${lines(head)}cha`,
      lines(head),
      `${lines({ ...signed('s3', { payloadHash: 'UNSIGNED-PAYLOAD' }), 'content-length': '99' })}short`,
    ]) {
      const statuses = statusesOf(await sendBytes(server.url, bytes));
      assert.ok(
        statuses.every((status) => status >= 400 && status < 500),
        statuses.join(' '),
      );
    }
    await refusedWith(send('s3', signed('s3'), 'CHANGED'), /XAmzContentSHA256Mismatch|BadDigest/, 'other content');
    const md5 = signed('s3', { headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } });
    await refusedWith(send('s3', md5), /BadDigest|InvalidDigest/, 'other MD5');
  });
});

/** A body of `aws-chunked` as SDKs make it; `headers` are those it is sent with, signed. */
function chunkedBody(secret: string, headers: Readonly<Record<string, string>>, chunks: readonly string[], form: string): string {
  const [, date = '', region = '', service = ''] =
    /Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\//.exec(headers['authorization'] ?? '') ?? [];
  const scope = { date, region, service };
  const key = signingKey(secret, scope);
  let previous = /Signature=([0-9a-f]+)/.exec(headers['authorization'] ?? '')?.[1] ?? '';
  const sign = (kind: string, text: string): string => {
    previous = hmacHex(key, [`AWS4-HMAC-SHA256-${kind}`, headers['x-amz-date'], scopeText(scope), previous, text].join('\n'));
    return previous;
  };
  const isSigned = form.includes('AWS4');
  const body = [...chunks, ''].map((chunk) => {
    const signature = isSigned ? `;chunk-signature=${sign('PAYLOAD', `${EMPTY_SHA256}\n${sha256Hex(chunk)}`)}` : '';
    return `${chunk.length.toString(16)}${signature}\r\n${chunk === '' ? '' : `${chunk}\r\n`}`;
  });
  if (!form.endsWith('TRAILER')) return `${body.join('')}\r\n`;
  const sum = `x-amz-checksum-sha256:${Buffer.from(sha256Hex(chunks.join('')), 'hex').toString('base64')}`;
  const signature = isSigned ? `x-amz-trailer-signature:${sign('TRAILER', sha256Hex(`${sum}\n`))}\r\n` : '';
  return `${body.join('')}${sum}\r\n${signature}\r\n`;
}

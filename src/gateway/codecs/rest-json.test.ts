import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceModel } from '../../contract/model.ts';
import { createService } from '../../contract/services.ts';
import { loadService } from '../../../models/load.ts';
import { restJsonCodec } from './rest-json.ts';

const operationOf = (service: ReturnType<typeof createService>, name: string) => {
  const operation = service.operations.get(name);
  assert.ok(operation);
  return operation;
};

const request = (body: string, more: object = {}) => ({
  method: 'POST',
  path: '/',
  query: [],
  headers: {},
  labels: {},
  body: Buffer.from(body),
  ...more,
});

const shapes = {
  Text: { type: 'string' },
  Inner: { type: 'structure', members: { InnerName: { shape: 'Text', locationName: 'innerName' } } },
  Request: {
    type: 'structure',
    members: {
      Label: { shape: 'Text', location: 'uri', locationName: 'label' },
      Mode: { shape: 'Text', location: 'header', locationName: 'X-Mode' },
      Renamed: { shape: 'Inner', locationName: 'renamed' },
      Plain: { shape: 'Text' },
    },
  },
  Response: {
    type: 'structure',
    members: {
      Code: { shape: 'Number', location: 'statusCode' },
      Mode: { shape: 'Text', location: 'header', locationName: 'X-Mode' },
      Renamed: { shape: 'Inner', locationName: 'renamed' },
    },
  },
  Number: { type: 'integer' },
};
const model = {
  metadata: { apiVersion: '1', endpointPrefix: 'x', protocol: 'rest-json', serviceFullName: 'X', serviceId: 'X' },
  operations: {
    Act: {
      name: 'Act',
      http: { method: 'POST', requestUri: '/{label}' },
      input: { shape: 'Request' },
      output: { shape: 'Response' },
    },
  },
  shapes,
} as unknown as ServiceModel;

test("members of the body are read and written under the model's names for the wire, others elsewhere", () => {
  const service = createService('x', 'x', model);
  const act = operationOf(service, 'Act');
  const body = '{"renamed":{"innerName":"a","InnerName":"no"},"Renamed":{},"Plain":"b","X-Mode":"no"}';
  const decoded = restJsonCodec.decode(service, act, request(body, { labels: { label: 'l' }, headers: { 'x-mode': 'm' } }));
  assert.deepEqual(decoded, { Label: 'l', Mode: 'm', Renamed: { InnerName: 'a' }, Plain: 'b' });
  const encoded = restJsonCodec.encode(service, act, { Code: 202, Mode: 'm', Renamed: { InnerName: 'a' } }, 'id');
  assert.deepEqual([encoded.status, encoded.headers['x-mode'], encoded.body], [202, 'm', '{"renamed":{"innerName":"a"}}']);
});

test("errors have the status, the members and the spelling of the service's model", () => {
  const lambda = loadService('lambda');
  const told = (code: string, status = 400) => {
    const error = { status, code, message: 'why', messageMember: 'message', members: {}, requestId: '', resource: '' } as const;
    const { status: found, headers, body } = restJsonCodec.encodeError(lambda, error);
    return { status: found, type: headers['x-amzn-errortype'], body: JSON.parse(String(body)) as object };
  };
  const absent = told('ResourceNotFoundException');
  assert.deepEqual([absent.status, absent.type], [404, 'ResourceNotFoundException']);
  assert.deepEqual(absent.body, { __type: 'ResourceNotFoundException', Type: 'User', Message: 'why' });
  assert.deepEqual(told('ResourceConflictException').body, { __type: 'ResourceConflictException', Type: 'User', message: 'why' });
  assert.equal(told('AccessDeniedException').status, 403);
  const large = told('RequestEntityTooLarge', 413);
  assert.deepEqual([large.status, large.type], [413, 'RequestTooLargeException']);
});

test('a payload is the whole body, both ways', () => {
  const lambda = loadService('lambda');
  const invoke = operationOf(lambda, 'Invoke');
  const given = request('{"a":1}', { labels: { FunctionName: 'f' }, headers: { 'x-amz-invocation-type': 'Event' } });
  const { Payload, ...rest } = restJsonCodec.decode(lambda, invoke, given);
  assert.deepEqual(rest, { FunctionName: 'f', InvocationType: 'Event' });
  assert.equal(Buffer.from(Payload as Uint8Array).toString(), '{"a":1}');
  const output = { StatusCode: 200, FunctionError: 'Unhandled', Payload: Buffer.from('[]') };
  const { status, headers, body } = restJsonCodec.encode(lambda, invoke, output, 'id');
  assert.deepEqual(
    [status, headers, String(body)],
    [200, { 'content-type': 'application/json', 'x-amz-function-error': 'Unhandled' }, '[]'],
  );
});

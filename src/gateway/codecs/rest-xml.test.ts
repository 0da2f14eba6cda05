import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceModel } from '../../contract/model.ts';
import { createService } from '../../contract/services.ts';
import { restXmlCodec } from './rest-xml.ts';

const model = {
  metadata: { protocol: 'rest-xml', endpointPrefix: 'files' },
  operations: {
    Look: { name: 'Look', http: { method: 'GET', requestUri: '/look' }, output: { shape: 'LookAnswer' } },
    Read: { name: 'Read', http: { method: 'GET', requestUri: '/read' }, output: { shape: 'ReadAnswer' } },
  },
  shapes: {
    LookAnswer: {
      type: 'structure',
      locationName: 'Seen',
      members: { Kind: { shape: 'Text', locationName: 'kind', xmlAttribute: true }, Colour: { shape: 'Text' } },
    },
    ReadAnswer: { type: 'structure', payload: 'Page', members: { Page: { shape: 'Page', locationName: 'Page' } } },
    Page: { type: 'structure', xmlNamespace: { uri: 'http://example.com/pages' }, members: { Title: { shape: 'Text' } } },
    Text: { type: 'string' },
  },
} as unknown as ServiceModel;

const service = createService('files', 'files', model);
const write = (name: string, output: Record<string, unknown>): string => {
  const operation = service.operations.get(name);
  assert.ok(operation);
  return String(restXmlCodec.encode(service, operation, output, 'id').body).split('\n')[1] ?? '';
};

test('a document is named as its shape is, and its attributes stand at its root', () => {
  assert.equal(
    write('Look', { Kind: 'a<b', Colour: 'red' }),
    '<Seen xmlns="http://s3.amazonaws.com/doc/2006-03-01/" kind="a&lt;b"><Colour>red</Colour></Seen>',
  );
});

test('a shape with a namespace of its own has no other', () => {
  assert.equal(write('Read', { Page: { Title: 'T' } }), '<Page xmlns="http://example.com/pages"><Title>T</Title></Page>');
});

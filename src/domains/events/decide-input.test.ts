import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../../contract/generated/events.ts';
import { inputOf, rejectedInput } from './decide-input.ts';

const EVENT = {
  version: '0',
  id: 'e1',
  'detail-type': 'State',
  source: 'my.app',
  time: '2026-01-01T00:00:00Z',
  resources: ['r1', 'r2'],
  detail: { state: 'RUNNING', count: 2, tags: [{ k: 'a' }, { k: 'b' }], deep: { text: 'x "y"' } },
};
const occasion = { ruleArn: 'arn:rule', ruleName: 'rule', ingestedAtMs: 0 };
const target = (more: Partial<Target>): Target => ({ Id: 't1', Arn: 'arn:aws:sqs:us-east-1:123456789012:q', ...more });
const transform = (InputTemplate: string, InputPathsMap: Record<string, string> = {}) =>
  inputOf(target({ InputTransformer: { InputTemplate, InputPathsMap } }), EVENT, occasion);

test('all of an event, a constant, a part', () => {
  assert.deepEqual(JSON.parse(inputOf(target({}), EVENT, occasion)), EVENT);
  assert.equal(inputOf(target({ Input: '{"a": 1}' }), EVENT, occasion), '{"a": 1}');
  assert.equal(inputOf(target({ InputPath: '$.detail.count' }), EVENT, occasion), '2');
  assert.equal(inputOf(target({ InputPath: '$.detail-type' }), EVENT, occasion), '"State"');
  assert.equal(inputOf(target({ InputPath: '$.resources[1]' }), EVENT, occasion), '"r2"');
  assert.equal(inputOf(target({ InputPath: '$.detail.tags[*].k' }), EVENT, occasion), '["a","b"]');
  assert.equal(inputOf(target({ InputPath: '$.nothing' }), EVENT, occasion), '{}');
});

test('variables within and outside of quotes', () => {
  const paths = { state: '$.detail.state', n: '$.detail.count', tags: '$.detail.tags', deep: '$.detail.deep.text' };
  assert.equal(transform('"it is <state>, <n> times"', paths), '"it is RUNNING, 2 times"');
  assert.equal(transform('{"s": <state>, "t": "<state>", "n": <n>}', paths), '{"s": "RUNNING", "t": "RUNNING", "n": 2}');
  assert.equal(transform('{"tags": <tags>}', paths), '{"tags": [{"k":"a"},{"k":"b"}]}');
  assert.equal(transform('"tags: <tags>"', paths), '"tags: [{k:a},{k:b}]"');
  assert.equal(transform('{"s": "a \\"<state>\\" b"}', paths), '{"s": "a \\"RUNNING\\" b"}');
  assert.deepEqual(JSON.parse(transform('{"d": <deep>, "e": "<deep>"}', paths)), { d: 'x "y"', e: 'x "y"' });
  assert.equal(transform('{"m": <missing>, "o": "<missing>"}', { missing: '$.detail.none' }), '{"m": "", "o": ""}');
  assert.equal(transform('"a <b> c"'), '"a <b> c"');
});

test('what an event says cannot write members of its own', () => {
  const event = { ...EVENT, detail: { name: 'x", "admin": true, "y": "' } };
  const transformer = { InputTemplate: '{"name": "<name>"}', InputPathsMap: { name: '$.detail.name' } };
  const input = inputOf(target({ InputTransformer: transformer }), event, occasion);
  assert.deepEqual(Object.keys(JSON.parse(input) as object), ['name']);
});

test('the variables that are always there', () => {
  const made = JSON.parse(
    transform(
      '{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>, "event": <aws.events.event>, "all": <aws.events.event.json>}',
    ),
  ) as Record<string, unknown>;
  const { detail: _detail, ...withoutDetail } = EVENT;
  assert.deepEqual(made, { arn: 'arn:rule', name: 'rule', at: '1970-01-01T00:00:00.000Z', event: withoutDetail, all: EVENT });
});

test('an input that can never be is refused when the target is put', () => {
  const refused = (more: Partial<Target>) => rejectedInput(target(more))?.message;
  assert.equal(refused({}), undefined);
  assert.match(refused({ Input: '{' }) ?? '', /JSON syntax error in input for target t1/);
  assert.match(refused({ Input: '{}', InputPath: '$.a' }) ?? '', /Only one of/);
  assert.match(refused({ InputPath: 'detail' }) ?? '', /Invalid InputPath for target t1/);
  assert.match(refused({ InputTransformer: { InputTemplate: '{"a": <b}' } }) ?? '', /Invalid InputTemplate for target t1/);
  assert.match(refused({ InputTransformer: { InputTemplate: 'plain <a>', InputPathsMap: { a: '$.a' } } }) ?? '', /InputTemplate/);
  assert.match(refused({ InputTransformer: { InputTemplate: '"<a>"', InputPathsMap: { 'aws.x': '$.a' } } }) ?? '', /reserved/);
  assert.equal(refused({ InputTransformer: { InputTemplate: '"one <a>"\n"two <b>"', InputPathsMap: { a: '$.a' } } }), undefined);
});

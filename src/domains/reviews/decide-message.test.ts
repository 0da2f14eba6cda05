import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from './decide-message.ts';

const SETTINGS = { approved: ['Approved', 'Done'], rejected: ['Rejected'] };
const ARN = 'arn:aws:sagemaker:eu-west-1:123456789012:model-package/tumour/3';

/** As Jira Cloud sends it, less what is not read. */
const message = (status: string, description = `About ${ARN}.`, field = 'status') => ({
  timestamp: 1_795_000_000_000,
  webhookEvent: 'jira:issue_updated',
  user: { displayName: 'Ada Lovelace' },
  issue: { key: 'MOD-12', fields: { description } },
  changelog: { items: [{ field, fromString: 'In Review', toString: status }] },
});

test('a move to a status that the settings name is a verdict on the package of the issue', () => {
  assert.deepEqual(parseMessage(message('Done'), SETTINGS), {
    kind: 'verdict',
    packageArn: ARN,
    region: 'eu-west-1',
    verdict: 'Approved',
    description: 'Approved in MOD-12 by Ada Lovelace',
    sentAtMs: 1_795_000_000_000,
  });
  assert.equal((parseMessage(message('Rejected'), SETTINGS) as { verdict: string }).verdict, 'Rejected');
});

test('other changes decide nothing', () => {
  for (const payload of [
    message('In Review'),
    message('Approved', undefined, 'assignee'),
    { ...message('Approved'), webhookEvent: 'jira:issue_created' },
    { ...message('Approved'), changelog: undefined },
    { ...message('Approved'), changelog: { items: [{ field: 'status' }] } },
    null,
    'Approved',
    [],
  ])
    assert.equal(parseMessage(payload, SETTINGS).kind, 'ignored', JSON.stringify(payload));
});

test('an issue about no version, or about several, is refused', () => {
  assert.equal(parseMessage(message('Approved', 'The new model'), SETTINGS).kind, 'refused');
  assert.equal(parseMessage(message('Approved', `${ARN} and ${ARN.replace('/3', '/4')}`), SETTINGS).kind, 'refused');
  assert.equal(parseMessage(message('Approved', `${ARN}, ${ARN}`), SETTINGS).kind, 'verdict');
  assert.equal(parseMessage(message('Both'), { approved: ['Both'], rejected: ['Both'] }).kind, 'refused');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../platform/clock.ts';
import type { ReportFormat } from './decide-buildspec.ts';
import { readCoverage } from './decide-coverage.ts';
import { readTestResults } from './decide-test-results.ts';
import { ITEMS_MAX, openReportReader } from './read-report-files.ts';

const problemOf = (found: object): unknown => ('problem' in found ? found.problem : found);

test('files of results that hold anything at all are results or a problem in words', () => {
  for (const text of ['[{"elements":{}}]', '[{"elements":[null]}]', '[{"elements":[{"steps":5}]}]', '[null]', '[[1]]']) {
    assert.match(String(problemOf(readTestResults('CUCUMBERJSON', text))), /feature/, text);
  }
  const odd = '[{"elements":[{"name":1,"steps":[{"result":{"status":{},"duration":"x","error_message":5}}]}]}]';
  assert.deepEqual(readTestResults('CUCUMBERJSON', odd), {
    cases: [{ name: '1', prefix: '', status: 'UNKNOWN', durationInNanoSeconds: 0, message: '5' }],
  });
  assert.match(String(problemOf(readCoverage('SIMPLECOV', '{"a":{"coverage":{"f":{"lines":5}}}}'))), /"f"/);
  assert.match(String(problemOf(readCoverage('SIMPLECOV', '{"a":{"coverage":5}}'))), /coverage/);
  const bombs = ['<!DOCTYPE'.repeat(300_000), `<!DOCTYPE a [${' '.repeat(1_000_000)}`, `<!DOCTYPE${' '.repeat(1_000_000)}`];
  for (const text of bombs) assert.match(String(problemOf(readTestResults('JUNITXML', text))), /no XML/);
  const typed = '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "c">] >\n<testsuite><testcase name="a"/></testsuite>';
  const told = readTestResults('JUNITXML', typed);
  assert.deepEqual('cases' in told && told.cases.map(({ name }) => name), ['a']);
});

test('a file is read in a thread of its own: what takes all of its memory or time is a problem of that file', async () => {
  const reader = openReportReader(systemClock, { heapMiB: 48, timeMs: 20_000 });
  const read = (format: ReportFormat, text: string) => reader.read(format, Buffer.from(text));
  try {
    const many = await read('JUNITXML', `<testsuite>${'<testcase name="a"/>'.repeat(20_000)}</testsuite>`);
    assert.equal('items' in many && many.items.length, ITEMS_MAX + 1, 'what is beyond is seen to be there');
    const long = 'x'.repeat(100_000);
    const named = await read('JUNITXML', `<testsuite name="${long}"><testcase name="${long}" classname="${long}"/></testsuite>`);
    assert.ok(JSON.stringify(named).length < 20_000, 'each text is cut: the suite’s is told with each of its cases');
    assert.match(String(problemOf(await read('JUNITXML', `<a>${'<b/>'.repeat(1_000_000)}</a>`))), /memory/);
    const next = await read('JUNITXML', '<testsuite><testcase name="after"/></testsuite>');
    assert.equal('items' in next && next.items.length, 1);
  } finally {
    await reader.close();
  }
  const hasty = openReportReader(systemClock, { heapMiB: 512, timeMs: 1 });
  try {
    const late = await hasty.read('JUNITXML', Buffer.from(`<a>${'<b/>'.repeat(500_000)}</a>`));
    assert.match(String(problemOf(late)), /seconds/);
  } finally {
    await hasty.close();
  }
});

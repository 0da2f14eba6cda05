import assert from 'node:assert/strict';
import { builtOperations } from './request-source.ts';
import { encodeInput } from './encode-input.ts';
import { bytesOf, type Target } from './fuzz-request.ts';
import { WireConnection } from './wire-connection.ts';

const PAGES_MAX = 500;
/** What a page is continued by, by the name in its answer and in the next request. */
const TOKENS: readonly (readonly [answer: string, request: string])[] = [
  ['NextToken', 'NextToken'],
  ['nextToken', 'nextToken'],
  ['NextMarker', 'Marker'],
  ['Marker', 'Marker'],
];

/** Reads every list that needs no parameter from its beginning to its end: whatever was written before can be told. */
export async function readAllLists(target: Target): Promise<{ lists: number; pages: number }> {
  const connection = new WireConnection(target.main);
  let lists = 0;
  let pages = 0;
  for (const { service, operation } of builtOperations) {
    const listed = /^(List|Describe|Get)\w+$/.test(operation.name) && (operation.input?.required ?? []).length === 0;
    if (!listed || service.model.metadata.protocol === 'query') continue;
    lists += 1;
    let input: Record<string, unknown> | undefined = {};
    for (let page = 0; input && page < PAGES_MAX; page += 1) {
      const encoded = encodeInput(service, operation, input);
      assert.ok(encoded, operation.key);
      const bytes = bytesOf({ ...encoded, kind: 'list', expect: { kind: 'valid' } }, target);
      const { answers, end } = await connection.exchange(bytes, { method: encoded.method });
      const text = answers[0]?.body.toString('utf8') ?? '';
      assert.ok(answers[0] && answers[0].status < 500, `${operation.key}: ${answers[0]?.status ?? end} ${text.slice(0, 500)}`);
      pages += 1;
      input =
        text.startsWith('{') && answers[0].status === 200 ? nextPage(JSON.parse(text) as Record<string, unknown>) : undefined;
      assert.ok(page < PAGES_MAX - 1, `${operation.key} does not come to an end`);
    }
  }
  connection.close();
  return { lists, pages };
}

function nextPage(answer: Record<string, unknown>): Record<string, unknown> | undefined {
  for (const [from, to] of TOKENS) if (typeof answer[from] === 'string' && answer[from] !== '') return { [to]: answer[from] };
  return undefined;
}

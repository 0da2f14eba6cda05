import type { Random } from '../../src/contract/generate-text.ts';
import type { FuzzRequest } from './fuzz-request.ts';

/** Requests of many megabytes, or made of many thousand small things. */
export function makeHuge(random: Random): FuzzRequest {
  const choice = Math.floor(random() * HUGE.length);
  const { name, ...request } = (HUGE[choice] ?? HUGE[0])!();
  return { port: 'main', method: 'POST', headers: {}, kind: `huge ${name}`, expect: { kind: 'any' }, ...request };
}

type Huge = Pick<FuzzRequest, 'target' | 'body' | 'service'> & Partial<FuzzRequest> & { readonly name: string };

const json = (name: string, body: string, operation = 'CreatePipeline'): Huge => ({
  name,
  target: '/',
  service: 'sagemaker',
  headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `SageMaker.${operation}` },
  body: Buffer.from(body),
});
const form = (name: string, body: string): Huge => ({
  name,
  target: '/',
  service: 'iam',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: Buffer.from(body),
});
const xml = (name: string, body: string, target = '/fuzz-bucket?delete'): Huge => ({
  name,
  target,
  service: 's3',
  headers: { 'content-type': 'application/xml' },
  method: target.endsWith('delete') ? 'POST' : 'PUT',
  body: Buffer.from(body),
});
const MIB = 1024 * 1024;

const HUGE: readonly (() => Huge)[] = [
  () => json('string of 50 MB', `{"PipelineName":"${'a'.repeat(50_000_000)}"}`),
  () => json('string of 9 MB', `{"PipelineName":"${'a'.repeat(9 * MIB)}"}`),
  () => json('string of 9 MB of escapes', `{"PipelineName":"${'\\u0000'.repeat(1.5 * MIB)}"}`),
  () => json('arrays 100,000 deep', `{"Tags":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  () => json('objects 100,000 deep', `${'{"PipelineDefinition":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
  () => json('arrays 5 million deep', '['.repeat(5_000_000)),
  () => json('a million members', `{${Array.from({ length: 400_000 }, (_, i) => `"m${i}":${i}`).join(',')}}`),
  () => json('a million tags', `{"PipelineName":"a","Tags":[${'{},'.repeat(1_000_000)}{}]}`),
  () => json('a number of a million digits', `{"MaxResults":${'9'.repeat(1_000_000)}}`, 'ListPipelines'),
  () => json('a definition 100,000 deep', JSON.stringify({ PipelineName: 'deep', PipelineDefinition: '['.repeat(100_000) })),
  () =>
    json(
      'a definition of deep objects',
      JSON.stringify({
        PipelineName: 'deep',
        RoleArn: 'arn:aws:iam::123456789012:role/fuzz-role',
        ClientRequestToken: 'e'.repeat(36),
        PipelineDefinition: `{"Version":"2020-12-01","Steps":${'[{"a":'.repeat(20_000)}1${'}]'.repeat(20_000)}}`,
      }),
    ),
  () => json('spaces', ' '.repeat(9 * MIB)),
  () => form('a form of 100,000 parameters', `Action=ListRoles&${'a=b&'.repeat(100_000)}`),
  () =>
    form(
      'a list with gaps',
      `Action=CreateRole&${Array.from({ length: 20_000 }, (_, i) => `Tags.member.${i * 40_000}.Key=k`).join('&')}`,
    ),
  () => form('deep parameters', `Action=CreateRole&${'Tags.member.1.'.repeat(20_000)}Key=1`),
  () => form('percents', `Action=CreateRole&RoleName=${'%61'.repeat(300_000)}`),
  () => form('a policy that is too large', `Action=CreatePolicy&PolicyName=a&PolicyDocument=${'%7B'.repeat(300_000)}`),
  () => xml('elements 100,000 deep', `<Delete>${'<Object>'.repeat(100_000)}${'</Object>'.repeat(100_000)}</Delete>`),
  () => xml('elements without end', `<Delete>${'<Object>'.repeat(400_000)}`),
  () => xml('a million objects', `<Delete>${'<Object><Key>a</Key></Object>'.repeat(200_000)}</Delete>`),
  () => xml('a bomb of entities', `${BOMB}<Delete><Object><Key>&i;</Key></Object></Delete>`),
  () => xml('an attribute of a megabyte', `<Delete a="${'b'.repeat(MIB)}"><Object><Key>a</Key></Object></Delete>`),
  () => xml('comments', `<Delete>${'<!-- -- -->'.repeat(200_000)}</Delete>`),
  () => xml('angle brackets', '<'.repeat(2 * MIB)),
  () => xml('ampersands', `<Delete><Object><Key>${'&#x41;'.repeat(200_000)}</Key></Object></Delete>`),
  () => ({
    name: 'an object of 30 MB',
    target: '/fuzz-bucket/large',
    method: 'PUT',
    service: 's3',
    body: Buffer.alloc(30_000_000, 'a'),
  }),
  () => ({
    name: 'an invocation of 20 MB',
    target: '/endpoints/target/invocations',
    port: 'runtime',
    service: 'sagemaker',
    body: Buffer.alloc(20_000_000, 'a'),
  }),
  () => ({
    name: 'code of 60 MB that is no zip',
    target: '/2015-03-31/functions/fuzz-function/code',
    method: 'PUT',
    service: 'lambda',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(`{"ZipFile":"${'A'.repeat(60 * MIB)}"}`),
  }),
];

/** Nine entities, each ten of the one before. */
const BOMB = `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">${[...'abcdefgh']
  .map((name, i) => `<!ENTITY ${'bcdefghi'[i]} "${`&${name};`.repeat(10)}">`)
  .join('')}]>`;

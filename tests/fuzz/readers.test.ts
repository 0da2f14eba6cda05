import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheRequestOf } from '../../sdk/definition/cache.ts';
import { parseDefinition, parametersOf } from '../../sdk/definition/parse.ts';
import { parseReference } from '../../sdk/definition/references.ts';
import { resolveParameters } from '../../sdk/definition/parameters.ts';
import { pickFrom, type Random, seededRandom } from '../../src/contract/generate-text.ts';
import { parseFunctionName } from '../../src/domains/functions/decide-names.ts';
import { findZipDirectory, findZipEntry, readZipDirectory } from '../../src/platform/objects/decide-zip.ts';
import { zipOf } from '../../src/domains/functions/functions-rig.ts';
import { parseConfig, parseManifest } from '../../src/domains/images/decide-manifest.ts';
import { parseRedrive } from '../../src/domains/queues/decide-attributes.ts';
import { parseCopySource } from '../../src/domains/storage/decide-copy.ts';
import { decideCopyRange, decideRange } from '../../src/domains/storage/decide-range.ts';
import { parseTagging } from '../../src/domains/storage/decide-tags.ts';
import { checkClaim, parseClaim } from '../../src/gateway/signature/claim.ts';
import { presignUrl, signRequest } from '../../src/gateway/signature/sign.ts';
import { evaluatePolicies, evaluateResourcePolicy, evaluateTrust } from '../../src/platform/authorization/evaluate.ts';
import { parsePolicy } from '../../src/platform/authorization/parse-policy.ts';
import { parseSettings } from '../../src/platform/settings-grammar.ts';
import { CONTENTS, documentFor } from './documents.ts';
import { nastyText } from './nasty-values.ts';

/** What reads text of other people's making, each with thousands of texts that are nearly right: rejections are values, nothing throws. */

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const TURNS = Number(process.env['FUZZ_TURNS'] ?? 3_000);

/** A text with some characters taken out, doubled, or put in. */
function mutateText(text: string, random: Random): string {
  let mutated = text;
  for (let turn = Math.floor(random() * 4); turn > 0; turn -= 1) {
    const at = Math.floor(random() * (mutated.length + 1));
    const inserted = random() < 0.5 ? nastyText(random).slice(0, 200) : String.fromCharCode(Math.floor(random() * 0x180));
    mutated = mutated.slice(0, at) + (random() < 0.7 ? inserted : '') + mutated.slice(at + Math.floor(random() * 3));
  }
  return mutated;
}

function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const mutated = Buffer.from(bytes.subarray(0, random() < 0.2 ? Math.floor(random() * bytes.length) : bytes.length));
  for (let turn = Math.floor(random() * 6); turn > 0 && mutated.length > 0; turn -= 1) {
    mutated[Math.floor(random() * mutated.length)] = Math.floor(random() * 256);
  }
  return mutated;
}

const context = { region: 'us-east-1', nowMs: 1_700_000_000_000, keys: {} } as never;
const caller = { arn: 'arn:aws:iam::123456789012:user/a', account: '123456789012' };
const question = { action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/key', context };
const credentials = { accessKeyId: 'AKIAFUZZ', secretAccessKey: 'secret' };
const given = (random: Random, ...texts: string[]): string => mutateText(pickFrom(texts, random) ?? '', random);
const ARCHIVE = zipOf({ 'app.py': 'x = 1', 'folder/other.py': 'y = 2' });

/** Each makes an input of its own and reads it. */
const READERS: Readonly<Record<string, (random: Random) => unknown>> = {
  definition: (random) => {
    const parsed = parseDefinition(documentFor('PipelineDefinition', random) ?? '');
    if (!parsed.definition) return parsed.problems.map(({ path, message }) => path + message);
    const parameters = [...parametersOf(parsed.definition).keys()].map((Name) => ({ Name, Value: nastyText(random) }));
    resolveParameters(parametersOf(parsed.definition), parameters);
    return parsed.graph.steps.map(({ step }) => cacheRequestOf(step));
  },
  reference: (random) => parseReference(given(random, "Steps.A.Outputs['b'].C[0]", 'Parameters.A', 'Execution.PipelineName')),
  policy: (random) => {
    const use = random() < 0.5 ? 'identity' : 'trust';
    const parsed = parsePolicy(documentFor(use === 'trust' ? 'AssumeRolePolicyDocument' : 'PolicyDocument', random) ?? '', use);
    if ('problem' in parsed) return parsed.problem;
    evaluateTrust(parsed.document, { action: 'sts:AssumeRole', caller: { service: 'lambda.amazonaws.com' }, context });
    return [evaluatePolicies([parsed.document], question), evaluateResourcePolicy(parsed.document, question, caller)];
  },
  manifest: (random) => parseManifest(documentFor('imageManifest', random) ?? '', pickFrom([undefined, '', 'a/b'], random)),
  'image configuration': (random) => parseConfig(given(random, CONTENTS.config), Math.floor(random() * 3)),
  redrive: (random) => parseRedrive(documentFor('RedrivePolicy', random) ?? ''),
  'copy source': (random) => parseCopySource(given(random, '/bucket/key%20a?versionId=x', 'bucket/key', 'arn:aws:s3:::a/b')),
  range: (random) => [decideRange(given(random, 'bytes=0-5', 'bytes=-5'), 9), decideCopyRange(given(random, 'bytes=0-5'), 9)],
  tagging: (random) => parseTagging(given(random, 'a=b&c=d%20e', 'a=%C3%BC')),
  'function name': (random) =>
    parseFunctionName(given(random, 'arn:aws:lambda:us-east-1:123456789012:function:a:1', 'a:b'), undefined, {
      account: '123456789012',
      region: 'us-east-1',
    } as never),
  'zip directory': (random) => {
    const bytes = mutateBytes(ARCHIVE, random);
    const directory = findZipDirectory(bytes, bytes.length);
    return directory && readZipDirectory(bytes.subarray(directory.startByte, directory.endByte), directory.entries);
  },
  'zip entry': (random) => findZipEntry(mutateBytes(ARCHIVE, random), 'app.py'),
  signature: (random) => {
    const request = { method: 'GET', url: new URL('http://127.0.0.1/b/k?x=y'), service: 's3', credentials, region: 'us-east-1' };
    const nowMs = 1_700_000_000_000;
    const headers = signRequest({ ...request, nowMs });
    const url = presignUrl({ ...request, nowMs, expiresSeconds: 60 });
    const [target, sent] =
      random() < 0.5
        ? ['/b/k?x=y', { ...headers, authorization: mutateText(headers['authorization'] ?? '', random) }]
        : [mutateText(url.pathname + url.search, random), {}];
    const claim = parseClaim({ method: 'GET', target, headers: sent });
    return 'fault' in claim ? claim.fault : checkClaim(claim, sent, nowMs);
  },
};

for (const [name, read] of Object.entries(READERS)) {
  test(`a reader of a nearly right ${name} says what is wrong`, (t) => {
    const random = seededRandom(SEED);
    t.diagnostic(`FUZZ_SEED=${SEED}`);
    for (let turn = 0; turn < TURNS; turn += 1) {
      assert.doesNotThrow(() => read(random), `FUZZ_SEED=${SEED}, turn ${turn}`);
    }
  });
}

test('settings of which a line is wrong are a ConfigError, whatever is wrong with it', () => {
  const random = seededRandom(SEED);
  for (let turn = 0; turn < TURNS / 10; turn += 1) {
    const text = mutateText(
      'region: us-east-1\nroles: strict\ninstances:\n  ml.m5.large: { cpus: 2, memoryMiB: 8192 }\n',
      random,
    );
    try {
      parseSettings(text);
    } catch (error) {
      assert.equal((error as Error).name, 'ConfigError', `FUZZ_SEED=${SEED}, turn ${turn}: ${text}`);
    }
  }
});

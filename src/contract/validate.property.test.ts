import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService, type ServiceId, serviceIds } from '../../models/load.ts';
import type { Fault } from './fault.ts';
import { type GenerateOptions, generateInput } from './generate-input.ts';
import { seededRandom } from './generate-text.ts';
import { type ConstraintSite, generateViolations, listConstraints, type Violation } from './generate-violation.ts';
import { compileConstraints, compileInput } from './validate.ts';

/** Bodies of these are JSON; the codecs of the others make typed values themselves. */
const JSON_PROTOCOLS: readonly string[] = ['json', 'rest-json'];

function optionsFor(id: ServiceId, seed: number, fullness: number): GenerateOptions {
  return {
    service: loadService(id),
    random: seededRandom(seed),
    form: JSON_PROTOCOLS.includes(loadService(id).model.metadata.protocol) ? 'json' : 'typed',
    fullness,
  };
}

/** What validation finds: faults, or the text of a SerializationException. */
function validate(
  options: GenerateOptions,
  operationName: string,
  input: unknown,
): { faults: readonly Fault[]; problem?: string } {
  if (options.form === 'typed') return { faults: compileConstraints(options.service, operationName)(input) };
  const check = compileInput(options.service, operationName)(input);
  if (check.outcome === 'unreadable') return { faults: [], problem: check.message };
  return { faults: check.outcome === 'invalid' ? check.faults : [] };
}

/** Seeds tried until an input had each member of every union. */
const SEEDS_MAX = 40;

for (const id of serviceIds) {
  test(`${id}: what the model allows is accepted`, () => {
    for (const name of loadService(id).operations.keys()) {
      for (const fullness of [0, 0.4, 1]) {
        const options = optionsFor(id, 7, fullness);
        const input = generateInput(options, name);
        assert.ok(input !== undefined, `${name}: no valid input could be made`);
        // AWS ignores what its model does not know, so clients newer than the model work
        const more = { ...input, NoSuchMember: { deep: [1, null] }, __proto__x: 1 };
        assert.deepEqual(validate(options, name, more), { faults: [] }, `${name} with more members than the model has`);
        assert.deepEqual(validate(options, name, input), { faults: [] }, `${name} with ${JSON.stringify(input).slice(0, 2000)}`);
      }
    }
  });

  test(`${id}: each single violation is refused with its path and constraint, and nothing else is`, (t) => {
    const places = new Set<string>();
    let constraints = 0;
    let tried = 0;
    const left: string[] = [];
    for (const name of loadService(id).operations.keys()) {
      const wanted = listConstraints(optionsFor(id, 0, 1), name);
      constraints += wanted.size;
      for (const constraint of wanted) places.add(constraint.split(' ')[0] ?? '');
      // one input holds one member of a union: further seeds choose others
      for (let seed = 11; seed < 11 + SEEDS_MAX && wanted.size > 0; seed += 1) {
        const options = optionsFor(id, seed, 1);
        for (const violation of generateViolations(options, name)) {
          const site: ConstraintSite = `${violation.place} ${violation.kind}`;
          if (seed > 11 && !wanted.has(site)) continue;
          assertRefused(violation, validate(options, name, violation.input), name);
          wanted.delete(site);
          tried += 1;
        }
      }
      left.push(...[...wanted].map((site) => `${name}: ${site}`));
    }
    t.diagnostic(
      `${loadService(id).operations.size} operations x ${places.size} places, ${constraints} constraints, ${tried} violations`,
    );
    assert.deepEqual(left, [], 'constraints that no input has broken');
  });
}

function assertRefused(violation: Violation, found: { faults: readonly Fault[]; problem?: string }, name: string): void {
  const about = `${name}: ${violation.kind} at ${violation.path}: ${violation.constraint}; found ${JSON.stringify(found).slice(0, 2000)}`;
  if (violation.kind === 'type') {
    assert.ok(found.problem !== undefined, about);
    return;
  }
  assert.equal(found.faults.length, 1, about);
  assert.equal(found.faults[0]?.path, violation.path, about);
  assert.ok(found.faults[0]?.constraint.includes(violation.constraint), about);
}

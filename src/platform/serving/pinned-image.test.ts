import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResolvedImage, RuntimeCatalogue } from '../ports/runtime.ts';
import { registeredImage } from './pinned-image.ts';

const [OLD, NEW] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];

/** Of the image table, brought here under some name, or neither. */
const catalogueOf = (images: Readonly<Record<string, { digest?: string }>>): RuntimeCatalogue => ({
  resolve: (image) => (images[image] ? (images[image] as unknown as ResolvedImage) : { problem: 'unknown' }),
});

test('a registered container means the image that its name stood for then, whatever was brought here under the name since', () => {
  const before = catalogueOf({ 'xgboost:1': {}, 'own:1': { digest: OLD } });
  const after = catalogueOf({ 'xgboost:1': { digest: NEW }, 'own:1': { digest: NEW } });
  assert.equal(registeredImage(before, 'xgboost:1', undefined), 'xgboost:1');
  assert.equal(registeredImage(after, 'own:1', OLD), `own:1@${OLD}`);
  assert.equal(registeredImage(catalogueOf({}), 'own:1', OLD), `own:1@${OLD}`);
  assert.equal(registeredImage(after, `own:1@${NEW}`, undefined), `own:1@${NEW}`);
  assert.throws(() => registeredImage(after, 'xgboost:1', undefined), {
    code: 'ValidationException',
    message: /xgboost:1 .*after .*registered.*Register/,
  });
});

import { test } from 'node:test';
import { fuzz } from '../fuzz/fuzz.ts';

/** A million of what tests/fuzz sends twenty thousand of; memory is looked at after each third. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 1_000_000);

test('a million requests of every kind', (t) => fuzz(t, SEED, REQUESTS));

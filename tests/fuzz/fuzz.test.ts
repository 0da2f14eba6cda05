import { test } from 'node:test';
import { fuzz } from './fuzz.ts';

/** Requests made from the models, broken in one place, and junk, to a real server; tests/long has a million. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 20_000);

test('whatever is sent: an answer in form, no fault of ours, and a server that goes on', (t) => fuzz(t, SEED, REQUESTS));

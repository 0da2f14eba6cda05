import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from './settings.ts';
import { readSettings } from './settings-file.ts';
import { parseSettings } from './settings-grammar.ts';

test('the first start writes a commented file that means the defaults; what is written into it counts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-settings-'));
  const path = join(folder, 'slipway.yaml');
  try {
    assert.deepEqual(await readSettings(folder), DEFAULT_SETTINGS);
    const template = readFileSync(path, 'utf8');
    assert.deepEqual(parseSettings(template), DEFAULT_SETTINGS);
    const uncommented = parseSettings(template.replaceAll(/^# (?!Slipway)/gm, ''));
    assert.deepEqual(uncommented.instances, { 'ml.m5.large': { cpus: 2, memoryMiB: 8192 } }, 'its examples are valid');
    const { mail, ...others } = uncommented;
    assert.equal(mail?.host, 'smtp.example.com');
    assert.deepEqual({ ...others, instances: {}, images: {} }, DEFAULT_SETTINGS, 'its comments say the defaults');
    writeFileSync(path, `${template}approval: open # for the trial\n`);
    assert.deepEqual(await readSettings(folder), { ...DEFAULT_SETTINGS, approval: 'open' });
    writeFileSync(path, 'aproval: open\n');
    await assert.rejects(readSettings(folder), /aproval/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

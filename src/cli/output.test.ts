import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forTerminal } from './output.ts';

test('what a job wrote moves no cursor, renames no window and fills no clipboard; colours, tabs and lines stay', () => {
  assert.equal(forTerminal('\u001b[32mSucceeded\u001b[0m\ta\nb é ✔'), '\u001b[32mSucceeded\u001b[0m\ta\nb é ✔');
  for (const attack of [
    '\u001b[2A',
    '\u001b[2J',
    '\u001b]0;title\u0007',
    '\u001b]52;c;ZXZpbA==\u001b\\',
    '\u001bc',
    '\u009b2J',
    '\r',
    '\b',
    '\u0000',
    '\u001b[?25l',
  ]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
    assert.doesNotMatch(forTerminal(`reason ${attack} end`), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, JSON.stringify(attack));
  }
  assert.equal(forTerminal('\u001b[2Ax'), '\\x1b[2Ax');
});

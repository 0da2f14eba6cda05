import { connect } from '../connection.ts';
import { dataFolderOf } from '../data-folder-option.ts';
import type { GlobalOptions } from '../session.ts';

/** `slipway git-credential get`: git asks it for user and password of the server's repositories. Storing and erasing do nothing. */
export async function gitCredential(action: string, options: GlobalOptions): Promise<void> {
  if (action !== 'get') return;
  const asked = await question();
  const { url, accessKeyId, secretAccessKey } = await connect(dataFolderOf(options.data));
  if (`${asked['protocol']}://${asked['host']}` !== url) return; // not our server: another helper may know
  process.stdout.write(`username=${accessKeyId}\npassword=${secretAccessKey}\n`);
}

async function question(): Promise<Record<string, string>> {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return Object.fromEntries(text.split('\n').flatMap((line) => (line.includes('=') ? [splitAt(line, line.indexOf('='))] : [])));
}

const splitAt = (line: string, at: number): [string, string] => [line.slice(0, at), line.slice(at + 1)];

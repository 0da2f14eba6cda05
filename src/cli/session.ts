import { connect, type Connection } from './connection.ts';
import { dataFolderOf } from './data-folder-option.ts';
import { createOutput, type Output } from './output.ts';

/** Options every verb takes. */
export interface GlobalOptions {
  readonly data?: string;
  readonly json?: boolean;
  readonly region?: string;
}

/** A connected verb: where to call and how to speak. */
export interface Session {
  readonly connection: Connection;
  readonly output: Output;
  readonly folder: string;
}

export async function openSession(options: GlobalOptions): Promise<Session> {
  const folder = dataFolderOf(options.data);
  const connection = await connect(folder, options.region);
  return { connection, output: createOutput(options.json ?? false), folder };
}

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { STATEMENTS } from './statements.generated.ts';

/**
 * WAL with synchronous=FULL: a commit is answered only after its fsync. The busy timeout covers a foreign tool that
 * looks into the file. Caches are small: the pages are in the kernel's cache anyway.
 */
export function openConnection(path: string, use: 'read' | 'write'): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 10_000, enableForeignKeyConstraints: false });
  db.exec(
    'pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -1024; pragma journal_size_limit = 16777216; ' +
      'pragma temp_store = memory',
  );
  if (use === 'read') db.exec('pragma query_only = on');
  return db;
}

export type Statements = (name: keyof typeof STATEMENTS) => StatementSync;

/** Prepared once per connection, on first use; rows come as arrays, in the order of the select list. */
export function preparedStatements(db: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>();
  return (name) => {
    let statement = prepared.get(name);
    if (!statement) {
      statement = db.prepare(STATEMENTS[name]);
      statement.setReturnArrays(true);
      prepared.set(name, statement);
    }
    return statement;
  };
}

export type Values = SQLInputValue[];

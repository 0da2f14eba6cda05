/**
 * Writes statements.generated.ts: every statement of the SQLite adapter, compiled by Kysely ahead of time, so that the
 * server neither loads nor runs a query builder. Run: `node src/platform/store/sqlite/generate-statements.ts`.
 */
import { writeFileSync } from 'node:fs';
import { compileStatements, STATEMENTS_FILE, statementsText } from './compile-statements.ts';

writeFileSync(STATEMENTS_FILE, statementsText(compileStatements()));

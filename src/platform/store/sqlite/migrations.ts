import type { DatabaseSync } from 'node:sqlite';
import { ConfigError } from '../../errors/families.ts';

/**
 * Numbered, append-only: a released migration is never edited, since databases in the field already ran it. The number of
 * the last one applied is SQLite's `user_version`.
 *
 * Text columns use BINARY collation, i.e. UTF-8 byte order; S3 listings rely on it. `parent`, `status`, `facet` and
 * `ordinal` are null when a kind does not use them, and their indexes are partial, so that such a kind pays nothing.
 * `document` comes last: a scan that filters by columns never touches a document's overflow pages.
 */
export const MIGRATIONS: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: 'resources, timers, events, ledger, references, blobs in use',
    sql: `
      create table resource (
        account text not null, region text not null, kind text not null, name text not null,
        version integer not null, parent text, status text, facet text,
        created_at integer not null, modified_at integer not null, ordinal integer,
        document text not null,
        primary key (account, region, kind, name)
      );
      create index resource_created on resource (account, region, kind, created_at, name);
      create index resource_modified on resource (account, region, kind, modified_at, name);
      create index resource_status on resource (account, region, kind, status, name) where status is not null;
      create index resource_status_created on resource (account, region, kind, status, created_at, name)
        where status is not null;
      create index resource_status_modified on resource (account, region, kind, status, modified_at, name)
        where status is not null;
      create index resource_ordinal on resource (account, region, kind, ordinal, name) where ordinal is not null;
      create index resource_parent on resource (account, region, kind, parent, name) where parent is not null;
      create index resource_parent_created on resource (account, region, kind, parent, created_at, name)
        where parent is not null;
      create index resource_parent_modified on resource (account, region, kind, parent, modified_at, name)
        where parent is not null;
      create index resource_parent_status on resource (account, region, kind, parent, status, name)
        where parent is not null and status is not null;
      create index resource_parent_ordinal on resource (account, region, kind, parent, ordinal, name)
        where parent is not null and ordinal is not null;
      create index resource_facet on resource (account, region, kind, facet, name) where facet is not null;
      create index resource_facet_created on resource (account, region, kind, facet, created_at, name)
        where facet is not null;

      create table timer (
        reconciler text not null, key text not null, due_at integer not null,
        primary key (reconciler, key)
      ) without rowid;
      create index timer_due on timer (due_at, reconciler, key);

      create table event (
        sequence integer primary key, time_at integer not null, document text not null
      );

      create table ledger (
        sequence integer primary key, hash text not null, previous_hash text not null, entry text not null
      );
      create table ledger_head (id integer primary key check (id = 1), sequence integer not null, hash text not null);
      insert into ledger_head (id, sequence, hash)
        values (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

      create table reference (
        from_key text not null, to_key text not null,
        primary key (from_key, to_key)
      ) without rowid;
      create index reference_to on reference (to_key, from_key);

      create table blob_use (
        digest text not null, key text not null,
        primary key (digest, key)
      ) without rowid;
      create index blob_use_key on blob_use (key, digest);
    `,
  },
  {
    name: 'lists by two filters: approved versions of a group, versions by approval',
    sql: `
      create index resource_parent_facet_created on resource (account, region, kind, parent, facet, created_at, name)
        where parent is not null and facet is not null;
      create index resource_parent_facet_ordinal on resource (account, region, kind, parent, facet, ordinal, name)
        where parent is not null and facet is not null and ordinal is not null;
      create index resource_status_facet on resource (account, region, kind, status, facet, name)
        where status is not null and facet is not null;
      create index resource_status_facet_created on resource (account, region, kind, status, facet, created_at, name)
        where status is not null and facet is not null;
    `,
  },
];

/** Brings the database up to the newest schema, each migration in its own transaction. */
export function applyMigrations(db: DatabaseSync, path: string, migrations = MIGRATIONS): void {
  const found = schemaVersion(db);
  if (found > migrations.length) {
    throw new ConfigError(
      'data folder',
      `${path} was written by a newer version of Slipway (schema ${found}; this version knows up to ${migrations.length}). ` +
        'Run that version or a newer one, or use another data folder.',
    );
  }
  migrations.slice(found).forEach((migration, index) => {
    // user_version is part of the transaction, so a kill in between repeats or skips nothing
    db.exec(`begin immediate; ${migration.sql}; pragma user_version = ${found + index + 1}; commit`);
  });
}

export function schemaVersion(db: DatabaseSync): number {
  return Number((db.prepare('pragma user_version').get() as { user_version: number }).user_version);
}

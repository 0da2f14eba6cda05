import type { JsonObject } from '../../platform/json.ts';
import type { GitPlace } from '../../platform/ports/git.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const REPOSITORY: ResourceDeclaration = {
  kind: 'CodeCommitRepository',
  service: 'codecommit',
  arnType: '',
  absent: { code: 'RepositoryDoesNotExistException', message: (name) => `${name} does not exist` },
  exists: { code: 'RepositoryNameExistsException', message: (name) => `Repository named ${name} already exists` },
};

/** Keyed by the repository's id, so that a renamed repository keeps it: what is known of its references. */
const REFERENCES_KIND = 'CodeCommitReferences';

export type TriggerDocument = {
  name: string;
  destinationArn: string;
  customData?: string;
  branches: string[];
  events: string[];
};

export type RepositoryDocument = {
  name: string;
  id: string;
  description?: string;
  /** The first branch that came, until UpdateDefaultBranch names another; without `refs/heads/`. */
  defaultBranch?: string;
  kmsKeyId?: string;
  createdAtMs: number;
  modifiedAtMs: number;
  triggers?: { id: string; list: TriggerDocument[] /** Whose rights they are told with. */; sender: JsonObject };
  follow?: FollowDocument;
  /** Branches that are neither deleted nor rewritten. */
  protected?: string[];
};

/** What the tags `slipway:follow…` say. */
export type FollowDocument = {
  url: string;
  secret?: string;
  intervalSeconds: number;
  /** Who set it up: the secret is read with these rights. */
  sender: JsonObject;
  /** Of the last look: why it failed. */
  problem?: string;
};

/** A change of references that is under way, or whose server died: who it is by, for the record. */
export type PendingChange = {
  startedAtMs: number;
  /** Ledger entry without changes. */
  entry: JsonObject;
  callerArn: string;
};

export type ReferencesDocument = {
  repositoryName: string;
  /** Full name to object id: what is durable and was told. */
  references: { [name: string]: string };
  /** Commits of annotated tags. */
  peeled: { [name: string]: string };
  pending?: PendingChange;
};

/** Looks at references on the disk and records what is not recorded yet; key: `referencesKey`. */
export const REPOSITORY_REFERENCES = 'repository-references';
/** Fetches what the repository follows; key: the repository. */
export const REPOSITORY_FOLLOW = 'repository-follow';
/** Joins the packs of a repository that has many; key: `referencesKey`. */
export const REPOSITORY_PACKS = 'repository-packs';
/** Removes the folder of a deleted repository; key: `referencesKey`. */
export const REPOSITORY_REMAINS = 'repository-remains';

export const repositoryKey = (place: Place, name: string): ResourceKey => keyOf(REPOSITORY, place, name);
export const repositoryArn = (place: Place, name: string): string => arnOf(REPOSITORY, place, name);
export const referencesKey = ({ account, region }: Place, id: string): ResourceKey => ({
  account,
  region,
  kind: REFERENCES_KIND,
  name: id,
});
export const gitPlaceOf = ({ account, region, name }: ResourceKey): GitPlace => ({ account, region, id: name });

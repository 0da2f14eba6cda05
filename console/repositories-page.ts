import type { OutputOf } from '../src/contract/operations.ts';
import { call, callAll } from './api.ts';
import type { Page } from './page.ts';
import { h } from './dom.ts';
import { shortRevision } from './format.ts';
import { card, command, copyable, empty, listOf, type Row, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

type Repository = NonNullable<OutputOf<'codecommit:GetRepository'>['repositoryMetadata']>;
type Commit = NonNullable<OutputOf<'codecommit:GetCommit'>['commit']>;

const COMMITS_SHOWN = 20;

/** Repositories; beside them the one that is chosen, with its branches and newest commits. */
export const repositoriesPage: Page = (name) => {
  const commits = new Map<string, Commit>();
  const commitOf = async (repositoryName: string, commitId: string): Promise<Commit> => {
    const known = commits.get(commitId) ?? (await call('codecommit:GetCommit', { repositoryName, commitId })).commit;
    commits.set(commitId, known);
    return known;
  };
  return async ({ branch, commit }) => {
    const all = await callAll(async (nextToken) => {
      const page = await call('codecommit:ListRepositories', { sortBy: 'lastModifiedDate', order: 'descending', nextToken });
      return [page.repositories, page.nextToken];
    });
    const rows = all.map(({ repositoryName = '' }): Row => {
      const current = repositoryName === name;
      return { key: repositoryName, current, cells: [h('a', { href: linkTo('repositories', repositoryName) }, repositoryName)] };
    });
    const beside = name
      ? await detailOf(name, branch, commit, commitOf)
      : [empty('Choose a repository to see its branches and commits.')];
    return {
      title: name || 'Repositories',
      content: [
        h('h1', {}, 'Repositories'),
        h('p', { class: 'sub' }, 'A push to one of them is what a delivery begins with.'),
        rows.length === 0
          ? card(
              empty(
                h('p', {}, 'No repository yet. Create one, and push to it:'),
                command('aws codecommit create-repository --repository-name NAME'),
              ),
            )
          : h(
              'div',
              { class: 'columns narrow-first' },
              card(tableOf(['Repository'], rows)),
              h('section', { class: 'card panel' }, beside),
            ),
      ],
      live: true,
      chosen: name,
    };
  };
};

type CommitOf = (repository: string, id: string) => Promise<Commit>;

async function detailOf(
  repositoryName: string,
  chosenBranch: string | undefined,
  chosenCommit: string | undefined,
  commitOf: CommitOf,
): Promise<Node[]> {
  const { repositoryMetadata: repository = {} } = await call('codecommit:GetRepository', { repositoryName });
  const branches = await callAll<string>(async (nextToken) => {
    const page = await call('codecommit:ListBranches', { repositoryName, nextToken });
    return [page.branches, page.nextToken];
  });
  const heads = await Promise.all(
    branches.map(async (branchName) => {
      const { branch } = await call('codecommit:GetBranch', { repositoryName, branchName });
      return { name: branchName, commit: await commitOf(repositoryName, branch?.commitId ?? '') };
    }),
  );
  const shown = heads.find(({ name }) => name === (chosenBranch ?? repository.defaultBranch)) ?? heads[0];
  const from = chosenCommit ?? shown?.commit.commitId;
  const history = from ? await historyOf(repositoryName, from, commitOf) : [];
  return [
    h('h2', { class: 'title' }, repositoryName),
    ...aboutOf(repository),
    h('h3', { class: 'section' }, 'Branches'),
    heads.length > 0
      ? branchesOf(repositoryName, repository, heads, chosenCommit ? undefined : shown?.name)
      : empty('Nothing was pushed yet.'),
    ...(history.length > 0
      ? [
          h(
            'h3',
            { class: 'section' },
            chosenCommit ? `Commit ${shortRevision(chosenCommit)} and before` : `Newest commits of ${shown?.name ?? ''}`,
          ),
          commitsOf(repositoryName, history, chosenCommit),
        ]
      : []),
  ];
}

function aboutOf({ Arn, repositoryDescription, cloneUrlHttp = '', creationDate, lastModifiedDate }: Repository): HTMLElement[] {
  return [
    h('p', { class: 'sub' }, copyable(Arn ?? '')),
    ...(repositoryDescription ? [h('p', { class: 'message' }, repositoryDescription)] : []),
    listOf([
      ['Created', timeOf(creationDate)],
      ['Changed', timeOf(lastModifiedDate)],
    ]),
    command(`git clone ${cloneUrlHttp}`),
  ];
}

function branchesOf(
  repository: string,
  { defaultBranch }: Repository,
  heads: readonly { readonly name: string; readonly commit: Commit }[],
  shown: string | undefined,
): HTMLElement {
  const rows = heads.map(
    ({ name, commit }): Row => ({
      key: name,
      current: name === shown,
      cells: [
        h(
          'div',
          {},
          h('a', { href: linkTo('repositories', repository, { branch: name }) }, name),
          name === defaultBranch ? ' (default)' : '',
        ),
        h('code', { title: commit.commitId }, shortRevision(commit.commitId)),
        firstLine(commit),
        timeOf(secondsOf(commit)),
      ],
    }),
  );
  return tableOf(['Branch', 'Commit', 'Message', 'When'], rows);
}

/** First parents, newest first. */
async function historyOf(repository: string, from: string, commitOf: CommitOf): Promise<Commit[]> {
  const found: Commit[] = [];
  for (let id: string | undefined = from; id && found.length < COMMITS_SHOWN; id = found.at(-1)?.parents?.[0]) {
    found.push(await commitOf(repository, id));
  }
  return found;
}

function commitsOf(repository: string, commits: readonly Commit[], chosen: string | undefined): HTMLElement {
  const rows = commits.map((commit): Row => {
    const { commitId: id = '', author, message = '' } = commit;
    return {
      key: id,
      current: id === chosen,
      cells: [
        h('a', { href: linkTo('repositories', repository, { commit: id }), title: id }, shortRevision(id)),
        id === chosen ? h('div', { class: 'message' }, message.trimEnd()) : firstLine(commit),
        h('div', { title: author?.email }, author?.name ?? ''),
        timeOf(secondsOf(commit)),
      ],
    };
  });
  return tableOf(['Commit', 'Message', 'Author', 'When'], rows);
}

const firstLine = ({ message = '' }: Commit): string => message.split('\n')[0] ?? '';

/** Dates of git are "seconds zone". */
function secondsOf({ author, committer }: Commit): number | undefined {
  const seconds = Number(/^\d+/.exec(committer?.date ?? author?.date ?? '')?.[0]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

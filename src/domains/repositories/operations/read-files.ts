import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { openSettled } from '../change-references.ts';
import { checkedPath, isObjectId, modeName, readBlob, readTree, resolveCommit, type TreeEntry, typeOf } from '../objects.ts';
import type { OwnPorts } from '../ports.ts';
import { repositoryNeeds } from '../repository-access.ts';

export const getBlob = (own: OwnPorts): Operation<'codecommit:GetBlob'> =>
  operation('codecommit:GetBlob', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetBlob'>('codecommit:GetBlob'),
    async handle({ repositoryName, blobId }, context) {
      const opened = await openSettled(own, context, repositoryName);
      if (!isObjectId(blobId))
        throw new ServiceError('InvalidBlobIdException', `The blob ID ${blobId.slice(0, 80)} is not valid.`);
      if ((await typeOf(own, opened, blobId)) !== 'blob') {
        throw new ServiceError('BlobIdDoesNotExistException', `The blob ${blobId} does not exist in the repository.`);
      }
      return { content: await readBlob(own, opened, blobId) };
    },
  });

export const getFile = (own: OwnPorts): Operation<'codecommit:GetFile'> =>
  operation('codecommit:GetFile', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetFile'>('codecommit:GetFile'),
    async handle({ repositoryName, commitSpecifier, filePath }, context) {
      const opened = await openSettled(own, context, repositoryName);
      const path = checkedPath(filePath);
      const commitId = await resolveCommit(own, opened, commitSpecifier);
      const entry = (await readTree(own, opened, commitId, [], path)).find((one) => one.path === path);
      if (entry?.type !== 'blob') {
        throw new ServiceError('FileDoesNotExistException', `The file ${path} does not exist in commit ${commitId}.`);
      }
      const fileContent = await readBlob(own, opened, entry.id);
      const fileMode = modeName(entry.mode);
      return { commitId, blobId: entry.id, filePath: path, fileMode, fileSize: fileContent.length, fileContent };
    },
  });

export const getFolder = (own: OwnPorts): Operation<'codecommit:GetFolder'> =>
  operation('codecommit:GetFolder', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetFolder'>('codecommit:GetFolder'),
    async handle({ repositoryName, commitSpecifier, folderPath }, context) {
      const opened = await openSettled(own, context, repositoryName);
      const path = /^\/*$/.test(folderPath) ? '' : checkedPath(folderPath);
      const commitId = await resolveCommit(own, opened, commitSpecifier);
      const folder =
        path === '' ? undefined : (await readTree(own, opened, commitId, ['-d'], path)).find((one) => one.path === path);
      if (path !== '' && folder?.type !== 'tree') {
        throw new ServiceError('FolderDoesNotExistException', `The folder ${path} does not exist in commit ${commitId}.`);
      }
      const { output } = await own.git.run(opened.place, ['rev-parse', `${commitId}^{tree}`]);
      const treeId = folder?.id ?? output.toString('utf8').trim();
      const entries = await readTree(own, opened, treeId);
      return { commitId, folderPath: path, treeId, ...contentsOf(entries, path) };
    },
  });

function contentsOf(entries: readonly TreeEntry[], folder: string) {
  const absolute = ({ path }: TreeEntry) => (folder === '' ? path : `${folder}/${path}`);
  const of = (holds: (entry: TreeEntry) => boolean) => entries.filter(holds);
  const isLink = ({ mode }: TreeEntry) => mode === '120000';
  const file = (entry: TreeEntry) => ({
    blobId: entry.id,
    absolutePath: absolute(entry),
    relativePath: entry.path,
    fileMode: modeName(entry.mode),
  });
  return {
    subFolders: of(({ type }) => type === 'tree').map((entry) => ({
      treeId: entry.id,
      absolutePath: absolute(entry),
      relativePath: entry.path,
    })),
    files: of((entry) => entry.type === 'blob' && !isLink(entry)).map(file),
    symbolicLinks: of(isLink).map(file),
    subModules: of(({ type }) => type === 'commit').map((entry) => ({
      commitId: entry.id,
      absolutePath: absolute(entry),
      relativePath: entry.path,
    })),
  };
}

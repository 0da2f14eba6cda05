import { callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed, wrongUse } from '../exit.ts';
import { defaultName, type ImageName, openImageFile, parseImageName } from '../images/image-file.ts';
import { pushImage } from '../images/push-image.ts';
import { table } from '../output.ts';
import { type GlobalOptions, openSession } from '../session.ts';

function nameOf(text: string): ImageName {
  const name = parseImageName(text);
  if (!name) throw wrongUse(`slipway: "${text}" is no image name of the form repository[:tag].`);
  return name;
}

/** `slipway image import FILE [--name REPOSITORY:TAG] [--ref NAME]` */
export async function importImage(file: string, options: GlobalOptions & { name?: string; ref?: string }): Promise<void> {
  const chosen = options.name === undefined ? undefined : nameOf(options.name);
  const { connection, output } = await openSession(options);
  const image = await openImageFile(file, options.ref);
  try {
    const name = chosen ?? defaultName(file, image.name);
    const digest = await pushImage(connection, image, name, (line) => output.line(line));
    const full = `${name.repository}:${name.tag}`;
    output.line(`imported ${full} ${digest} (${image.blobs.length - 1} layers)`);
    output.line(`Name it in jobs and models as ${full}, or with any registry's host before it.`);
    output.result({ name: full, digest, layers: image.blobs.length - 1 });
  } finally {
    image.close();
  }
}

/** `slipway image list` */
export async function listImages(options: GlobalOptions): Promise<void> {
  const { connection, output } = await openSession(options);
  const images = [];
  for await (const repositoryName of repositories(connection)) {
    let nextToken: string | undefined;
    do {
      const page = await callJson(connection, 'ecr:DescribeImages', {
        repositoryName,
        ...(nextToken !== undefined && { nextToken }),
      });
      for (const { imageDigest = '', imageTags = [], imageSizeInBytes = 0 } of page.imageDetails ?? []) {
        images.push({ repository: repositoryName, tags: imageTags, digest: imageDigest, sizeBytes: imageSizeInBytes });
      }
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
  }
  output.result(images);
  if (images.length === 0) output.line('no images; bring one: slipway image import FILE');
  else {
    const rows = images.map(({ repository, tags, digest, sizeBytes }) => [
      repository,
      tags.join(', ') || '(untagged)',
      digest.slice(0, 19),
      `${(sizeBytes / 1024 / 1024).toFixed(1)} MiB`,
    ]);
    output.line(table([['REPOSITORY', 'TAGS', 'DIGEST', 'SIZE'], ...rows]));
  }
}

async function* repositories(connection: Connection): AsyncGenerator<string> {
  let nextToken: string | undefined;
  do {
    const page = await callJson(connection, 'ecr:DescribeRepositories', nextToken === undefined ? {} : { nextToken });
    for (const { repositoryName } of page.repositories ?? []) if (repositoryName !== undefined) yield repositoryName;
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
}

/** `slipway image remove NAME`: the tag, and the image with its last tag. */
export async function removeImage(text: string, options: GlobalOptions): Promise<void> {
  const { repository, tag } = nameOf(text);
  const { connection, output } = await openSession(options);
  const { failures = [] } = await callJson(connection, 'ecr:BatchDeleteImage', {
    repositoryName: repository,
    imageIds: [{ imageTag: tag }],
  });
  const [failure] = failures;
  if (failure) throw failed(`slipway: ${repository}:${tag} was not removed: ${failure.failureReason ?? failure.failureCode}`);
  output.line(`removed ${repository}:${tag}`);
  output.result({ removed: `${repository}:${tag}` });
}

import { h } from './dom.ts';
import { lastPart, packageName, shortRevision } from './format.ts';
import { executionLink, linkTo } from './route.ts';

const PACKAGE = /^arn:aws:sagemaker:[^:]*:\d+:model-package\/[^/]+\/\d+$/;
const EXECUTION = /^arn:aws:sagemaker:[^:]*:\d+:pipeline\/[^/]+\/execution\/[^/]+$/;
const PIPELINE = /^arn:aws:sagemaker:[^:]*:\d+:pipeline\/([^/]+)$/;
const ENDPOINT = /^arn:aws:sagemaker:[^:]*:\d+:endpoint\/([^/]+)$/;
const BUILD = /^arn:aws:codebuild:[^:]*:\d+:build\/(.+)$/;
const DELIVERY = /^arn:aws:codepipeline:[^:]*:\d+:([^/:]+)$/;
const REPOSITORY = /^arn:aws:codecommit:[^:]*:\d+:([^/:]+)$/;

/** An anchor to the page about what an ARN names; undefined when there is none. */
export function linkOfArn(arn: string): HTMLElement | undefined {
  const found = addressOf(arn);
  return found && h('a', { href: found.href, title: arn }, found.text);
}

function addressOf(arn: string): { readonly href: string; readonly text: string } | undefined {
  if (PACKAGE.test(arn)) return { href: linkTo('models', arn), text: packageName(arn) };
  if (EXECUTION.test(arn)) return { href: executionLink(arn), text: `${arn.split('/')[1]} ${lastPart(arn)}` };
  const [, trained] = PIPELINE.exec(arn) ?? [];
  if (trained) return { href: linkTo('executions', '', { pipeline: trained }), text: trained };
  const [, endpoint] = ENDPOINT.exec(arn) ?? [];
  if (endpoint) return { href: linkTo('endpoints', endpoint), text: endpoint };
  const [, build] = BUILD.exec(arn) ?? [];
  if (build) return { href: linkTo('build', build), text: build };
  const [, pipeline] = DELIVERY.exec(arn) ?? [];
  if (pipeline) return { href: linkTo('delivery', pipeline), text: pipeline };
  const [, repository] = REPOSITORY.exec(arn) ?? [];
  return repository ? { href: linkTo('repositories', repository), text: repository } : undefined;
}

/** An address that users gave: an anchor only when it leads to the web, and never with a way back to this page. */
export function outwardLink(address: string): HTMLElement | string {
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) return address;
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, address);
}

export const commitLink = (repository: string | undefined, id: string | undefined): HTMLElement | string =>
  repository && id
    ? h('a', { href: linkTo('repositories', repository, { commit: id }), title: id }, shortRevision(id))
    : shortRevision(id);

import { CACHE_MODE_TAG } from '@slipway/sdk/definition';
import { callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { wrongUse } from './exit.ts';

/** What the cache of a pipeline compares from its next execution on; a tag of the pipeline, so any client can set it. */
export async function chooseCacheMode(connection: Connection, PipelineName: string, mode: string): Promise<void> {
  if (mode !== 'content' && mode !== 'documented') throw wrongUse(`--cache ${mode}: write content or documented.`);
  const { PipelineArn = '' } = await callJson(connection, 'sagemaker:DescribePipeline', { PipelineName });
  if (mode === 'documented') {
    await callJson(connection, 'sagemaker:DeleteTags', { ResourceArn: PipelineArn, TagKeys: [CACHE_MODE_TAG] });
  } else {
    await callJson(connection, 'sagemaker:AddTags', { ResourceArn: PipelineArn, Tags: [{ Key: CACHE_MODE_TAG, Value: mode }] });
  }
}

import { storeAdapter } from './store-adapter.ts';

/** What happens once in the life of a resource, by the ledger's action. */
const ONCE =
  /^(?:sagemaker:(?:CreateModelPackage|CreateProcessingJob|CreateTrainingJob|StartPipelineExecution)|codebuild:StartBuild|codepipeline:PutApprovalResult|slipway:\w+\.(?:Completed|Failed|Stopped|Succeeded)|slipway:(?:Build|CodePipeline\w+)\.[A-Z]+)$/;

/** Entries of a stopped server's ledger that say twice what can only happen once, each in a line. */
export async function repeatedTransitions(folder: string): Promise<string[]> {
  const store = storeAdapter.open(folder);
  const seen = new Map<string, number>();
  const repeated: string[] = [];
  let ends = 0;
  for (let afterSequence = 0; ; ) {
    const page = await store.ledger({ afterSequence, limit: 500 });
    for (const { sequence, entry } of page) {
      afterSequence = sequence;
      if (entry.outcome !== 'done' || !ONCE.test(entry.action)) continue;
      if (entry.action.startsWith('slipway:')) ends += 1;
      // an entry of a step names its execution, and the step among the changes
      const step = entry.action.includes('Step.') ? ` ${Object.keys(entry.changes ?? {})}` : '';
      // one of a delivery names its pipeline, stage or action, and the execution among the changes
      const execution = /codepipeline:|CodePipeline/.test(entry.action)
        ? ` ${JSON.stringify(entry.changes?.['executionId'])}`
        : '';
      const what = `${entry.action} of ${entry.resources[0]}${step}${execution}`;
      const before = seen.get(what);
      if (before !== undefined) repeated.push(`The ledger has ${what} in entries ${before} and ${sequence}.`);
      seen.set(what, sequence);
    }
    if (page.length === 0) break;
  }
  await store.close();
  return ends > 0 ? repeated : ['The ledger tells of no end of anything.'];
}

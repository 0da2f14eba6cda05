/** Where an artifact of a delivery pipeline lies: a zip file in the artifact bucket. */
export interface ArtifactPlace {
  /** The artifact's name in the pipeline's structure. */
  readonly name: string;
  readonly bucket: string;
  readonly key: string;
}

/**
 * What CodePipeline gives a build beyond the API's input when it starts one with `codebuild:StartBuild` (repeated under the same
 * `idempotencyToken` it is the same build). Clients cannot send it: the codecs know only the model.
 */
export interface WithPipelineOrigin {
  readonly PipelineOrigin?: {
    /** `codepipeline/<pipeline name>`. */
    readonly initiator: string;
    /** The first is the primary source; the others are secondary sources under their artifact names. */
    readonly inputs: readonly ArtifactPlace[];
    /** What `CODEBUILD_RESOLVED_SOURCE_VERSION` says, e.g. the commit id behind the primary source. */
    readonly sourceVersion?: string;
    /** Where to put what the buildspec names: the first takes `artifacts`, the others `secondary-artifacts` of their name. */
    readonly outputs: readonly ArtifactPlace[];
  };
}

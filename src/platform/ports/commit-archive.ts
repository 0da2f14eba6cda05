/**
 * What CodePipeline asks of `codecommit:GetCommit` beyond the API: the files of that commit as one zip file, put into a bucket with the
 * caller's rights. Needs `codecommit:UploadArchive` too, as on AWS. Clients cannot send it: the codecs know only the model.
 */
export interface WithArchive {
  readonly Archive?: { readonly bucket: string; readonly key: string };
}

import type { CreateTransformJobRequest, DataProcessing } from '../../contract/generated/sagemaker.ts';
import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import { checkS3Uri } from './decide-channel.ts';
import { HOSTS_MAX } from './decide-hosts.ts';
import { fitsCsv, type FilterStep, parseFilter } from './decide-transform-filter.ts';
import { notYet } from './rejection.ts';

export type TransformRequest = Omit<CreateTransformJobRequest, 'Tags'>;

/** AWS: of one payload, and of all that are under way at once on an instance. */
const PAYLOAD_MB_MAX = 100;

/** What the API model cannot say about a CreateTransformJob request. Pure. */
export function checkTransformRequest(request: TransformRequest): Rejection | undefined {
  return (
    checkInput(request) ??
    checkS3Uri('TransformOutput.S3OutputPath', request.TransformOutput.S3OutputPath) ??
    checkSizes(request) ??
    checkFilters(request) ??
    checkJoin(request) ??
    checkCapture(request)
  );
}

function checkInput({ TransformInput, TransformResources }: TransformRequest): Rejection | undefined {
  const source = TransformInput.DataSource.S3DataSource;
  if (source.S3DataType !== 'S3Prefix' && source.S3DataType !== 'ManifestFile') {
    return invalid(`S3DataType ${source.S3DataType} is not supported for transform jobs. Use S3Prefix or ManifestFile.`);
  }
  if (TransformResources.InstanceCount > HOSTS_MAX) {
    return notYet(
      `InstanceCount ${TransformResources.InstanceCount}`,
      `One machine runs at most ${HOSTS_MAX} instances of a job.`,
    );
  }
  return checkS3Uri('TransformInput.DataSource.S3DataSource.S3Uri', source.S3Uri);
}

function checkSizes({ MaxPayloadInMB: payload, MaxConcurrentTransforms: concurrent }: TransformRequest): Rejection | undefined {
  if (payload !== undefined && payload > PAYLOAD_MB_MAX)
    return invalid(`MaxPayloadInMB is ${payload}. It must be at most ${PAYLOAD_MB_MAX}.`);
  if (payload !== undefined && concurrent !== undefined && payload * concurrent > PAYLOAD_MB_MAX) {
    return invalid(
      `MaxConcurrentTransforms (${concurrent}) times MaxPayloadInMB (${payload}) must not exceed ${PAYLOAD_MB_MAX} MB.`,
    );
  }
  return undefined;
}

/** What records look like, where Slipway looks into them. */
export type RecordForm = 'csv' | 'json';

const FORMS: Readonly<Record<string, RecordForm>> = {
  'text/csv': 'csv',
  'application/json': 'json',
  'application/jsonlines': 'json',
};

export const formOf = (contentType: string | undefined): RecordForm | undefined =>
  FORMS[contentType?.split(';')[0]?.trim().toLowerCase() ?? ''];

const FORMS_WORDS = 'text/csv, application/json or application/jsonlines';

/** The form of the output: as asked for, else like the input. */
export const outputFormOf = ({ TransformInput, TransformOutput }: TransformRequest): RecordForm | undefined =>
  formOf(TransformOutput.Accept ?? TransformInput.ContentType);

function checkFilters(request: TransformRequest): Rejection | undefined {
  const { InputFilter, OutputFilter }: DataProcessing = request.DataProcessing ?? {};
  return (
    checkFilter('InputFilter', InputFilter, 'TransformInput.ContentType', formOf(request.TransformInput.ContentType)) ??
    checkFilter('OutputFilter', OutputFilter, 'TransformOutput.Accept', outputFormOf(request))
  );
}

function checkFilter(
  label: string,
  path: string | undefined,
  typeMember: string,
  form: RecordForm | undefined,
): Rejection | undefined {
  if (path === undefined || path === '') return undefined;
  const parsed = parseFilter(path);
  if ('problem' in parsed) return invalid(`DataProcessing.${label} "${path}" is not a supported JSONPath: ${parsed.problem}.`);
  if (parsed.steps.length === 0) return undefined;
  if (!form) return invalid(`DataProcessing.${label} needs ${typeMember} to be ${FORMS_WORDS}.`);
  if (form === 'csv' && !fitsCsv(parsed.steps))
    return invalid(`DataProcessing.${label} "${path}" does not fit CSV: a row is a list, so use [1], [0,-1] or [1:].`);
  return undefined;
}

function checkJoin(request: TransformRequest): Rejection | undefined {
  const { TransformInput, TransformOutput, DataProcessing } = request;
  if (DataProcessing?.JoinSource !== 'Input') return undefined;
  const form = formOf(TransformInput.ContentType);
  if (!form) return invalid(`JoinSource Input needs TransformInput.ContentType to be ${FORMS_WORDS}.`);
  if (outputFormOf(request) !== form) {
    return invalid(
      `JoinSource Input needs TransformOutput.Accept and TransformInput.ContentType to be of one format; they are ${TransformOutput.Accept} and ${TransformInput.ContentType}.`,
    );
  }
  const split = TransformInput.SplitType ?? 'None';
  const assemble = TransformOutput.AssembleWith ?? 'None';
  if (split !== assemble) {
    return invalid(
      `JoinSource Input needs SplitType and AssembleWith to be the same, Line or None; they are ${split} and ${assemble}.`,
    );
  }
  if (form === 'csv' && split !== 'Line')
    return invalid('JoinSource Input on text/csv needs SplitType and AssembleWith to be Line.');
  return undefined;
}

function checkCapture(request: TransformRequest): Rejection | undefined {
  const { DataCaptureConfig: capture } = request;
  if (!capture) return undefined;
  if (capture.GenerateInferenceId && !outputFormOf(request))
    return invalid(`DataCaptureConfig.GenerateInferenceId needs TransformOutput.Accept to be ${FORMS_WORDS}.`);
  return checkS3Uri('DataCaptureConfig.DestinationS3Uri', capture.DestinationS3Uri);
}

/** The steps of a checked filter; null when it takes everything. */
export function filterSteps(path: string | undefined): readonly FilterStep[] | null {
  const parsed = parseFilter(path || '$');
  return 'problem' in parsed || parsed.steps.length === 0 ? null : parsed.steps;
}

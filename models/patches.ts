import type { PatternPatch } from '../src/contract/model.ts';

const oneNewlineAway = 'every run of text between blanks may be cut in many ways: exponential in the number of blanks';
const identityEscape = 'escapes a character that needs none, which JavaScript refuses in Unicode mode';
const quantifiedEnd = 'repeats the end-of-text anchor, which means the anchor; JavaScript has no such thing';

/**
 * Our overrides of patterns in the models, by the exact text the model has. A pattern that botocore changes is no longer
 * found here, and the tests that try every pattern with hostile strings say so.
 */
export const patternPatches: readonly PatternPatch[] = [
  {
    pattern: '.*(?:[ \\r\\n\\t].*)*',
    replacement: '[^\\u0085\\u2028\\u2029]*',
    reason: oneNewlineAway,
  },
  {
    pattern: '.*(?:[ \\r\\n\\t].*)*.*',
    replacement: '[^\\u0085\\u2028\\u2029]*',
    reason: oneNewlineAway,
  },
  {
    pattern: '[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?',
    replacement: '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?',
    reason: 'a second turn of the loop accepts nothing that a longer first one does not, but multiplies the ways',
  },
  {
    pattern: 'https://([.\\-_a-zA-Z0-9]+/?){3,1016}',
    replacement: 'https://(?=(?:/?[.\\-_a-zA-Z0-9]){3})[.\\-_a-zA-Z0-9]+(?:/[.\\-_a-zA-Z0-9]+)*/?',
    reason:
      'the slash is optional, so a name splits into turns in many ways; at least three characters that are no slash is ' +
      'all the count asks, and 1,016 turns do not fit into the 1,024 characters allowed',
  },
  {
    pattern: '\\/?.+\\/.+',
    replacement: '.[^/\\n\\r\\u2028\\u2029]*/.+',
    reason: 'tries every slash as the separator: quadratic; the first slash that is not the first character decides',
  },
  { pattern: '[a-z]+\\-[0-9a-z\\-]+', replacement: '[a-z]+-[0-9a-z\\-]+', reason: identityEscape },
  { pattern: '[a-zA-Z0-9\\ \\_\\.]+', replacement: '[a-zA-Z0-9 _.]+', reason: identityEscape },
  { pattern: '[a-zA-Z0-9\\_\\-]+', replacement: '[a-zA-Z0-9_\\-]+', reason: identityEscape },
  { pattern: '[\\w+=,.@\\:-]*', replacement: '[\\w+=,.@:\\-]*', reason: identityEscape },
  {
    pattern: '[\\w-_]*',
    replacement: '[\\w\\-]*',
    reason: 'a hyphen after a class is itself in Java, refused in JavaScript',
  },
  {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a quantified anchor, no placeholder
    pattern: '([\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*)${1,128}',
    replacement: '[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*',
    reason: quantifiedEnd,
  },
  {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a quantified anchor, no placeholder
    pattern: '([\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*)${1,256}',
    replacement: '[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*',
    reason: quantifiedEnd,
  },
  {
    pattern: 'arn:[\\p{Alnum}\\-]+:lambda:[\\p{Alnum}\\-]+:[0-9]{12}:function:.*',
    replacement: 'arn:[a-zA-Z0-9\\-]+:lambda:[a-zA-Z0-9\\-]+:[0-9]{12}:function:.*',
    reason: "Java's POSIX classes are unknown to JavaScript",
  },
  {
    pattern: '\\A\\S[\\p{Print}]*\\z',
    replacement: '\\S[\\x20-\\x7E]*',
    reason: "Java's POSIX classes and its names of the text's two ends are unknown to JavaScript",
  },
  { pattern: '^[\\w\\.\\-\\:\\/ ]*$', replacement: '^[\\w.\\-:\\/ ]*$', reason: identityEscape },
  {
    pattern: '^[0-9a-fA-F]{8}\\-[0-9a-fA-F]{4}\\-[0-9a-fA-F]{4}\\-[0-9a-fA-F]{4}\\-[0-9a-fA-F]{12}$',
    replacement: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
    reason: identityEscape,
  },
  { pattern: '^\\/[\\w\\.\\-\\:\\/]*$', replacement: '^\\/[\\w.\\-:\\/]*$', reason: identityEscape },
  { pattern: '^\\!?[a-zA-Z0-9 :_@\\/\\+\\=\\.\\-\\!]*$', replacement: '^!?[a-zA-Z0-9 :_@\\/+=.\\-!]*$', reason: identityEscape },
  { pattern: '[0-9A-Za-z\\-\\_]+', replacement: '[0-9A-Za-z\\-_]+', reason: identityEscape },
  {
    pattern: '^arn:aws(-\\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\\-pullthroughcache\\/[a-zA-Z0-9\\/_+=.@-]+$',
    replacement: '^arn:aws(-\\w+)*:secretsmanager:[a-zA-Z0-9\\-:]+:secret:ecr-pullthroughcache\\/[a-zA-Z0-9\\/_+=.@\\-]+$',
    reason: identityEscape,
  },
  {
    pattern:
      '^([\\-]?\\d{4}(?!\\d{2}\\b))((-?)((0[1-9]|1[0-2])(\\3([12]\\d|0[1-9]|3[01]))?|W([0-4]\\d|5[0-2])(-?[1-7])?|(00[1-9]|0[1-9]\\d|[12]\\d{2}|3([0-5]\\d|6[1-6])))([T\\s]((([01]\\d|2[0-3])((:?)[0-5]\\d)?|24\\:?00)([\\.,]\\d(?!:))?)?(\\17[0-5]\\d([\\.,]\\d)?)?([zZ]|([\\-])([01]\\d|2[0-3]):?([0-5]\\d)?)?)?)?$',
    replacement:
      '^([\\-]?\\d{4}(?!\\d{2}\\b))((-?)((0[1-9]|1[0-2])(\\3([12]\\d|0[1-9]|3[01]))?|W([0-4]\\d|5[0-2])(-?[1-7])?|(00[1-9]|0[1-9]\\d|[12]\\d{2}|3([0-5]\\d|6[1-6])))([T\\s]((([01]\\d|2[0-3])((:?)[0-5]\\d)?|24:?00)([\\.,]\\d(?!:))?)?(\\17[0-5]\\d([\\.,]\\d)?)?([zZ]|([\\-])([01]\\d|2[0-3]):?([0-5]\\d)?)?)?)?$',
    reason: identityEscape,
  },
  {
    pattern: '^arn:aws[a-z0-9-]*:iam::\\d{12}:role\\/[\\w-\\/.@+=,]{1,1017}$',
    replacement: '^arn:aws[a-z0-9-]*:iam::\\d{12}:role\\/[\\w\\-\\/.@+=,]{1,1017}$',
    reason: 'a hyphen after a class is itself in Java, refused in JavaScript',
  },
  {
    pattern: '(?i)all|[0-9]{12}',
    replacement: '[aA][lL][lL]|[0-9]{12}',
    reason: 'JavaScript has no flag at the start of a pattern',
  },
  {
    pattern: '^[a-z0-9*](?:[._\\-/a-z0-9*]?[a-z0-9*]+)*$',
    replacement: '^[a-z0-9*]+(?:[._\\-/][a-z0-9*]+)*$',
    reason: 'what may separate includes what is separated, so a name splits into turns in many ways: exponential',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:api-destination\\/[\\.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$',
    replacement: '^arn:aws[a-z\\-]*:events:[a-z0-9\\-]*:([0-9]{12})?:api-destination\\/[.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:.+\\/.+$',
    replacement: '^arn:aws[a-z\\-]*:events:[a-z0-9\\-]*:([0-9]{12})?:.[^/\\n\\r\\u2028\\u2029]*\\/.+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:connection\\/[\\.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$',
    replacement: '^arn:aws[a-z\\-]*:events:[a-z0-9\\-]*:([0-9]{12})?:connection\\/[.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:endpoint\\/[/\\.\\-_A-Za-z0-9]+$',
    replacement: '^arn:aws[a-z\\-]*:events:[a-z0-9\\-]*:([0-9]{12})?:endpoint\\/[/.\\-_A-Za-z0-9]+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:.+\\/[\\.\\-_A-Za-z0-9]+$',
    replacement: '^arn:aws[a-z\\-]*:events:[a-z0-9\\-]*:([0-9]{12})?:.+\\/[.\\-_A-Za-z0-9]+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:route53:::healthcheck/[\\-a-z0-9]+$',
    replacement: '^arn:aws[a-z\\-]*:route53:::healthcheck/[\\-a-z0-9]+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '[A-Za-z0-9\\_\\-]+',
    replacement: '[A-Za-z0-9\\-_]+',
    reason: identityEscape,
  },
  {
    pattern: '(^arn:aws([a-z]|\\-)*:secretsmanager:[a-z0-9-.]+:.*)|(\\$(\\.[\\w_-]+(\\[(\\d+|\\*)\\])*)*)',
    replacement: '(^arn:aws[a-z\\-]*:secretsmanager:[a-z0-9\\-.]+:.*)|(\\$(\\.[\\w\\-]+(\\[(\\d+|\\*)\\])*)*)',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^arn:aws([a-z]|\\-)*:secretsmanager:([a-z]|\\d|\\-)*:([0-9]{12})?:secret:[\\/_+=\\.@\\-A-Za-z0-9]+$',
    replacement: '^arn:aws[a-z\\-]*:secretsmanager:[a-z0-9\\-]*:([0-9]{12})?:secret:[\\/_+=.@\\-A-Za-z0-9]+$',
    reason: 'escapes a hyphen outside of a class, which JavaScript refuses',
  },
  {
    pattern: '^[ \\t]*[^\\x00-\\x1F:\\x7F]+([ \\t]+[^\\x00-\\x1F:\\x7F]+)*[ \\t]*$',
    replacement: '^(?=[^\\t]*[^\\x00-\\x1F:\\x7F]|\\t)[ \\t]*[^\\x00-\\x1F:\\x7F][^\\x00-\\x08\\x0A-\\x1F:\\x7F]*$',
    reason: 'blanks may belong to a word or part two: exponential in the number of words',
  },
  {
    pattern: '^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$',
    replacement: '^[ \\t]*[\\x20-\\x7E][\\x20-\\x7E\\t]*$',
    reason: 'blanks may belong to a word or part two: exponential in the number of words',
  },
  {
    pattern: "^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$",
    replacement: "^(?:%[0-9A-Fa-f]{2}|[\\-()_.!~*';/?:@\\x26=+$,A-Za-z0-9])+$",
    reason: 'what may end the text may also be within it: one loop says the same',
  },
  {
    pattern: '^[a-zA-Z0-9](-*[a-zA-Z0-9])*$',
    replacement: '^[a-zA-Z0-9](?:[a-zA-Z0-9\\-]*[a-zA-Z0-9])?$',
    reason: 'a run of hyphens ends in a letter or digit either way',
  },
];

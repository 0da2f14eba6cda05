/** Groups whose lines SageMaker's own log agent delivers. */
export const isJobGroup = (group: string): boolean => /^\/aws\/sagemaker\/[A-Za-z]+Jobs$/.test(group);

/**
 * SageMaker's agent escapes control characters the way syslog daemons do: `#` and three octal digits, so a tab reads `#011`
 * and a carriage return of a progress bar `#015`. Metric regexes written for AWS look for these texts.
 */
export const escapeControls = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  text.replaceAll(/[\u0000-\u001f\u007f]/g, (character) => `#${character.charCodeAt(0).toString(8).padStart(3, '0')}`);

/**
 * A stream's file holds one event a line, a client's event may hold several lines: inside the file a line separator stands
 * for the newline. Job groups are left alone, where programs write the lines themselves.
 */
export const packNewlines = (text: string): string => text.replaceAll('\n', '\u2028');
export const unpackNewlines = (text: string): string => text.replaceAll('\u2028', '\n');

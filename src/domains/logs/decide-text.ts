/** Groups whose lines SageMaker's own log agent delivers. */
export const isJobGroup = (group: string): boolean => /^\/aws\/sagemaker\/[A-Za-z]+Jobs$/.test(group);

/**
 * SageMaker's agent escapes control characters the way syslog daemons do: `#` and three octal digits, so a tab reads `#011`
 * and a carriage return of a progress bar `#015`. Metric regexes written for AWS look for these texts.
 */
export const escapeControls = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  text.replaceAll(/[\u0000-\u001f\u007f]/g, (character) => `#${character.charCodeAt(0).toString(8).padStart(3, '0')}`);

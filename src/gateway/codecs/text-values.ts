import type { Shape } from '../../contract/model.ts';

const INTEGER = /^[+-]?\d{1,19}$/;
const FLOAT = /^[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?$/;

/** A scalar from text (query parameter, header, XML element); undefined when the text is no such value. */
export function parseScalar(shape: Shape, text: string, parseTime: (text: string) => number | undefined): unknown {
  switch (shape.type) {
    case 'boolean':
      return text === 'true' || text === 'True' ? true : text === 'false' || text === 'False' ? false : undefined;
    case 'integer':
    case 'long': {
      const limit = shape.type === 'integer' ? 2 ** 31 : 2 ** 63;
      const number = INTEGER.test(text) ? Number(text) : Number.NaN;
      return number >= -limit && number < limit ? number : undefined;
    }
    case 'float':
    case 'double':
      if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text);
      return FLOAT.test(text) ? Number(text) : undefined;
    case 'timestamp':
      return parseTime(text);
    case 'blob':
      return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0
        ? new Uint8Array(Buffer.from(text, 'base64'))
        : undefined;
    default:
      return text;
  }
}

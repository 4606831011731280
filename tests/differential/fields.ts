/** A field of HTTP/2, pseudo or not, byte by byte. */
export type Field = readonly [name: string, value: string];

export interface FieldsOfCase {
  readonly head: readonly Field[];
  readonly trailers: readonly Field[];
  readonly body: string;
}

/**
 * Reads fields apart by ` | `: `name: value` adds one, or takes the place of a pseudo field;
 * `+name: value` always adds one, `-name` leaves one out, `body=…` and `trailer name: value` come
 * behind the head.
 */
export function readFields(text: string, unescaped: (text: string) => string): FieldsOfCase {
  let head: Field[] = [];
  const trailers: Field[] = [];
  let body = '';
  for (const part of text.split(' | ')) {
    if (part.startsWith('body=')) body += unescaped(part.slice(5));
    else if (part.startsWith('trailer ')) trailers.push(fieldOf(part.slice(8), unescaped));
    else if (part.startsWith('+')) head.push(fieldOf(part.slice(1), unescaped));
    else if (part.startsWith('-')) head = head.filter(([name]) => name !== part.slice(1));
    else {
      const field = fieldOf(part, unescaped);
      const at = field[0].startsWith(':') ? head.findIndex(([name]) => name === field[0]) : -1;
      if (at < 0) head.push(field);
      else head[at] = field;
    }
  }
  return { head, trailers, body };
}

function fieldOf(part: string, unescaped: (text: string) => string): Field {
  const [, name, value] = /^(:?[^:]*)(?::[ ]?(.*))?$/s.exec(part) ?? [];
  return [unescaped(name ?? ''), unescaped(value ?? '')];
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Field, readFields } from './fields.ts';

/** Programs of others that stand beside the edge. */
export const others = ['nginx', 'haproxy'] as const;
export type Other = (typeof others)[number];

/** One odd request, as a file of the corpus has it. */
export interface Case {
  /** Of the file, without its ending. */
  readonly class: string;
  /** Where it stands: `targets:12`, or with a byte where the line stands for several. */
  readonly name: string;
  /** What is sent, one character a byte; over HTTP/2 it is the body. */
  readonly bytes: string;
  /** Over HTTP/2; null: over HTTP/1.1. */
  readonly fields: { readonly head: readonly Field[]; readonly trailers: readonly Field[] } | null;
  /** Why the edge accepts what the other refuses. */
  readonly reasons: Readonly<Partial<Record<Other, string>>>;
  /** What both refuse it for and the edge leaves out; null: nothing is left out. */
  readonly without: string | null;
}

/** Where the requests go; everybody may ask there. */
export const host = 'pub.corp.test';
const folder = join(import.meta.dirname, 'corpus');

/** All cases of all files; throws for a line that cannot be read. */
export function readCorpus(): readonly Case[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  return files
    .sort()
    .flatMap((name) => readClass(name.slice(0, -4), readFileSync(join(folder, name), 'utf8')));
}

/** The cases of one file; how it is written is said in the README beside it. */
export function readClass(name: string, text: string): readonly Case[] {
  let template = '{}';
  return text.split('\n').flatMap((line, at) => {
    const place = `${name}:${at + 1}`;
    if (line === '' || line.startsWith('#')) return [];
    if (line.startsWith('@ ')) {
      template = line.slice(2);
      return [];
    }
    const [written = '', ...remarks] = line.split(/\s+## /);
    const reasons = readReasons(remarks, place);
    const without = remarks.find((one) => one.startsWith(leftOut))?.slice(leftOut.length) ?? null;
    return spread(written.trimEnd()).map(([suffix, one]) => {
      const whole = hosted(template.replaceAll('{}', () => one)).replaceAll('{length}', () =>
        String(unescaped(hosted(one), place).length),
      );
      return { class: name, name: place + suffix, reasons, without, ...readContent(whole, place) };
    });
  });
}

function readContent(whole: string, place: string): Pick<Case, 'bytes' | 'fields'> {
  if (!whole.startsWith('h2 ')) return { bytes: unescaped(whole, place), fields: null };
  const { body, ...fields } = readFields(whole.slice(3), (text) => unescaped(text, place));
  return { bytes: body, fields };
}

const leftOut = 'without: ';

function readReasons(remarks: readonly string[], place: string): Case['reasons'] {
  const all = remarks.filter((remark) => !remark.startsWith(leftOut));
  return Object.fromEntries(
    all.flatMap((remark) => {
      const [, name, reason] = /^(\w+): (\S.*)$/.exec(remark) ?? [];
      const named = others.filter((other) => name === other || name === 'both');
      if (reason === undefined || named.length === 0) throw new Error(`${place}: whose reason?`);
      return named.map((other) => [other, reason] as const);
    }),
  );
}

function hosted(text: string): string {
  return text.replaceAll('{host}', host);
}

/** A line with `{00-1f}` stands for one case for each of these bytes. */
function spread(written: string): readonly (readonly [suffix: string, written: string])[] {
  const [range, from = '', to = ''] = /\{([0-9a-f]{2})-([0-9a-f]{2})\}/.exec(written) ?? [];
  if (range === undefined) return [['', written]];
  const [first, last] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
  return Array.from({ length: last - first + 1 }, (_, at) => {
    const byte = `\\x${(first + at).toString(16).padStart(2, '0')}`;
    return [` ${byte}`, written.replace(range, () => byte)] as const;
  });
}

const escapes: Readonly<Record<string, string>> = {
  '\\r': '\r',
  '\\n': '\n',
  '\\t': '\t',
  '\\0': '\0',
  '\\s': ' ',
  '\\\\': '\\',
};

/** `\x41*300` is one byte 300 times over. */
function unescaped(text: string, place: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})(?:\*([0-9]+))?|.?)/g,
    (whole, hex?: string, count?: string) => {
      if (hex !== undefined) {
        return String.fromCharCode(Number.parseInt(hex, 16)).repeat(Number(count ?? 1));
      }
      const found = escapes[whole];
      if (found === undefined) throw new Error(`${place}: what is ${whole}?`);
      return found;
    },
  );
}

import type { AccessRecord } from '@sallyport/shared/access-record';
import type { Field } from '../frames.ts';
import { neverPasses } from './gate.ts';
import { othersIn } from './readers.ts';

/** The head of a request, as an upstream got it. */
export interface Head {
  readonly method: string;
  readonly target: string;
  /** Name in lower case, and value. */
  readonly lines: readonly (readonly [string, string])[];
}

/** The requests in the bytes, read as strictly as can be; `rest`: from the last on, if it is not whole. */
export function readRequests(bytes: string): { heads: readonly Head[]; rest: string } | string {
  const heads: Head[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { heads, rest };
    const head = readHead(rest.slice(0, end));
    if (typeof head === 'string') return `the upstream got ${JSON.stringify(head)}`;
    heads.push(head);
    const length = bodyLength(rest.slice(end + 4), head);
    if (length === null || rest.length < end + 4 + length) return { heads, rest };
    rest = rest.slice(end + 4 + length);
  }
}

/** Reads a head as strictly as can be; gives the line that is none, where it cannot be read. */
export function readHead(text: string): Head | string {
  const [line = '', ...lines] = text.split('\r\n');
  const [, method, target] = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line) ?? [];
  if (method === undefined || target === undefined) return line;
  const read: (readonly [string, string])[] = [];
  for (const one of lines) {
    const [, name, value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(one) ?? [];
    if (name === undefined) return one;
    read.push([name.toLowerCase(), value]);
  }
  return { method, target, lines: read };
}

/** null: it has not come to its end. */
function bodyLength(rest: string, head: Head): number | null {
  if (!valuesOf(head, 'transfer-encoding').includes('chunked')) {
    return Number(valuesOf(head, 'content-length')[0] ?? 0);
  }
  let at = 0;
  for (;;) {
    const [whole, size] = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at)) ?? [];
    if (whole === undefined || size === undefined) return null;
    const length = Number.parseInt(size, 16);
    at += whole.length + length + 2;
    if (length === 0) return at;
  }
}

/** The values of the lines of this name, in order. */
export function valuesOf({ lines }: Head, name: string): string[] {
  return lines.filter(([other]) => other === name).map(([, value]) => value);
}

/** Long texts are cut in records. */
function isRecorded(text: string, recorded: string): boolean {
  return recorded.endsWith('…') ? text.startsWith(recorded.slice(0, -1)) : text === recorded;
}

/** Whether what the upstream got is what was decided on, and nothing besides. */
export function judge(head: Head, record: AccessRecord | undefined): string {
  const { method, target } = head;
  if (record === undefined) return `${target} was never decided on`;
  const { facts, host, outcome, path, userId } = record;
  if (outcome !== 'permit' || facts === null) return `${target} was not permitted`;
  const [forwarded = ''] = target.split('?', 1);
  if (!isRecorded(forwarded, facts.request.path) || !isRecorded(forwarded, path)) {
    return `${target} was decided on as ${facts.request.path}`;
  }
  if (facts.request.method !== method) return `${method} was decided on as ${facts.request.method}`;
  const hosts = valuesOf(head, 'host').map((one) => one.replace(/:[0-9]+$/, ''));
  if (hosts.join() !== host || facts.request.host !== host) return `${host} became ${hosts.join()}`;
  const vouched = valuesOf(head, 'sallyport-assertion').map((one) => one.startsWith('eyJ'));
  if (vouched.join() !== (userId === null ? '' : 'true')) return `${target} is vouched for wrongly`;
  const framed = ['content-length', 'transfer-encoding'].flatMap((name) => valuesOf(head, name));
  if (framed.length > 1) return `${target} is framed twice`;
  const forwardedFor = valuesOf(head, 'x-forwarded-for');
  if (forwardedFor.join() !== record.sourceAddress)
    return `${target} comes from ${forwardedFor.join()}`;
  const cookies = valuesOf(head, 'cookie').join();
  return /(?:^|;)[\t ]*__host-sallyport[-=\t ]/i.test(cookies) ? `${target} brings ours` : '';
}

/** Whether a header was lost on the way, or came from nowhere, but for those that are ours to set. */
export function unlike(head: Head, sent: readonly Field[]): string {
  const passes = (name: string) => !neverPasses.test(folded(name)) && !isHandshake(name);
  const asSent = new Set(sent.map(([name, value]) => `${name}: ${latin1(value)}`));
  const asGot = new Set(head.lines.map(([name, value]) => `${name}: ${value}`));
  const lost = sent.find(([name, value]) => {
    return passes(name) && !name.startsWith(':') && !asGot.has(`${name}: ${latin1(value)}`);
  });
  if (lost !== undefined) return `${lost[0]} was lost on the way`;
  const of = (name: string) => sent.filter(([other]) => other === name).map(([, value]) => value);
  if (new Set([...of(':authority'), ...of('host')]).size > 1) return 'one of two hosts was chosen';
  const cookies = latin1(othersIn(of('cookie').join('; ')));
  if (valuesOf(head, 'cookie').join('; ').trim() !== cookies) return `not the cookies ${cookies}`;
  const added = head.lines.find(
    ([name, value]) => passes(name) && !asSent.has(`${name}: ${value}`),
  );
  return added === undefined ? '' : `${added[0]} came from nowhere`;
}

/** The key is ours, and so is what it needs. */
function isHandshake(name: string): boolean {
  return name.startsWith('sec-websocket-');
}

function folded(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

function latin1(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

import type { RawRequest } from './client/exchange.ts';

/** gRPC as it travels over HTTP/2: "gRPC over HTTP2", of the gRPC project. */

/** Whether a value of Content-Type is of gRPC; gRPC-Web is another protocol. */
export function isCallType(contentType: string): boolean {
  return /^application\/grpc(?:[+;]|$)/.test(contentType);
}

/** Whether a request that the gate has not read is a call of gRPC. */
export function isCall({ version, method, lines }: RawRequest): boolean {
  if (version !== '2' || method !== 'POST') return false;
  const at = lines.findIndex((name, index) => index % 2 === 0 && name === 'content-type');
  return at >= 0 && isCallType(lines[at + 1] ?? '');
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};
/** What a timer can count. */
const longestMs = 2_147_483_647;

/** Milliseconds of a `grpc-timeout`; null: it says none, or more than a timer can count. */
export function timeoutMsOf(written: string): number | null {
  const parts = /^([0-9]{1,8})([HMSmun])$/.exec(written);
  if (parts === null) return null;
  const milliseconds = Number(parts[1]) * (unitMs[parts[2] ?? ''] ?? 0);
  return milliseconds > longestMs ? null : milliseconds;
}

/** grpc-status for a status of HTTP, as the gRPC project maps them; UNKNOWN where it says nothing. */
const codes: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};
const unknown = 2;
const deadlineExceeded = 4;

interface Words {
  readonly status: number;
  readonly code: string;
  readonly sentence: string;
}

/** What a call ends with, name and value by turns. The words are ours: ASCII but for the percent sign. */
export function callStatus({ status, code, sentence }: Words): readonly string[] {
  const number = code === 'deadline_exceeded' ? deadlineExceeded : (codes[status] ?? unknown);
  return ['grpc-status', String(number), 'grpc-message', percentEncoded(`${code}: ${sentence}`)];
}

/** All but printable ASCII, and the percent sign. */
function percentEncoded(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/gu, (rest) =>
    [...Buffer.from(rest)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

import { isUtf8 } from 'node:buffer';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type ReceivedRecord, rewritten } from '../../store/records/received.ts';
import { isShallowJson } from './json-depth.ts';

/** Its facts hold every group of a user, of which there may be a thousand with long names. */
const recordBytesMax = 1_048_576;
const depthMax = 16;

const text = (maxLength: number) => Type.String({ maxLength });
const textOrNull = (maxLength: number) => Type.Union([text(maxLength), Type.Null()]);
const count = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const wholeCount = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });
const position = Type.Object({ epoch: count, rev: count });

const codes = Type.Array(text(128), { maxItems: 64 });
const ruleIds = Type.Array(text(256), { maxItems: 64 });

/** The shape of an AccessRecord. Fields of a newer edge pass; the facts are kept as they are. */
const RecordShape = Type.Object({
  kind: Type.Literal('access'),
  time: Type.String({ minLength: 20, maxLength: 32 }),
  correlationId: Type.String({ minLength: 1, maxLength: 128 }),
  traceparent: text(128),
  edge: text(64),
  region: text(64),
  sourceAddress: text(64),
  method: text(32),
  host: text(256),
  path: text(16_384),
  queryRedacted: Type.Boolean(),
  query: Type.Optional(textOrNull(16_384)),
  redacted: Type.Optional(Type.Array(text(64), { maxItems: 32 })),
  userAgent: text(16_384),
  // Older edges have neither.
  legacy: Type.Optional(Type.Array(text(64), { maxItems: 32 })),
  largeHeaders: Type.Optional(
    Type.Array(
      Type.Object({
        what: Type.Enum(['headers', 'cookies']),
        bytes: wholeCount,
        limit: wholeCount,
      }),
      { maxItems: 2 },
    ),
  ),
  userId: textOrNull(64),
  userEmail: textOrNull(254),
  sid: textOrNull(64),
  deviceId: textOrNull(64),
  certificateSha256: textOrNull(64),
  route: textOrNull(63),
  outcome: Type.String({ pattern: '^[a-z_]{1,32}$' }),
  reasons: codes,
  ruleIds,
  configVersion: Type.Union([count, Type.Null()]),
  revisions: Type.Object({
    revoke: Type.Optional(position),
    signals: Type.Optional(position),
    config: Type.Optional(position),
    directory: Type.Optional(position),
  }),
  facts: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  // Older edges have neither.
  wouldDeny: Type.Optional(Type.Union([Type.Object({ reasons: codes, ruleIds }), Type.Null()])),
  shadow: Type.Optional(
    Type.Union([
      Type.Object({
        version: count,
        outcome: Type.Enum(['permit', 'deny', 'sign_in', 'step_up']),
        reasons: codes,
        ruleIds,
      }),
      Type.Null(),
    ]),
  ),
  status: Type.Integer({ minimum: 0, maximum: 999 }),
  ending: text(64),
  decisionUs: count,
  upstreamMs: Type.Union([count, Type.Null()]),
  totalMs: count,
  bytesIn: count,
  bytesOut: count,
});

const shape = Compile(RecordShape);
const escaped = Buffer.from('\\u');

/** One record as an edge sent it (JSON); null if it is not one or says another edge's name. */
export function readRecord(bytes: Uint8Array, edgeId: string): ReceivedRecord | null {
  if (bytes.length > recordBytesMax || !isShallowJson(bytes, depthMax)) return null;
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value: unknown;
  try {
    value = JSON.parse(line.toString());
  } catch {
    return null;
  }
  if (!shape.Check(value) || value.edge !== edgeId) return null;
  const record = value as unknown as AccessRecord;
  // The database reads the text as well: it takes nothing but UTF-8, no NUL and no half of a pair.
  const plain = isUtf8(line) && !line.includes(escaped);
  return plain ? { record, json: line } : rewritten(record);
}

import { create, toBinary } from '@bufbuild/protobuf';
import type { StateOp } from '@sallyport/shared/state/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BlockKind,
  type EmploymentClass,
  OpsSchema,
  UserStatus,
} from '../../gen/sallyport/v1/state_pb.js';
import { opsFromBytes, opsToBytes, UnreadableOpsError } from './ops.ts';

const text = fc.string({ maxLength: 20 });
const count = fc.nat();
const bytes = fc.uint8Array({ maxLength: 40 });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hex = hash.map((value) => Buffer.from(value).toString('hex'));
const record = <T extends StateOp>(op: T['op'], fields: object) =>
  fc.record({ op: fc.constant(op), ...fields }) as unknown as fc.Arbitrary<StateOp>;

const blockKind = fc.constantFrom('everyone', 'user', 'device', 'certificate', 'service', 'edge');
const signalSubject = fc.constantFrom('user', 'device', 'session');

const postureFact = fc.record({
  name: text,
  value: fc.oneof(fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }), text),
  observedAtMs: count,
});

const anyOp = fc.oneof(
  record('generation', {
    scope: fc.constantFrom('global', 'user', 'device'),
    subjectId: text,
    value: count,
  }),
  record('ended_session', { sid: text, expiresAtMs: count }),
  record('forgotten_session', { sid: text }),
  record('block', {
    revocationId: text,
    kind: blockKind,
    subjectId: text,
    expiresAtMs: fc.option(fc.integer({ min: 1 })),
  }),
  record('lifted_block', { revocationId: text, kind: blockKind, subjectId: text }),
  record('signal', {
    subject: signalSubject,
    subjectId: text,
    name: text,
    value: text,
    observedAtMs: count,
    expiresAtMs: count,
  }),
  record('deleted_signal', { subject: signalSubject, subjectId: text, name: text }),
  record('bundle', { version: count, sha256: bytes, documentsJson: bytes }),
  record('deleted_bundle', { version: count }),
  record('deleted_signing_key', { keyId: text }),
  record('release', {
    ring: text,
    version: count,
    shadowVersion: fc.option(fc.integer({ min: 1 })),
  }),
  record('edge_keys', { edgeId: text, region: text, assertionJwks: fc.array(text) }),
  record('deleted_edge', { edgeId: text }),
  record('signing_key', {
    keyId: text,
    purpose: text,
    publicKey: bytes,
    notBeforeMs: count,
    notAfterMs: count,
    rootSignature: bytes,
  }),
  record('secret_ref', { id: text, version: count, sha256: bytes }),
  record('deleted_secret', { id: text }),
  record('user', {
    id: text,
    email: text,
    displayName: text,
    status: fc.constantFrom('active', 'suspended'),
    groups: fc.array(text),
    employment: fc.option(
      fc.record({ class: fc.constantFrom('employee', 'contractor'), endsAtMs: fc.option(count) }),
    ),
  }),
  record('deleted_user', { id: text }),
  record('device', {
    id: text,
    name: text,
    managed: fc.boolean(),
    ownerUserId: fc.option(fc.string({ minLength: 1, maxLength: 20 })),
    posture: fc.array(postureFact, { maxLength: 4 }),
  }),
  record('deleted_device', { id: text }),
  record('device_certificate', {
    sha256: hex,
    deviceId: text,
    notBeforeMs: count,
    notAfterMs: count,
  }),
  record('deleted_device_certificate', { sha256: hex }),
);

describe('the body of a frame', () => {
  it('gives back the ops it was made from, and the same bytes for the same ops', () => {
    fc.assert(
      fc.property(fc.array(anyOp, { maxLength: 8 }), (ops) => {
        const body = opsToBytes(ops);
        expect(JSON.stringify(opsFromBytes(body))).toBe(JSON.stringify(ops));
        expect(opsToBytes(opsFromBytes(body))).toEqual(body);
      }),
    );
  });

  it('is refused whole when it holds an op or an enum value of a newer protocol', () => {
    const empty = toBinary(OpsSchema, create(OpsSchema, { ops: [{}] }));
    expect(() => opsFromBytes(empty)).toThrow(UnreadableOpsError);
    const block = { revocationId: 'rev_1', kind: 99 as BlockKind, subjectId: 'x' };
    const future = create(OpsSchema, { ops: [{ op: { case: 'block', value: block } }] });
    expect(() => opsFromBytes(toBinary(OpsSchema, future))).toThrow(UnreadableOpsError);
    const employment = { class: 9 as EmploymentClass };
    const user = { id: 'usr_1', status: UserStatus.ACTIVE, employment };
    const posture = [{ name: 'disk-encrypted' }];
    for (const op of [
      { case: 'user' as const, value: user },
      { case: 'device' as const, value: { id: 'dev_1', posture } },
    ]) {
      const ops = toBinary(OpsSchema, create(OpsSchema, { ops: [{ op }] }));
      expect(() => opsFromBytes(ops)).toThrow(UnreadableOpsError);
    }
  });

  it('is refused without an exception of another kind when its bytes are broken', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          opsFromBytes(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableOpsError);
        }
      }),
    );
  });
});

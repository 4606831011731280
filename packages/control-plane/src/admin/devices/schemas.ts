import { writePem } from '@sallyport/shared/pki/pem';
import { type Static, Type } from 'typebox';
import type { DeviceCertificateRow, DeviceRow } from '../../store/devices.ts';
import {
  closed,
  documentName,
  idOf,
  instant,
  isoOf,
  label,
  nullable,
  sha256Hex,
  writtenInstant,
} from '../http/schemas.ts';

export const deviceId = idOf('dev');
const name = label(256);
const managed = Type.Boolean({ description: 'The company manages it.' });
const ownerUserId = nullable(idOf('usr'));
const pem = Type.String({ minLength: 1, maxLength: 32_768 });

const factValue = Type.Union([Type.Boolean(), Type.Number(), label(256)]);

/** Facts of one device: what a table of the state takes at the most. */
const postureMax = 32;

export const Posture = Type.Object(
  {
    facts: Type.Array(
      Type.Object({ name: documentName, value: factValue, observedAt: writtenInstant }, closed),
      {
        maxItems: postureMax,
        description: 'All that is known of the device now; a name that is left out is not known.',
      },
    ),
  },
  closed,
);

export const NewDevice = Type.Object(
  { name, managed: Type.Optional(managed), ownerUserId: Type.Optional(ownerUserId) },
  closed,
);

export const DeviceChange = Type.Object(
  {
    name: Type.Optional(name),
    managed: Type.Optional(managed),
    ownerUserId: Type.Optional(ownerUserId),
  },
  { ...closed, minProperties: 1 },
);

export const Device = Type.Object({
  id: deviceId,
  name: Type.String(),
  managed,
  ownerUserId,
  posture: Type.Array(Type.Object({ name: Type.String(), value: factValue, observedAt: instant }), {
    description: 'What was last observed of it, by name.',
  }),
  createdAt: instant,
  updatedAt: instant,
});

export const NewCertificate = Type.Object(
  {
    csr: Type.Optional(
      Type.String({ ...pem, description: 'A PKCS#10 request, PEM: our authority issues.' }),
    ),
    certificate: Type.Optional(
      Type.String({ ...pem, description: 'A certificate of another authority, PEM.' }),
    ),
    validDays: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 398, description: 'With `csr`. Default: 365.' }),
    ),
  },
  closed,
);

export const Certificate = Type.Object({
  sha256: sha256Hex,
  deviceId,
  source: Type.Union([Type.Literal('issued'), Type.Literal('registered')]),
  notBefore: instant,
  notAfter: instant,
  certificate: Type.String({ description: 'PEM.' }),
  createdAt: instant,
});

/** What the API shows of a device. */
export function presentDevice(row: DeviceRow): Static<typeof Device> {
  return {
    id: row.id,
    name: row.name,
    managed: row.managed,
    ownerUserId: row.ownerUserId,
    posture: row.posture.map(({ name: fact, value, observedAtMs }) => ({
      name: fact,
      value,
      observedAt: isoOf(observedAtMs),
    })),
    createdAt: isoOf(row.createdAtMs),
    updatedAt: isoOf(row.updatedAtMs),
  };
}

/** What the API shows of a device certificate. */
export function presentCertificate(row: DeviceCertificateRow): Static<typeof Certificate> {
  return {
    sha256: row.sha256,
    deviceId: row.deviceId,
    source: row.source,
    notBefore: isoOf(row.notBeforeMs),
    notAfter: isoOf(row.notAfterMs),
    certificate: writePem('CERTIFICATE', row.der),
    createdAt: isoOf(row.createdAtMs),
  };
}

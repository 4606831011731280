import { Type } from 'typebox';
import { closed, name, oneOf } from './common.ts';
import { hostPattern } from './route.ts';

const proxy = Type.Object(
  {
    name,
    certificates: Type.Array(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'the SHA-256 of a certificate in 64 lower-case hexadecimal digits',
      }),
      { minItems: 1, maxItems: 8, uniqueItems: true, description: 'Those that it shows.' },
    ),
    /** In which headers it says what it was asked; those of the other are not believed. */
    dialect: oneOf('nginx', 'x-forwarded'),
    /** It is believed which device certificate its client showed; without it nobody has a device. */
    deviceCertificates: Type.Optional(Type.Boolean()),
    hosts: Type.Array(hostPattern, {
      minItems: 1,
      maxItems: 256,
      uniqueItems: true,
      description: 'What it may ask about.',
    }),
  },
  closed,
);

export const forwardAuth = Type.Object(
  { proxies: Type.Array(proxy, { minItems: 1, maxItems: 64 }) },
  { ...closed, description: 'Front proxies that ask for verdicts and forward by themselves.' },
);

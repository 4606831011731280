import { type TSchema, Type } from 'typebox';
import { methodsServed } from '../../http/methods.ts';

/** What the schemas of several kinds are made of. Descriptions of texts follow "must be" in messages. */

export const apiVersion = 'sallyport.dev/v1';

/** Unknown fields are refused everywhere: one that is misspelt would be a condition that is not there. */
export const closed = { additionalProperties: false } as const;

export const name = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'a name of a to z, 0 to 9 and hyphens, 63 characters at the most',
});
export const names = Type.Array(name, { maxItems: 256, uniqueItems: true });
export const hostName = Type.String({
  maxLength: 253,
  pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'a DNS name of a to z, 0 to 9, hyphens and dots, international names as xn--',
});
export const pathPattern = Type.String({
  pattern: '^/',
  maxLength: 1024,
  description: 'a path that starts with /',
});
export const httpsUrl = Type.String({
  pattern: '^https://',
  maxLength: 2048,
  description: 'a URL that starts with https://',
});
export const duration = Type.String({
  pattern: '^[1-9][0-9]{0,5}[smhd]$',
  description: 'a duration such as 90s, 15m, 12h or 7d',
});
export const instant = Type.String({
  pattern:
    '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$',
  description: 'a date and time with its offset, such as 2026-12-01T08:00:00Z',
});
export const deviceId = Type.String({
  pattern: '^dev_[0-9a-hjkmnp-tv-z]{26}$',
  description: 'the id of a device, dev_ and 26 characters',
});
export const country = Type.String({
  pattern: '^[A-Z]{2}$',
  description: 'a country by its two capital letters (ISO 3166), such as DE',
});
export const asn = Type.Integer({ minimum: 1, maximum: 4_294_967_295 });
export const note = Type.String({ minLength: 1, maxLength: 1024 });

/** One to 1,000 different texts. */
export function strings(maxLength: number, description?: string) {
  return Type.Array(Type.String({ minLength: 1, maxLength }), {
    minItems: 1,
    maxItems: 1000,
    uniqueItems: true,
    ...(description === undefined ? {} : { description }),
  });
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(...words: Words) {
  return Type.Unsafe<Words[number]>(Type.Enum([...words]));
}

export const methods = Type.Array(oneOf(...methodsServed), {
  ...{ minItems: 1, maxItems: methodsServed.length, uniqueItems: true },
  description: 'Upper case. HEAD is not GET.',
});

const labels = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$' }),
  Type.String({ maxLength: 253 }),
  { ...closed, maxProperties: 64 },
);
/** Which edges: those that have all of these labels. */
export const matchLabels = Type.Object({ matchLabels: labels }, closed);

export const Metadata = Type.Object(
  {
    name,
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    owner: Type.Optional(
      Type.String({ maxLength: 254, description: 'Who answers for it: a team or an address.' }),
    ),
    labels: Type.Optional(labels),
  },
  closed,
);

/** A document of one kind. */
export function document<Kind extends string, Spec extends TSchema>(
  kind: Kind,
  spec: Spec,
  description: string,
) {
  return Type.Object(
    { apiVersion: Type.Literal(apiVersion), kind: Type.Literal(kind), metadata: Metadata, spec },
    { ...closed, description },
  );
}

import { type TSchema, Type } from 'typebox';
import {
  asn,
  closed,
  country,
  duration,
  instant,
  methods,
  name,
  oneOf,
  pathPattern,
  strings,
} from './common.ts';

/** What a rule can ask for: the fields of a rule and of a named condition. */

const some = { minItems: 1, maxItems: 256 } as const;
const list = <Entry extends TSchema>(entry: Entry, description: string) =>
  Type.Array(entry, { ...some, uniqueItems: true, description });

const employment = Type.Object(
  {
    class: Type.Optional(list(oneOf('employee', 'contractor'), 'One of these.')),
    ended: Type.Optional(Type.Boolean({ description: 'Whether its end date has passed.' })),
  },
  { ...closed, minProperties: 1, description: 'How the signed-in user is employed.' },
);

/** A value that a posture fact can have. */
export const postureValue = Type.Union([
  Type.Boolean(),
  Type.Number(),
  Type.String({ minLength: 1, maxLength: 256 }),
]);
const posture = Type.Object(
  {
    name,
    is: Type.Optional(postureValue),
    in: Type.Optional(Type.Array(postureValue, some)),
    atLeast: Type.Optional(Type.Number()),
    atMost: Type.Optional(Type.Number()),
    maxAge: Type.Optional(duration),
  },
  closed,
);
const device = Type.Object(
  {
    known: Type.Optional(Type.Boolean({ description: 'An enrolled device, or not one.' })),
    managed: Type.Optional(Type.Boolean()),
    ownedByUser: Type.Optional(
      Type.Boolean({ description: 'Whether its owner is the signed-in user.' }),
    ),
    posture: Type.Optional(
      Type.Array(posture, {
        minItems: 1,
        maxItems: 32,
        description: 'What was observed on the device; all must hold.',
      }),
    ),
    certificateMaxAge: Type.Optional(duration),
  },
  { ...closed, minProperties: 1, description: 'What the request comes from; all must hold.' },
);

const clockTime = Type.String({
  pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
  description: 'a time of day in quotes, "00:00" to "23:59"',
});
const window = Type.Object(
  {
    days: Type.Optional(
      list(oneOf('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), 'Left out: every day.'),
    ),
    from: clockTime,
    to: clockTime,
    zone: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'A time zone by its IANA name, such as Europe/Berlin.',
    }),
  },
  closed,
);

const authentication = Type.Object(
  { maxAge: Type.Optional(duration), amr: Type.Optional(strings(32)) },
  { ...closed, minProperties: 1, description: 'How old and of which kind the sign-in is.' },
);
const score = Type.Number({ minimum: 0, maximum: 100 });
const risk = Type.Object(
  {
    atLeast: Type.Optional(score),
    below: Type.Optional(score),
    signals: Type.Optional(list(name, 'Names of what was noticed; one is enough.')),
  },
  { ...closed, minProperties: 1, description: 'What was noticed about user and device of late.' },
);
/** As the policy core takes it. */
export const headerName = "^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$";
const header = Type.Object(
  {
    name: Type.String({
      pattern: headerName,
      description: 'the name of a header in small letters',
    }),
    is: strings(256),
  },
  closed,
);

/** Name of a condition of this policy, or `policy/name`. */
const conditionName = Type.String({
  pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'the name of a condition of this policy, or policy/name for one of another',
});

/**
 * All given must hold. Within a list of values one entry is enough; in a list of conditions
 * (`headers`, `device.posture`, `conditions`) every one must hold.
 */
export const conditionFields = {
  users: Type.Optional(strings(254, 'The user is one of these, by id or e-mail address.')),
  groups: Type.Optional(strings(256, 'The user is in one of these groups.')),
  employment: Type.Optional(employment),
  services: Type.Optional(list(name, 'The device is that of one of these service identities.')),
  device: Type.Optional(device),
  methods: Type.Optional(methods),
  paths: Type.Optional(
    Type.Array(pathPattern, { ...some, description: 'Patterns: literal, {name}, ** at the end.' }),
  ),
  pathsMatching: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
      minItems: 1,
      maxItems: 64,
      description: 'Regular expressions (RE2) for the whole path. Prefer paths.',
    }),
  ),
  headers: Type.Optional(
    Type.Array(header, {
      minItems: 1,
      maxItems: 16,
      description: 'Values of request headers; all must hold.',
    }),
  ),
  sourceNetworks: Type.Optional(strings(64, 'Networks in CIDR notation.')),
  countries: Type.Optional(list(country, 'Where the address is.')),
  asns: Type.Optional(list(asn, 'Numbers of the network that the address is in.')),
  egress: Type.Optional(list(name, 'Known ways out to the internet, of which the address is one.')),
  time: Type.Optional(
    Type.Array(window, { minItems: 1, maxItems: 32, description: 'Within one of these hours.' }),
  ),
  notBefore: Type.Optional(instant),
  notAfter: Type.Optional(instant),
  authentication: Type.Optional(authentication),
  risk: Type.Optional(risk),
  conditions: Type.Optional(
    list(conditionName, 'Named conditions, of this policy or another; all must hold.'),
  ),
  when: Type.Optional(
    Type.String({ minLength: 1, maxLength: 4096, description: 'An expression in CEL.' }),
  ),
};

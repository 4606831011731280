import { type ReasonCode, reasons } from '@sallyport/policy';
import { Type } from 'typebox';
import {
  asn,
  closed,
  country,
  deviceId,
  duration,
  instant,
  name,
  names,
  note,
  oneOf,
  strings,
} from './common.ts';
import { headerName, postureValue } from './conditions.ts';

/** Requests with the outcome that they must have: they stand in the documents and guard them. */

const header = Type.String({ maxLength: 4096 });
const request = Type.Object(
  {
    method: Type.Optional(
      Type.String({ pattern: '^[A-Z]{3,16}$', description: 'a method in capital letters' }),
    ),
    url: Type.String({
      pattern: '^https://',
      maxLength: 4096,
      description: 'a URL that starts with https://',
    }),
  },
  closed,
);
const user = Type.Object(
  {
    email: Type.String({ minLength: 3, maxLength: 254 }),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    groups: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 1000 }),
    ),
    employment: Type.Optional(
      Type.Object(
        { class: oneOf('employee', 'contractor'), endsAt: Type.Optional(instant) },
        closed,
      ),
    ),
    suspended: Type.Optional(Type.Boolean()),
    blocked: Type.Optional(Type.Boolean()),
  },
  { ...closed, description: 'Given: somebody is signed in.' },
);
const device = Type.Object(
  {
    id: Type.Optional(deviceId),
    managed: Type.Optional(Type.Boolean()),
    ownedByUser: Type.Optional(Type.Boolean()),
    posture: Type.Optional(
      Type.Array(Type.Object({ name, value: postureValue, age: Type.Optional(duration) }, closed), {
        maxItems: 64,
      }),
    ),
    certificateAge: Type.Optional(duration),
    blocked: Type.Optional(oneOf('device', 'certificate', 'service')),
  },
  { ...closed, description: 'Given: the request brings the certificate of an enrolled device.' },
);
const session = Type.Object(
  {
    authenticatedAgo: Type.Optional(duration),
    amr: Type.Optional(strings(32)),
    withoutDevice: Type.Optional(
      Type.Literal(true, { description: 'It was made while no device was known.' }),
    ),
  },
  closed,
);
const expected = Type.Object(
  {
    outcome: oneOf('permit', 'deny', 'sign_in', 'step_up'),
    reason: Type.Optional(oneOf(...(Object.keys(reasons) as ReasonCode[]))),
    rule: Type.Optional(
      Type.String({
        pattern: '^([a-z0-9-]{1,63}/)?(allow|deny|stepUp)/[a-z0-9-]{1,63}$',
        description: 'a rule as policy/allow/rule, or allow/rule for one of this policy',
      }),
    ),
    wouldDeny: Type.Optional(Type.Boolean()),
  },
  closed,
);

export const DocumentTest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    description: Type.Optional(note),
    request,
    user: Type.Optional(user),
    device: Type.Optional(Type.Union([device, Type.Null()])),
    session: Type.Optional(session),
    from: Type.Optional(Type.String({ minLength: 2, maxLength: 64 })),
    country: Type.Optional(country),
    region: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    asn: Type.Optional(asn),
    egress: Type.Optional(
      Type.Union([name, Type.Literal('')], {
        description: 'The known way out that the request comes from; empty: none.',
      }),
    ),
    at: Type.Optional(instant),
    risk: Type.Optional(
      Type.Object(
        {
          score: Type.Number({ minimum: 0, maximum: 100 }),
          signals: Type.Optional(names),
        },
        closed,
      ),
    ),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: headerName }),
        Type.Union([header, Type.Array(header, { maxItems: 16 })]),
        { ...closed, maxProperties: 32 },
      ),
    ),
    expect: expected,
  },
  closed,
);

/** The tests of one document. */
export const documentTests = Type.Array(DocumentTest, {
  maxItems: 1000,
  description: 'Requests and what must come of them. A set of which one fails is refused.',
});

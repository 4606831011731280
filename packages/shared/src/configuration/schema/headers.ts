import { Type } from 'typebox';
import { closed } from './common.ts';

/** Header lines of a route: what is taken out of and put into requests and responses on their way. */

export const headerName = Type.String({
  pattern: '^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$',
  description: 'the name of a header: letters, digits and hyphens, 64 characters at the most',
});
const headerValue = Type.String({
  maxLength: 2048,
  pattern: '^[!-~]([ -~]*[!-~])?$',
  description: 'printable ASCII without spaces at its ends, 2048 characters at the most',
});

const edits = Type.Object(
  {
    /** One line each, in the place of all that there are of this name. */
    set: Type.Optional(
      Type.Array(Type.Object({ name: headerName, value: headerValue }, closed), {
        minItems: 1,
        maxItems: 32,
      }),
    ),
    /** All lines of these names, in whatever spelling. */
    remove: Type.Optional(Type.Array(headerName, { minItems: 1, maxItems: 32, uniqueItems: true })),
  },
  { ...closed, minProperties: 1 },
);

const bytesMax = (minimum: number) => Type.Optional(Type.Integer({ minimum, maximum: 65_536 }));

/** Of every request. Default: 16384 and 8192. */
export const headerLimits = Type.Object(
  {
    /** Of the target and all header lines, 32 bytes added for each line. */
    bytesMax: bytesMax(4_096),
    /** Of what stands in Cookie. */
    cookieBytesMax: bytesMax(1_024),
  },
  { ...closed, minProperties: 1, description: 'How much header a request may have, in bytes.' },
);

/** Of the requests of one route. Default: those of the settings. */
export const routeHeaderLimits = Type.Object(
  {
    bytesMax: bytesMax(1_024),
    cookieBytesMax: bytesMax(1_024),
    /** `true`: what is above is counted and passes. Default: false. */
    audit: Type.Optional(Type.Boolean()),
  },
  { ...closed, minProperties: 1, description: 'How much header its requests may have, in bytes.' },
);

export const headers = Type.Object(
  {
    /** On the way to the upstream. Rules see what the client sent. */
    request: Type.Optional(edits),
    /** Of the upstream, on the way to the client. */
    response: Type.Optional(edits),
  },
  { ...closed, minProperties: 1, description: 'Header lines to take out and to put in.' },
);

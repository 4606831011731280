import { Type } from 'typebox';
import { closed, duration, methods } from './common.ts';
import { headerName } from './headers.ts';

const headerNames = Type.Array(headerName, { minItems: 1, maxItems: 64, uniqueItems: true });

/** In the words of the Fetch standard. What is not said here is not allowed. */
export const cors = Type.Object(
  {
    /** As browsers write them, `https://host[:port]`; or `*` alone, without credentials. */
    allowOrigins: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
      minItems: 1,
      maxItems: 256,
      uniqueItems: true,
    }),
    /** Default: GET, HEAD and POST. */
    allowMethods: Type.Optional(methods),
    /** Besides those that need no permission. Default: none. */
    allowHeaders: Type.Optional(headerNames),
    /** Headers of responses that scripts may read besides the usual ones. Default: none. */
    exposeHeaders: Type.Optional(headerNames),
    /** Whether requests may come with cookies and device certificate. Default: false. */
    allowCredentials: Type.Optional(Type.Boolean()),
    /** How long a browser may remember the answer. Default: 10m; 24h at the most. */
    maxAge: Type.Optional(duration),
  },
  { ...closed, description: 'Which other origins’ scripts may use the application.' },
);

import { Type } from 'typebox';
import { closed } from './common.ts';

/** A name as it stands in Cookie; a star at its end stands for whatever comes there. */
const cookieName = Type.String({
  pattern: "^[!#$%&'+.^_`|~0-9A-Za-z-]{1,128}\\*?$",
  description: 'the name of a cookie, or the beginning of one and a star',
});

/** What is taken out of Cookie on the way to the application, besides our own. */
export const cookies = Type.Object(
  {
    /** The sessions of older proxies, by the names that records have them under. */
    removeLegacy: Type.Optional(Type.Boolean()),
    remove: Type.Optional(Type.Array(cookieName, { minItems: 1, maxItems: 64, uniqueItems: true })),
  },
  { ...closed, minProperties: 1, description: 'Cookies that the application is not to see.' },
);

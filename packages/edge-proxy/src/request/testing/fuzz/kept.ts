import type { Protocol } from '../client-h2.ts';

/** What once broke a property: it is always tried. Seeds of the changes, and texts. */
export const keptSeeds: Readonly<Record<'gate' | 'translated' | 'hello', readonly number[]>> & {
  readonly wire: Readonly<Record<Protocol, readonly number[]>>;
} = {
  gate: [],
  translated: [],
  wire: {
    // An upgrade under an answer that was still to come, which ended the process; and nonsense behind
    // a request that was let through, which was then recorded as refused.
    'http/1.1': [3, 5, 17, 252],
    // Fields that nghttp2 drops without a word, and two hosts.
    h2: [6, 249, 447, 1_020, 1_076],
  },
  hello: [],
};
export const keptTexts: Readonly<Record<'path' | 'host' | 'cookie', readonly string[]>> = {
  path: [],
  host: [],
  // Set by an application, it has no name, and a browser sends it as if it were one of ours.
  cookie: ['__host-sallyport;'],
};

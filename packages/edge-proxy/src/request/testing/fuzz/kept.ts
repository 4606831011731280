/** What once broke a property: it is always tried. Seeds of the changes, and texts. */
export const keptSeeds: Readonly<Record<'gate' | 'wire' | 'hello', readonly number[]>> = {
  gate: [],
  // An upgrade under an answer that was still to come, which ended the process; and nonsense behind
  // a request that was let through, which was then recorded as refused.
  wire: [3, 5, 17, 252],
  hello: [],
};
export const keptTexts: Readonly<Record<'path' | 'host' | 'cookie', readonly string[]>> = {
  path: [],
  host: [],
  // Set by an application, it has no name, and a browser sends it as if it were one of ours.
  cookie: ['__host-sallyport;'],
};

/** What people call what they use, by the first that fits: others name these beside themselves. */
const browsers: readonly (readonly [string, RegExp])[] = [
  ['Edge', /\bEdgA?\/(\d{1,4})/],
  ['Opera', /\bOPR\/(\d{1,4})/],
  ['Firefox', /\b(?:Firefox|FxiOS)\/(\d{1,4})/],
  ['Chrome', /\b(?:Chrome|CriOS)\/(\d{1,4})/],
  ['Safari', /\bVersion\/(\d{1,4})[^ ]* .*\bSafari\//],
  ['curl', /^curl\/(\d{1,4})/],
];
const systems: readonly (readonly [string, RegExp])[] = [
  ['Android', /\bAndroid\b/],
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMacintosh\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b/],
];
const readMax = 512;

/**
 * A user agent in words, such as `Firefox 140 on Linux`; empty: it is none of the known ones. It is
 * what the client says of itself, and no more than that.
 */
export function agentInWords(agent: string): string {
  const read = agent.slice(0, readMax);
  for (const [name, pattern] of browsers) {
    const version = pattern.exec(read)?.[1];
    if (version === undefined) continue;
    const system = systems.find(([, ofSystem]) => ofSystem.test(read))?.[0];
    return system === undefined ? `${name} ${version}` : `${name} ${version} on ${system}`;
  }
  return '';
}

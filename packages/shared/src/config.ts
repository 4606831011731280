import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import type { FieldProblem } from './errors.ts';
import { type HostPort, parseHostPort } from './host-port.ts';
import { nearest } from './nearest.ts';

/**
 * What a process is told by its environment, read once at the start. Every getter notes what is
 * wrong and goes on, so that `done` can name all problems together before anything listens.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

/** The process cannot start with this environment. Values of secrets are never in the message. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly FieldProblem[];

  constructor(problems: readonly FieldProblem[]) {
    const lines = problems.map(({ field, message }) => `  ${field}: ${message}`);
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`The configuration has ${count}:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** Without a default the variable must be set; with `default: null` its absence is null. */
export interface Defaulted<T> {
  readonly default?: T;
}

const secretBytesMax = 65_536;

/** Reads variables one by one; an empty value counts as not set. */
export class ConfigReader {
  readonly #environment: Environment;
  readonly #problems: FieldProblem[] = [];
  readonly #asked = new Set<string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Notes a problem that only the caller can see, such as two variables that contradict. */
  problem(name: string, message: string): void {
    this.#problems.push({ field: name, message });
  }

  /** Any text. */
  text<D extends string | null = string>(name: string, options: Defaulted<D> = {}): string | D {
    return this.#read<string, D>(name, options, '', (text) => text);
  }

  /** One of a few words. */
  oneOf<T extends string, D extends T | null = T>(
    name: string,
    choices: readonly T[],
    options: Defaulted<D> = {},
  ): T | D {
    return this.#read<T, D>(name, options, choices[0] as T, (text) => {
      const choice = choices.find((one) => one === text);
      return choice ?? this.#bad(name, `must be one of ${choices.join(', ')}, not "${cut(text)}"`);
    });
  }

  /** A whole number, decimal, within the bounds. */
  integer<D extends number | null = number>(
    name: string,
    options: Defaulted<D> & { readonly min?: number; readonly max?: number } = {},
  ): number | D {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
    return this.#read<number, D>(name, options, 0, (text) => {
      const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      return this.#bad(name, `must be a whole number from ${min} to ${max}, not "${cut(text)}"`);
    });
  }

  /** A TCP port; 0 lets the system choose one. */
  port<D extends number | null = number>(name: string, options: Defaulted<D> = {}): number | D {
    return this.integer(name, { ...options, min: 0, max: 65_535 });
  }

  /** `true` or `false`. */
  flag<D extends boolean | null = boolean>(name: string, options: Defaulted<D> = {}): boolean | D {
    return this.#read<boolean, D>(name, options, false, (text) => {
      if (text === 'true' || text === '1') return true;
      if (text === 'false' || text === '0') return false;
      return this.#bad(name, `must be true or false, not "${cut(text)}"`);
    });
  }

  /** Non-empty items with commas between them. */
  list<D extends readonly string[] | null = readonly string[]>(
    name: string,
    options: Defaulted<D> = {},
  ): readonly string[] | D {
    return this.#read<readonly string[], D>(name, options, [], (text) => {
      const items = text.split(',').map((item) => item.trim());
      if (items.every((item) => item !== '')) return items;
      return this.#bad(name, 'must be a list with commas, without empty items');
    });
  }

  /** `key=value` pairs with commas between them; no key twice. */
  labels(name: string): Readonly<Record<string, string>> {
    return this.#read<Readonly<Record<string, string>>>(name, { default: {} }, {}, (text) => {
      const pairs = text.split(',').map((pair) => /^\s*([\w./-]{1,63})=(.{0,253})$/.exec(pair));
      const entries = pairs.flatMap((pair): [string, string][] =>
        pair === null ? [] : [[pair[1] ?? '', (pair[2] ?? '').trim()]],
      );
      const distinct = new Set(entries.map(([key]) => key));
      if (distinct.size === pairs.length) return Object.fromEntries(entries);
      return this.#bad(name, 'must be key=value pairs with commas, no key twice');
    });
  }

  /** `host:port`, `[IPv6]:port`; port 0 lets the system choose one. */
  address(name: string, options: Defaulted<string> = {}): HostPort {
    const none = { host: '', port: 0 };
    const fallback = options.default === undefined ? null : parseHostPort(options.default);
    const given = fallback === null ? {} : { default: fallback };
    return this.#read<HostPort>(name, given, none, (text) => {
      return parseHostPort(text) ?? this.#bad(name, `must be host:port, not "${cut(text)}"`);
    });
  }

  /** One or more `host:port` with commas between them. */
  addresses<D extends readonly HostPort[] | null = readonly HostPort[]>(
    name: string,
    options: Defaulted<D> = {},
  ): readonly HostPort[] | D {
    return this.#read<readonly HostPort[], D>(name, options, [], (text) => {
      const parsed = text.split(',').map((item) => parseHostPort(item.trim()));
      const good = parsed.filter((item) => item !== null);
      if (good.length === parsed.length) return good;
      return this.#bad(name, `must be host:port, with commas between several, not "${cut(text)}"`);
    });
  }

  /** A file that exists and can be read. The default is checked as well. */
  file<D extends string | null = string>(name: string, options: Defaulted<D> = {}): string | D {
    return this.#path(name, options, (path) => statSync(path).isFile(), 'a file');
  }

  /** A directory that exists and can be read. The default is checked as well. */
  directory<D extends string | null = string>(
    name: string,
    options: Defaulted<D> = {},
  ): string | D {
    return this.#path(name, options, (path) => statSync(path).isDirectory(), 'a directory');
  }

  /** The value of NAME or, better, the content of the file that NAME_FILE names; null: neither. */
  secret(name: string): string | null {
    const direct = this.#value(name);
    const file = this.#value(`${name}_FILE`);
    if (file === null) return direct;
    if (direct !== null) return this.#bad(name, `is set together with ${name}_FILE; use one`);
    try {
      const text = readFileSync(file, 'utf8');
      if (text.length <= secretBytesMax && text.trim() !== '') return text.trim();
      return this.#bad(`${name}_FILE`, `${file} is empty or too large`);
    } catch (error) {
      return this.#bad(`${name}_FILE`, `${file} cannot be read (${codeOf(error)})`);
    }
  }

  /** Variables that start with `prefix` and that nobody asked for: probably misspelt. */
  unknown(prefix: string): readonly FieldProblem[] {
    return Object.keys(this.#environment)
      .filter((name) => name.startsWith(prefix) && !this.#asked.has(name))
      .map((field) => {
        const near = nearest(field, [...this.#asked]);
        const hint = near === null ? '' : `; did you mean ${near}?`;
        return { field, message: `is not a setting of this process${hint}` };
      });
  }

  /** Throws a ConfigurationError that lists every problem noted so far, if there is one. */
  done(): void {
    if (this.#problems.length > 0) throw new ConfigurationError(this.#problems);
  }

  #value(name: string): string | null {
    this.#asked.add(name);
    const text = this.#environment[name]?.trim();
    return text === undefined || text === '' ? null : text;
  }

  #bad(name: string, message: string): null {
    this.problem(name, message);
    return null;
  }

  /** `placeholder` stands for a value that is missing or wrong until `done` throws. */
  #read<T, D extends T | null = T>(
    name: string,
    options: Defaulted<D>,
    placeholder: T,
    parse: (text: string) => T | null,
  ): T | D {
    const text = this.#value(name);
    if (text !== null) return parse(text) ?? placeholder;
    if (options.default !== undefined) return options.default;
    this.problem(name, 'is not set');
    return placeholder;
  }

  #path<D extends string | null>(
    name: string,
    options: Defaulted<D>,
    isKind: (path: string) => boolean,
    kind: string,
  ): string | D {
    const path = this.text(name, options);
    if (path === null || path === '') return path;
    try {
      accessSync(path, constants.R_OK);
      if (!isKind(path)) this.problem(name, `${path} is not ${kind}`);
    } catch (error) {
      this.problem(name, `${path} cannot be read (${codeOf(error)})`);
    }
    return path;
  }
}

/** A reader over an environment; tests pass a plain object. */
export function configReader(environment: Environment): ConfigReader {
  return new ConfigReader(environment);
}

function cut(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

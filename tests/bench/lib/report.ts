import { cpus, totalmem } from 'node:os';

export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  /** As the issue states it; null: printed for information. */
  readonly goal: number | null;
  readonly better: 'lower' | 'higher';
}

export interface Report {
  /** Name and version of everything that took part. */
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

export interface BenchmarkOptions {
  /** Alternating runs of each side. */
  readonly runs: number;
  /** Length of one run. */
  readonly seconds: number;
  /** Of tables that are asked, where a benchmark has such. */
  readonly rows: number;
  /** Progress, for a person. */
  readonly say: (line: string) => void;
}

export type Benchmark = (options: BenchmarkOptions) => Promise<Report>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value that this part of all (0 to 1) does not exceed. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** One line of JSON on standard output. */
export function printJson(name: string, report: Report): void {
  process.stdout.write(
    `${JSON.stringify({ name, machine: machine(), versions: report.versions, figures: report.figures })}\n`,
  );
}

export function printTable(name: string, report: Report): void {
  const lines = [`${name} on ${machine()}`];
  lines.push(
    Object.entries(report.versions)
      .map(([part, version]) => `${part} ${version}`)
      .join(', '),
  );
  for (const { what, unit, value, goal, better } of report.figures) {
    const target = goal === null ? '' : `   goal ${better === 'lower' ? '<=' : '>='} ${goal}`;
    lines.push(`  ${what.padEnd(58)} ${round(value).padStart(10)} ${unit}${target}`);
  }
  for (const note of report.notes) lines.push(`  ${note}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function machine(): string {
  const cores = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cores.length} x ${cores[0]?.model ?? 'unknown'}, ${gib} GiB, ${process.platform} ${process.arch}`;
}

function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { parseDocuments } from '@sallyport/shared/configuration/parse';
import { InvalidArgumentError, Option } from 'commander';
import { action, type Call, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject, readObjects } from '../client/reading.ts';
import { readDocuments } from '../documents.ts';
import { type Exit, Failure } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { type Probed, type ProbeResult, probe, probeResults, targetsOf } from '../probe/probe.ts';
import { collect, count, duration } from './options.ts';

interface Options {
  readonly route?: readonly string[];
  readonly except?: readonly string[];
  readonly method: 'GET' | 'HEAD';
  readonly timeout: number;
  readonly within: number;
  readonly concurrency: number;
}

/** `probe`: which upstreams answer somebody who is no edge, asked from where it runs. */
export const registerProbe: CommandFile = (program, session) => {
  const results = Object.entries(probeResults).map(([name, text]) => `  ${name.padEnd(27)}${text}`);
  program
    .command('probe')
    .summary('ask each upstream directly, and say which answer somebody who is no edge')
    .description(
      'Asks the upstream of each route directly from this machine, without an assertion and then with a forged one, once each, as its route says to connect but without the certificate of an edge. Run it where users, other applications and visitors are: from there no upstream should answer. Takes the live configuration, or documents.',
    )
    .argument('[files...]', 'files, folders or - in place of the live configuration')
    .option('--route <name>', 'only this route; repeatable', collect)
    .option('--except <name>', 'not this route, which may be open; repeatable', collect)
    .option('--method <method>', 'GET or HEAD', readingMethod, 'GET')
    .addOption(
      new Option('--timeout <duration>', 'for each request').argParser(short).default(5, '5s'),
    )
    .addOption(
      new Option('--within <duration>', 'for all of them').argParser(duration).default(120, '2m'),
    )
    .option('--concurrency <n>', 'upstreams at a time', count(64), 8)
    .addHelpText(
      'after',
      `
Results:
${results.join('\n')}

Examples:
  sallyport probe
  sallyport probe --except status-page --json > probe.json
  sallyport probe config/ --route wiki`,
    )
    .action(
      action<Options>(session, async (call) => {
        const targets = chosen(targetsOf(await documentsOf(call)), call.options);
        const { method, timeout, within, concurrency } = call.options;
        const signal = AbortSignal.any([
          AbortSignal.timeout(within * 1000),
          call.terminal.interrupt(),
        ]);
        const items = await probe(targets, {
          method,
          concurrency,
          timeoutMs: timeout * 1000,
          signal,
        });
        call.output.result({ items }, () => table(columns, items));
        return exitOf(items);
      }),
    );
};

async function documentsOf(call: Call<Options>): Promise<readonly ConfigurationDocument[]> {
  if (call.args.length > 0) return (await readDocuments(call.args, call.terminal)).documents;
  const live = readObject(await call.api().get(apiPath('config')), 'the configuration');
  const { documents, problems } = parseDocuments(
    readObjects(live, 'documents')
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
    'the live configuration',
  );
  if (problems.length === 0) return documents;
  throw new Failure('failed', 'the live configuration is of a newer control plane', { problems });
}

function chosen<T extends { readonly route: string }>(
  targets: readonly T[],
  { route, except = [] }: Options,
): readonly T[] {
  const names = new Set(targets.map((target) => target.route));
  const unknown = [...(route ?? []), ...except].find((name) => !names.has(name));
  if (unknown !== undefined) throw new Failure('not_found', `there is no route ${unknown}`);
  return targets.filter(
    (target) => (route?.includes(target.route) ?? true) && !except.includes(target.route),
  );
}

function exitOf(items: readonly Probed[]): Exit {
  const open: readonly ProbeResult[] = ['answers-without-assertion', 'accepts-forged'];
  if (items.some(({ result }) => open.includes(result))) return 'open';
  return items.some(({ result }) => result === 'untried') ? 'failed' : 'ok';
}

const columns: readonly Column<Probed>[] = [
  { heading: 'ROUTE', cell: ({ route }) => route },
  { heading: 'UPSTREAM', cell: ({ upstream }) => upstream },
  { heading: 'RESULT', cell: ({ result }) => result },
  { heading: 'WITHOUT', cell: ({ withoutAssertion }) => String(withoutAssertion ?? '') },
  { heading: 'FORGED', cell: ({ withForged }) => String(withForged ?? '') },
  { heading: 'DETAIL', cell: ({ detail }) => detail },
];

function readingMethod(text: string): string {
  if (text === 'GET' || text === 'HEAD') return text;
  throw new InvalidArgumentError('GET or HEAD, which change nothing');
}

function short(text: string): number {
  const seconds = duration(text);
  if (seconds <= 60) return seconds;
  throw new InvalidArgumentError('60s at the most');
}

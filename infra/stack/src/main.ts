/**
 * `pnpm stack up` and `npm start`. Standard output has the JSON line, or the story; all else goes
 * to standard error.
 */
import { parseArgs } from 'node:util';
import { StackConfigurationError } from './configuration.ts';
import { watchLauncher } from './launcher.ts';
import { ProcessDied } from './processes.ts';
import type { Stack } from './running-stack.ts';
import { type StackOptions, startStack } from './start.ts';
import { tellStory } from './story/story.ts';
import { describeUse } from './story/use.ts';

const usage = `usage: pnpm stack up [--json] [--edges N] [--control-planes N] [--nats] [--places] [--config DIR]
                     [--keep]
       pnpm stack story [--once] [--edges N] [--control-planes N] [--nats] [--places]

up      starts PostgreSQL, control planes, edges in two regions, an identity provider and a demo
        application on free ports of this machine, and stays until SIGTERM or Ctrl-C, or
        until one of its processes ends
  --json        print one line of JSON when all is ready
  --edges N     how many edges (default 2)
  --control-planes N
                how many replicas of the control plane (default 1)
  --nats        start nats-server too, as the second way of the state
  --places      edges know where addresses are, by the data that come with Sallyport; without
                it no place is known, so there are no signals of travel
  --config DIR  apply the documents of this folder in place of the demo's; they may use
                \${upstream.url}, \${idp.issuer} and \${ca.pem}
  --keep        leave the folder of the stack behind
story   the same, then one request after the other with what came back; stays, unless --once`;

interface Call extends StackOptions {
  readonly command: 'up' | 'story';
  readonly json: boolean;
  readonly once: boolean;
}

/** Reads the command line; throws an Error that names what is wrong with it. null: --help. */
function readCall(args: readonly string[]): Call | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      edges: { type: 'string', default: '2' },
      'control-planes': { type: 'string', default: '1' },
      nats: { type: 'boolean', default: false },
      places: { type: 'boolean', default: false },
      config: { type: 'string' },
      keep: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
    },
  });
  const { help, json, nats, places, keep, once, config } = values;
  if (help) return null;
  const [command, ...more] = positionals;
  if (command !== 'up' && command !== 'story') {
    throw new Error(
      command === undefined ? 'say up or story' : `there is no ${command}, only up and story`,
    );
  }
  if (more.length > 0) throw new Error(`unexpected argument ${more.join(' ')}`);
  if (config === '') throw new Error('--config needs a folder');
  return {
    command,
    json,
    nats,
    places,
    keep,
    once,
    edges: readCount('--edges', values.edges, 20),
    controlPlanes: readCount('--control-planes', values['control-planes'], 5),
    ...(config === undefined ? {} : { configuration: config }),
  };
}

function readCount(option: string, text: string, max: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new Error(`${option} is a whole number from 1 to ${max}, not ${text}`);
}

try {
  const call = readCall(process.argv.slice(2));
  if (call === null) console.log(usage);
  else await main(call);
} catch (error) {
  // `main` tells its own failures, so this is about the command line.
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}

async function main(options: Call): Promise<void> {
  const started = performance.now();
  const say = (text: string): void => {
    if (options.json) return;
    console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${text}`);
  };
  const stopping = new AbortController();
  const stopped = new Promise<void>((done) => {
    stopping.signal.addEventListener('abort', () => done(), { once: true });
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => stopping.abort());
  }
  const unwatch = watchLauncher(() => stopping.abort());
  try {
    const stack = await startStack({ ...options, progress: say, signal: stopping.signal });
    try {
      await Promise.race([use(options, stack, stopped), stack.failed]);
    } finally {
      await stack.stop();
    }
  } catch (error) {
    const expected = error instanceof ProcessDied || error instanceof StackConfigurationError;
    console.error(expected ? error.message : error);
    process.exitCode = 1;
  } finally {
    unwatch();
  }
}

async function use(options: Call, { description }: Stack, stopped: Promise<void>): Promise<void> {
  if (options.command === 'story') {
    const good = await Promise.race([tellStory(description, console.log), stopped]);
    if (good === false) process.exitCode = 1;
    if (options.once) return;
  }
  console.log(options.json ? JSON.stringify(description) : await describeUse(description));
  await stopped;
}

// The door to every command of this repository: makes sure that what pnpm-lock.yaml names is
// installed, then runs a TypeScript entry with the Node.js that came with it. Needs only Node 20 and
// npm. Standard output belongs to the entry alone, so everything said here goes to standard error.
//
//   node scripts/bootstrap.mjs [--debian[=bench]] ENTRY.ts [argument…]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBelow, packagesBelow } from './floors.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = [
  `node-${process.platform}-${process.arch}`,
  `node-bin-${process.platform}-${process.arch}`,
].map((name) => join(root, 'node_modules', name, 'bin', 'node'));
const marker = join(root, 'node_modules', '.sallyport-setup');
const lock = join(root, '.cache', 'setup.lock');
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'];
const waitMaxMs = 15 * 60_000;

const say = (text) => process.stderr.write(`${text}\n`);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Changes whenever an install could give another result. */
function wanted() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
    hash.update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const ownNode = () => node.find((file) => existsSync(file));
const installed = (hash) => read(marker) === hash && ownNode() !== undefined;

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes the lock file, which holds the owner's pid; the lock of a dead owner is moved away. */
async function withLock(work) {
  mkdirSync(dirname(lock), { recursive: true });
  const giveUpAt = Date.now() + waitMaxMs;
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(read(lock));
    if (Number.isInteger(owner) && owner > 0 && !alive(owner)) {
      try {
        renameSync(lock, `${lock}.${process.pid}`);
        rmSync(`${lock}.${process.pid}`);
      } catch {
        // somebody else moved it first
      }
      continue;
    }
    if (Date.now() > giveUpAt)
      throw new Error(`another set-up holds ${lock}; remove it if none runs`);
    if (!told) say('sallyport: waiting for the set-up that another process is doing');
    told = true;
    await sleep(200);
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Runs a program with its output on standard error; ended with us if a signal comes meanwhile. */
function runAside(program, args) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
    const stop = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, stop);
    child.on('error', failed);
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, stop);
      if (code === 0) done();
      else failed(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}`));
    });
  });
}

async function install() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  say(`sallyport: installing what pnpm-lock.yaml names (${packageManager})`);
  const options = ['--frozen-lockfile', '--config.confirmModulesPurge=false'];
  await runAside('npx', ['-y', packageManager, 'install', ...options]);
}

async function setUp() {
  if (installed(wanted())) return;
  await withLock(async () => {
    // Taken after the lock: what another process has just installed is not installed again.
    const hash = wanted();
    if (installed(hash)) return;
    await install();
    if (ownNode() === undefined) {
      throw new Error(`no Node.js for ${process.platform} ${process.arch} came with the install`);
    }
    writeFileSync(marker, hash);
  });
}

/** In place of pnpm's shell script, which does not pass signals on: who ends it ends only itself. */
function linkNode() {
  const link = join(root, 'node_modules', '.bin', 'node');
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), ownNode()), link);
}

/** Refuses to start anything on versions with known holes; see floors.json. */
function holdFloors() {
  const floors = JSON.parse(readFileSync(join(root, 'scripts', 'floors.json'), 'utf8'));
  const version = JSON.parse(read(join(dirname(dirname(ownNode())), 'package.json'))).version;
  const problems = packagesBelow(readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8'), floors);
  if (isBelow(version, floors.node)) problems.push(`Node.js ${version} is below ${floors.node}`);
  if (problems.length > 0) throw new Error(problems.join('; '));
}

/**
 * What comes from Debian, not from npm. `there`: a program on the path, or a file, by which it is
 * known to be there. `for`: what asks for it; what is large or rarely used is not for every test.
 */
const tests = ['test', 'full'];
const everywhere = [...tests, 'bench'];
const debian = [
  { package: 'chromium', there: 'chromium', for: tests },
  { package: 'curl', there: 'curl', for: tests },
  { package: 'git', there: 'git', for: tests },
  { package: 'nats-server', there: 'nats-server', for: everywhere },
  { package: 'nginx', there: 'nginx', for: everywhere },
  { package: 'openssl', there: 'openssl', for: tests },
  { package: 'promtool', there: 'promtool', for: tests },
  { package: 'haproxy', there: 'haproxy', for: tests },
  { package: 'python3-h2', there: '/usr/lib/python3/dist-packages/h2', for: tests },
  { package: 'sslscan', there: 'sslscan', for: tests },
  { package: 'caddy', there: 'caddy', for: ['full'] },
  { package: 'python3-grpcio', there: '/usr/lib/python3/dist-packages/grpc', for: ['full'] },
  {
    package: 'python3-websockets',
    there: '/usr/lib/python3/dist-packages/websockets',
    for: ['full'],
  },
  { package: 'rsyslog', there: 'rsyslogd', for: ['full'] },
  { package: 'rsyslog-gnutls', there: 'rsyslogd', for: ['full'] },
  { package: 'testssl.sh', there: 'testssl', for: ['full'] },
];

/** Installs what is missing of what this purpose asks for. Missing is not fatal. */
async function debianPackages(purpose) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/bin'];
  const isThere = (name) =>
    folders.some((folder) => folder !== '' && existsSync(resolve(folder, name)));
  const missing = debian
    .filter(({ there, for: purposes }) => purposes.includes(purpose) && !isThere(there))
    .map((entry) => entry.package);
  if (missing.length === 0) return;
  try {
    if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
      throw new Error('installing them needs root and apt-get');
    }
    say(`sallyport: installing ${missing.join(', ')} with apt-get`);
    await runAside('sh', [join(root, 'scripts', 'install-debian-packages.sh'), ...missing]);
  } catch (error) {
    say(`sallyport: not there: ${missing.join(', ')} (${error.message})`);
    say('sallyport: what needs them is skipped; sh scripts/install-debian-packages.sh as root');
  }
}

/** Becomes the entry, as far as the platform lets it: same streams, signals and exit code. */
function run(entry, args) {
  const program = ownNode();
  const options = [resolve(root, entry), ...args];
  if (typeof process.execve === 'function') {
    process.execve(program, [program, ...options], process.env);
  }
  const child = spawn(program, options, { stdio: 'inherit' });
  for (const signal of signals) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    say(`sallyport: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}

const args = process.argv.slice(2);
const wantsDebian = args[0] === '--debian' || args[0] === '--debian=bench' ? args.shift() : null;
const entry = args.shift();
if (entry === undefined) {
  say('usage: node scripts/bootstrap.mjs [--debian[=bench]] ENTRY.ts [argument…]');
  process.exit(2);
}
try {
  await setUp();
  linkNode();
  holdFloors();
  if (wantsDebian === '--debian=bench') await debianPackages('bench');
  else if (wantsDebian !== null) await debianPackages(args.includes('--full') ? 'full' : 'test');
  run(entry, args);
} catch (error) {
  say(`sallyport: set-up failed: ${error.message}`);
  process.exit(1);
}

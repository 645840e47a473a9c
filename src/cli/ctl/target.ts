import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CommandError, ExitCode } from '../exit-code.ts';
import { type Flags, type GivenFlags, usageError } from '../flags.ts';

/** Where a broker's HTTP API is, and who asks. */
export interface Target {
  /** The local socket; undefined for one that is reached by its URL. */
  readonly socket: string | undefined;
  /** `http://host:port`; of the local socket a host that stands for it. */
  readonly url: URL;
  /** What people call it. */
  readonly name: string;
  /** Undefined on the local socket: whoever can open it is an administrator. */
  readonly login: Login | undefined;
}

/** User and password for HTTP's basic authentication, as they are: not encoded. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** The flags that say which broker is meant. */
export const targetFlags: Flags = {
  'data-dir': {
    doc: 'Data directory of the broker, where its local socket is.',
    placeholder: '<path>',
    defaultText: 'as the broker finds it, else /var/lib/leveret',
  },
  config: { doc: 'Configuration file that the broker was started with.', placeholder: '<path>' },
  url: {
    doc: 'HTTP API of a broker elsewhere: http://host:15672, with user:password@ before the host if you like.',
    placeholder: '<url>',
  },
  node: {
    doc: 'The same by the name of the broker: leveret@host.',
    placeholder: '<name@host>',
    alias: 'n',
  },
  longnames: { doc: 'Nothing: hosts are taken by the name that is given.', alias: 'l' },
  user: {
    doc: 'User to log in as.',
    placeholder: '<name>',
    defaultText: 'guest, on the local socket nobody',
  },
  password: {
    doc: 'Password; better in LEVERETCTL_PASSWORD, where others do not see it.',
    placeholder: '<text>',
    defaultText: 'guest',
  },
};

/** The data directory of the systemd unit. */
const systemDataDir = '/var/lib/leveret';

/**
 * The broker that a command line means: one on this machine by its local socket, or one elsewhere by its URL.
 *
 * @throws CommandError when there is none; ConfigError for a configuration file with a mistake
 */
export async function findTarget({ values }: GivenFlags, environment = process.env): Promise<Target> {
  const user = values['user'] ?? environment['LEVERETCTL_USER'];
  const password = values['password'] ?? environment['LEVERETCTL_PASSWORD'];
  const remote = remoteOf(values, environment);
  if (remote === undefined) {
    const socket = await findSocket(values, environment);
    const login = user === undefined ? undefined : { user, password: password ?? 'guest' };
    return { socket, url: new URL('http://localhost'), name: socket, login };
  }
  if (!/^https?:/.test(remote) || !URL.canParse(remote)) {
    throw usageError(`--url: "${remote}" is not a URL such as http://127.0.0.1:15672`);
  }
  return { socket: undefined, ...withoutLogin(new URL(remote), user, password) };
}

/** A URL may say who asks, as those of curl and AMQP do; flags win. Its password is not for errors to show. */
function withoutLogin(
  given: URL,
  user = decodeURIComponent(given.username) || 'guest',
  password = decodeURIComponent(given.password) || 'guest',
): Pick<Target, 'url' | 'name' | 'login'> {
  const url = new URL(given);
  url.username = '';
  url.password = '';
  return { url, name: url.href.replace(/\/$/, ''), login: { user, password } };
}

/** The URL of one elsewhere; undefined for one on this machine. @throws CommandError */
function remoteOf(flags: GivenFlags['values'], environment: NodeJS.ProcessEnv): string | undefined {
  const { url, node, 'data-dir': dataDir } = flags;
  if (url !== undefined && dataDir !== undefined) {
    throw usageError('--url is for a broker elsewhere, --data-dir for one here: say one of them');
  }
  if (url !== undefined || dataDir !== undefined) return url;
  if (node === undefined) return environment['LEVERETCTL_URL'];
  const host = node.slice(node.indexOf('@') + 1);
  if (['localhost', hostname()].includes(host) || host === node) return undefined;
  const remote = `http://${host}:15672`;
  if (host !== '' && URL.canParse(remote)) return remote;
  throw usageError(`--node: "${node}" is not a name such as leveret@host`);
}

async function findSocket(flags: GivenFlags['values'], environment: NodeJS.ProcessEnv): Promise<string> {
  const [{ loadConfig }, { controlSocketPath }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/control-socket.ts'),
  ]);
  const own = Object.fromEntries(
    Object.entries(flags).filter(([name]) => name === 'data-dir' || name === 'config'),
  );
  const { config, effective } = loadConfig({ flags: own, environment, workingDirectory: process.cwd() });
  const socket = controlSocketPath(config);
  if (socket === undefined) {
    throw new CommandError(
      `the broker in ${config.dataDir} has no local socket (control_socket is none): say --url`,
      ExitCode.Unavailable,
    );
  }
  const ofPlace = effective.filter(({ flag }) => ['data-dir', 'control-socket', 'config'].includes(flag));
  const isByDefault = ofPlace.every(({ source }) => source === 'default');
  const isMeant =
    ofPlace.some(({ source }) => /^(--|LEVERET_)/.test(source)) ||
    config.configFile?.startsWith('/etc/') === true;
  const places = [
    { path: socket, isMeant },
    ...(isByDefault ? [{ path: join(systemDataDir, 'leveretctl.sock'), isMeant: true }] : []),
  ].map((place) => ({ ...place, state: stateOf(place) }));
  const inState = (state: State) => places.find((place) => place.state === state)?.path;
  const found = inState('there');
  if (found !== undefined) return found;
  const forbidden = inState('forbidden');
  if (forbidden !== undefined) throw forbiddenSocket(forbidden);
  if (inState('foreign') !== undefined) {
    throw new CommandError(
      `${socket} belongs to somebody else: if it is the broker you mean, say --data-dir ${dirname(socket)}`,
      ExitCode.NoPermission,
    );
  }
  throw noBroker(resolve(config.dataDir));
}

type State = 'there' | 'forbidden' | 'foreign' | 'missing';

/** What just happens to lie in the working directory, nobody having said so, might be somebody's trap. */
function stateOf({ path, isMeant }: { readonly path: string; readonly isMeant: boolean }): State {
  try {
    const { uid } = statSync(path);
    return isMeant || uid === process.geteuid?.() ? 'there' : 'foreign';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'forbidden' : 'missing';
  }
}

/** Nobody answers on the local socket of a data directory. */
export function noBroker(place: string): CommandError {
  return new CommandError(
    `no broker is running in ${place}: start one (leveret server), or say --data-dir, or --url for one elsewhere`,
    ExitCode.Unavailable,
  );
}

/** The local socket is there, and another user's. */
export function forbiddenSocket(path: string): CommandError {
  return new CommandError(
    `you may not open ${path}: be the user that the broker runs as (sudo -u leveret leveretctl ...), or log in over --url`,
    ExitCode.NoPermission,
  );
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/settings.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-config-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

interface Given {
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, string>>;
}

function load({ file, environment = {}, flags = {} }: Given) {
  if (file !== undefined) writeFileSync(join(directory, 'leveret.conf'), file);
  return loadConfig({ flags, environment, workingDirectory: directory });
}

function config(given: Given): Config {
  return load(given).config;
}

describe('sources', () => {
  it('has a default for everything', () => {
    expect(config({})).toEqual({
      configFile: undefined,
      port: 5672,
      host: '::',
      proxyProtocol: false,
      tls: undefined,
      webSocket: true,
      webSocketOrigins: undefined,
      managementTls: undefined,
      defaultUserTags: ['administrator'],
      seededUsers: [],
      defaultPermissions: { configure: '.*', write: '.*', read: '.*' },
      authentication: {
        backEnds: undefined,
        http: undefined,
        oauth2: undefined,
        cache: { backEnd: undefined, ttlMs: undefined, refusals: undefined },
      },
      login: {
        mechanisms: undefined,
        from: 'distinguished_name',
        alternativeNameType: 'dns',
        alternativeNameIndex: 0,
      },
      managementPort: 15_672,
      managementHost: '::',
      metricsPort: 15_692,
      metricsHost: '::',
      metricsPerObject: false,
      tracing: undefined,
      dataDir: 'data',
      log: {
        console: true,
        consoleLevel: 'info',
        consoleFormatter: undefined,
        file: undefined,
        fileLevel: 'info',
        fileFormatter: 'json',
        directory: '.',
        categories: { audit: 'info' },
      },
      heartbeatSeconds: 60,
      frameMaxBytes: 131_072,
      channelMax: 2047,
      consumerMax: undefined,
      connectionMax: 65_536,
      memoryWatermarkShare: 0.6,
      memoryWatermarkBytes: undefined,
      diskFreeLimitBytes: 50_000_000,
      handshakeTimeoutMs: 10_000,
      consumerTimeoutMs: 1_800_000,
      maxMessageBytes: 134_217_728,
      generationBytes: 1_073_741_824,
      defaultUser: 'guest',
      defaultPassword: 'guest',
      defaultVirtualHost: '/',
      loopbackUsers: ['guest'],
      passwordHashing: 'leveret_password_hashing_scrypt',
      loginFailuresPerAddress: 60,
      loginFailuresPerUser: 20,
    });
  });

  it('takes secrets from where nobody sees them, and shows them to nobody', () => {
    const { config: given, effective } = load({ environment: { LEVERET_DEFAULT_PASS: 'hush' } });
    expect(given.defaultPassword).toBe('hush');
    expect(JSON.stringify(effective)).not.toContain('hush');
    expect(() => load({ flags: { 'default-pass': 'hush' } })).toThrow('unknown flag --default-pass');
  });

  it.each([
    ['loopback_users = none', []],
    ['loopback_users.guest = false', []],
    ['loopback_users.guest = true', ['guest']],
    ['loopback_users = ann, bob', ['ann', 'bob']],
  ])('reads %s', (file, users) => {
    expect(config({ file }).loopbackUsers).toEqual(users);
  });

  it('prefers flags to the environment to the file', () => {
    const file = 'listeners.tcp.default = 1001';
    const environment = { LEVERET_PORT: '1002' };
    expect(config({ file }).port).toBe(1001);
    expect(config({ file, environment }).port).toBe(1002);
    expect(config({ file, environment, flags: { port: '1003' } }).port).toBe(1003);
  });

  it('reads a file named by a flag or by the environment', () => {
    writeFileSync(join(directory, 'other.conf'), 'heartbeat = 7');
    expect(config({ flags: { config: 'other.conf' } }).heartbeatSeconds).toBe(7);
    const configFile = join(directory, 'other.conf');
    const fromEnvironment = config({ environment: { LEVERET_CONFIG: configFile } });
    expect(fromEnvironment).toMatchObject({ heartbeatSeconds: 7, configFile });
  });

  it('knows that none turns the HTTP API off, in every source', () => {
    expect(config({ file: 'management.tcp.port = none' }).managementPort).toBeUndefined();
    expect(config({ environment: { LEVERET_MANAGEMENT_PORT: 'none' } }).managementPort).toBeUndefined();
    expect(config({ flags: { 'management-port': 'none' } }).managementPort).toBeUndefined();
  });

  it('warns of an unknown variable and leaves those of Kubernetes services alone', () => {
    const { config: found, warnings } = load({
      environment: {
        LEVERET_PROT: '1',
        LEVERET_PORT: 'tcp://10.0.0.1:5672',
        LEVERET_SERVICE_HOST: '10.0.0.1',
        LEVERET_PORT_5672_TCP_ADDR: '10.0.0.1',
      },
    });
    expect(found.port).toBe(5672);
    expect(warnings).toEqual([
      'ignoring unknown environment variable LEVERET_PROT (did you mean LEVERET_PORT?)',
    ]);
  });
});

describe('the first user', () => {
  it('has the tags and permissions of a rabbitmq.conf', () => {
    const file = [
      'default_user_tags.administrator = false',
      'default_user_tags.monitoring = true',
      'default_permissions.configure = ^own-',
      'default_permissions.write = .*',
    ].join('\n');
    expect(config({ file })).toMatchObject({
      defaultUserTags: ['monitoring'],
      defaultPermissions: { configure: '^own-', write: '.*', read: '.*' },
    });
    expect(() => config({ file: 'default_user_tags.monitoring = perhaps' })).toThrow(/=true or =false/);
    expect(() => config({ file: 'default_permissions.read = (' })).toThrow(/a regular expression/);
  });
});

describe('users for new virtual hosts', () => {
  const file = [
    'default_users.qa.vhost_pattern = ^qa-',
    'default_users.qa.password = se,cret',
    'default_users.qa.tags = policymaker, monitoring',
    'default_users.qa.read = ^q',
    'default_users.all.write = ^$',
  ].join('\n');

  it('are given line by line, or as JSON in the environment, and never shown', () => {
    expect(config({ file }).seededUsers).toEqual([
      {
        name: 'qa',
        vhostPattern: '^qa-',
        password: 'se,cret',
        tags: ['policymaker', 'monitoring'],
        read: '^q',
      },
      { name: 'all', write: '^$' },
    ]);
    const environment = { LEVERET_DEFAULT_USERS: '{"env":{"password":"hush"}}' };
    const loaded = load({ file, environment });
    expect(loaded.config.seededUsers).toEqual([{ name: 'env', password: 'hush' }]);
    expect(JSON.stringify(loaded.effective)).not.toContain('hush');
  });

  it('have fields that make sense', () => {
    expect(() => config({ file: 'here = 1\nthere = 2' })).toThrow(
      /unknown key here.*\n.*:2: unknown key there/,
    );
    expect(() => config({ file: 'default_users.qa.passwort = x' })).toThrow(/unknown key/);
    expect(() => config({ file: 'default_users.qa.write = (' })).toThrow(/leveret.conf:1/);
    const environment = { LEVERET_DEFAULT_USERS: '{"qa":{"host":"x"}}' };
    expect(() => config({ environment })).toThrow(/vhost_pattern/);
  });
});

describe('scope aliases', () => {
  it('may have names that no key could hold', () => {
    const file = [
      'auth_oauth2.resource_server_id = rabbitmq',
      'auth_oauth2.scope_aliases.dev = rabbitmq.read:*/*',
      'auth_oauth2.scope_aliases.1.scope = rabbitmq.tag:administrator rabbitmq.write:*/*',
      'auth_oauth2.scope_aliases.1.alias = urn:example:broker.admin',
    ].join('\n');
    expect(config({ file }).authentication.oauth2?.scopeAliases).toEqual(
      new Map([
        ['urn:example:broker.admin', ['rabbitmq.tag:administrator', 'rabbitmq.write:*/*']],
        ['dev', ['rabbitmq.read:*/*']],
      ]),
    );
    const half = 'auth_oauth2.scope_aliases.1.alias = admin';
    expect(() => config({ file: half })).toThrow(/a list of aliases/);
  });

  it('are lists of scopes', () => {
    const file = [
      'auth_oauth2.resource_server_id = rabbitmq',
      'auth_oauth2.scope_aliases.admin = rabbitmq.tag:administrator rabbitmq.configure:*/*',
      'auth_oauth2.scope_aliases.dev = rabbitmq.read:*/*',
    ].join('\n');
    expect(config({ file }).authentication.oauth2?.scopeAliases).toEqual(
      new Map([
        ['admin', ['rabbitmq.tag:administrator', 'rabbitmq.configure:*/*']],
        ['dev', ['rabbitmq.read:*/*']],
      ]),
    );
  });
});

describe('the effective settings', () => {
  it('say where each of them was given', () => {
    const { effective } = load({
      file: '\nheartbeat = 30\nframe_max = 8192',
      environment: { LEVERET_FRAME_MAX: '16384' },
      flags: { port: '1003' },
    });
    const sources = Object.fromEntries(effective.map(({ flag, value, source }) => [flag, [value, source]]));
    expect(sources).toMatchObject({
      heartbeat: ['30', 'leveret.conf:2'],
      'frame-max': ['16384', 'LEVERET_FRAME_MAX'],
      port: ['1003', '--port'],
      'channel-max': ['2047', 'default'],
    });
  });

  it("names the variable that does what RabbitMQ's does", () => {
    expect(load({ environment: { RABBITMQ_NODE_PORT: '5673' } }).warnings).toEqual([
      'RABBITMQ_NODE_PORT is not read; the variable for it is LEVERET_PORT',
    ]);
  });
});

describe('the file', () => {
  it("understands rabbitmq.conf's syntax", () => {
    const file = `
# a comment
listeners.tcp.1 = 127.0.0.1:5673   # another one
management.tcp.port=15673
heartbeat   =  30
log.console.level = warning
data_dir = '/var/lib/leveret # 1'
max_message_size = 64MB
`;
    expect(config({ file })).toMatchObject({
      host: '127.0.0.1',
      port: 5673,
      managementPort: 15_673,
      heartbeatSeconds: 30,
      log: { consoleLevel: 'warning' },
      dataDir: '/var/lib/leveret # 1',
      maxMessageBytes: 64_000_000,
    });
  });

  it('may be a directory of files, read in the order of their names', () => {
    mkdirSync(join(directory, 'conf.d'));
    writeFileSync(join(directory, 'conf.d', '90-host.conf'), 'heartbeat = 9');
    writeFileSync(join(directory, 'conf.d', '10-base.conf'), 'heartbeat = 1\nchannel_max = 10');
    writeFileSync(join(directory, 'conf.d', 'notes.txt'), 'heartbeat = 5');
    expect(config({ flags: { config: 'conf.d' } })).toMatchObject({ heartbeatSeconds: 9, channelMax: 10 });
  });

  it("warns of keys of RabbitMQ's that have no meaning here", () => {
    const file =
      'vm_memory_high_watermark_paging_ratio = 0.75\ncluster_formation.peer_discovery_backend = dns';
    expect(load({ file }).warnings).toEqual([
      'leveret.conf:1: vm_memory_high_watermark_paging_ratio has no effect: queues leave memory on their own when it gets short',
      'leveret.conf:2: cluster_formation.peer_discovery_backend has no effect: this broker runs on one node',
    ]);
  });

  it("reads RabbitMQ's watermarks and limits", () => {
    const file = `
vm_memory_high_watermark.relative = 0.4
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 1GB
consumer_max_per_channel = 100
connection_max = 1000
`;
    expect(config({ file })).toMatchObject({
      memoryWatermarkShare: 0.4,
      memoryWatermarkBytes: 2_000_000_000,
      diskFreeLimitBytes: 1_000_000_000,
      consumerMax: 100,
      connectionMax: 1000,
    });
    expect(() => config({ file: 'vm_memory_high_watermark.relative = 1.5' })).toThrow(ConfigError);
  });

  it('takes an IPv6 listener, and the last of two values', () => {
    expect(config({ file: 'listeners.tcp.default = [::1]:5673' })).toMatchObject({ host: '::1', port: 5673 });
    expect(config({ file: 'heartbeat = 1\nheartbeat = 2' }).heartbeatSeconds).toBe(2);
  });

  it.each([
    ['1024', 1024],
    ['1k', 1024],
    ['2MiB', 2_097_152],
    ['1MB', 1_000_000],
    ['0.5MB', undefined],
    ['1TB', undefined],
    ['-1', undefined],
  ])('reads the size %s', (text, bytes) => {
    const read = () => config({ flags: { 'max-message-size': text } }).maxMessageBytes;
    if (bytes === undefined) expect(read).toThrow(ConfigError);
    else expect(read()).toBe(bytes);
  });
});

describe('errors', () => {
  it.each<[Given, string]>([
    [{ flags: { prot: '1' } }, 'unknown flag --prot (did you mean --port?)'],
    [{ flags: { zebra: '1' } }, 'unknown flag --zebra'],
    [{ flags: { port: '70000' } }, '--port: "70000" is not a port from 0 to 65535'],
    [{ flags: { port: '' } }, '--port: "" is not a port from 0 to 65535'],
    [
      { environment: { LEVERET_HEARTBEAT: 'x' } },
      'LEVERET_HEARTBEAT: "x" is not a number of seconds from 0 to 65535',
    ],
    [
      { file: '\nlisteners.tcp.defualt = 1' },
      'leveret.conf:2: unknown key listeners.tcp.defualt (did you mean listeners.tcp.default?)',
    ],
    [{ file: 'frame_max = 1' }, 'leveret.conf:1: frame_max: "1" is not a size from 4096'],
    [
      { file: 'log.console.level = loud' },
      'leveret.conf:1: log.console.level: "loud" is not one of debug, info, warning, error, critical, none',
    ],
    [{ file: 'port 5672' }, 'leveret.conf:1: expected "key = value", found "port 5672"'],
    [{ flags: { config: 'missing.conf' } }, 'missing.conf (ENOENT)'],
  ])('%j', (given, message) => {
    expect(() => load(given)).toThrow(ConfigError);
    expect(() => load(given)).toThrow(message);
  });
});

describe('TLS', () => {
  it('is set as in rabbitmq.conf', () => {
    const file = [
      'listeners.tcp = none',
      'listeners.ssl.default = 192.0.2.1:5679',
      'ssl_options.certfile = server.pem',
      'ssl_options.keyfile = server.key',
      'ssl_options.password = secret',
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = true',
      'ssl_options.versions.10 = tlsv1.1',
      'ssl_options.versions.2 = tlsv1.2',
      'ssl_options.sni_certfiles.1 = a.pem',
      'ssl_options.sni_certfiles.2 = b.pem:b.key',
      'auth_mechanisms.1 = EXTERNAL',
      'ssl_cert_login_from = common_name',
      'management.ssl.certfile = other.pem',
    ].join('\n');
    const loaded = load({ file });
    expect(loaded.config.port).toBe('none');
    expect(loaded.config.login).toMatchObject({ mechanisms: ['EXTERNAL'], from: 'common_name' });
    expect(loaded.config.tls).toMatchObject({
      port: 5679,
      host: '192.0.2.1',
      certFile: 'server.pem',
      keyFile: 'server.key',
      passphrase: 'secret',
      verify: 'verify_peer',
      failIfNoPeerCert: true,
      versions: ['tlsv1.2', 'tlsv1.1'],
      sniCertificates: [{ certFile: 'a.pem' }, { certFile: 'b.pem', keyFile: 'b.key' }],
    });
    expect(loaded.config.managementTls).toMatchObject({
      certFile: 'other.pem',
    });
    expect(JSON.stringify(loaded.effective)).not.toContain('secret');
  });

  it('needs a certificate', () => {
    expect(() => config({ flags: { 'tls-port': '5671' } })).toThrow(
      'listeners.ssl.default (--tls-port) needs a certificate: set ssl_options.certfile',
    );
  });

  it('names what is wrong with a list', () => {
    expect(() =>
      config({ file: 'ssl_options.versions.1 = tlsv1.2\nssl_options.versions.2 = sslv3' }),
    ).toThrow('leveret.conf:1: ssl_options.versions.N: "tlsv1.2,sslv3" is not a list, each one of tlsv1.3');
    expect(() => config({ file: 'ssl_options.verify.1 = verify_peer' })).toThrow('unknown key');
  });
});

describe('authentication back ends', () => {
  it('are set as in rabbitmq.conf', () => {
    writeFileSync(join(directory, 'key.pem'), 'a key');
    const file = [
      'auth_backends.1 = cache',
      'auth_backends.2.authn = rabbit_auth_backend_oauth2',
      'auth_backends.2.authz = internal',
      'auth_backends.3 = internal',
      'auth_http.http_method = post',
      'auth_http.user_path = https://example.org/user',
      'auth_http.vhost_path = https://example.org/vhost',
      'auth_http.resource_path = https://example.org/resource',
      'auth_cache.cached_backend = rabbit_auth_backend_http',
      'auth_cache.cache_ttl = 5000',
      'auth_oauth2.resource_server_id = rabbitmq',
      `auth_oauth2.signing_keys.mine = ${join(directory, 'key.pem')}`,
      'auth_oauth2.preferred_username_claims.1 = email',
    ].join('\n');
    const { backEnds, http, cache, oauth2 } = config({ file }).authentication;
    expect(backEnds).toEqual(['cache', { authentication: 'oauth2', authorization: 'internal' }, 'internal']);
    expect(http).toMatchObject({ method: 'post', userPath: 'https://example.org/user' });
    expect(cache).toMatchObject({ backEnd: 'http', ttlMs: 5000 });
    expect(oauth2).toMatchObject({ resourceServerId: 'rabbitmq', usernameClaims: ['email'] });
    expect(oauth2?.signingKeys).toEqual(new Map([['mine', 'a key']]));
  });

  it('need all they need', () => {
    expect(() => config({ flags: { 'auth-http-user-path': 'http://example.org/' } })).toThrow(
      'the HTTP service needs auth_http.user_path, auth_http.vhost_path and auth_http.resource_path',
    );
    expect(() => config({ file: 'auth_http.user_path = example.org' })).toThrow('is not a URL');
    expect(() => config({ file: 'auth_backends.1 = ldap' })).toThrow('is not a list, each one of internal');
  });
});

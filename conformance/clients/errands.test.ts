import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { brokerUrl, queueName, scenarios } from '../harness/broker.ts';
import { run, runs } from '../harness/programs.ts';
import { expectedReport } from './errands.ts';

/** Compiling and a JVM take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const programs = fileURLToPath(new URL('programs/', import.meta.url));
const debianJava = '/usr/share/java';
const javaClient = `${debianJava}/amqp-client.jar`;
const goClient = '/usr/share/gocode/src/github.com/streadway/amqp';

type CommandLine = readonly [program: string, ...args: string[]];

interface Client {
  readonly name: string;
  readonly packages: string;
  readonly installed: () => boolean;
  /** Turns the source into a program, with a directory of its own to put it in. */
  readonly build?: (directory: string) => { readonly command: CommandLine; readonly env?: Environment };
  readonly command: (directory: string) => CommandLine;
  /** Where this client cannot say what the others say; undefined leaves an errand out. */
  readonly exceptions?: Readonly<Record<string, unknown>>;
}

type Environment = Readonly<Record<string, string>>;

function source(name: string): string {
  return join(programs, name);
}

const python = ['/usr/bin/python3', 'python3'].find((program) => runs(program, '-c', 'import kombu'));

const CLIENTS: readonly Client[] = [
  {
    name: 'Python: kombu',
    packages: 'python3-kombu',
    installed: () => python !== undefined,
    command: () => [python ?? '', source('errands.py')],
  },
  {
    name: 'Ruby: Bunny',
    packages: 'ruby-bunny',
    installed: () => runs('ruby', '-e', 'require "bunny"'),
    command: () => ['ruby', source('errands.rb')],
  },
  {
    name: 'PHP: php-amqplib',
    packages: 'php-cli php-amqplib',
    installed: () => runs('php', '-r', "exit((include 'PhpAmqpLib/autoload.php') ? 0 : 1);"),
    command: () => ['php', source('errands.php')],
  },
  {
    name: 'Perl: AnyEvent::RabbitMQ',
    packages: 'libanyevent-rabbitmq-perl',
    installed: () => runs('perl', '-MAnyEvent::RabbitMQ', '-e', '1'),
    command: () => ['perl', source('errands.pl')],
    // It sends numbers in headers as strings, knows no booleans there, and cannot decode x-death.
    exceptions: {
      properties: [
        'text/plain',
        'kind',
        3,
        { text: 'ü', number: '7', nested: { list: [1, 'two'] } },
        300_000,
      ],
      deadLetter: undefined,
    },
  },
  {
    name: 'C: librabbitmq',
    packages: 'librabbitmq-dev gcc libc6-dev',
    installed: () => runs('cc', '--version') && existsSync('/usr/include/amqp_tcp_socket.h'),
    build: (directory) => ({
      command: ['cc', '-Wall', '-o', join(directory, 'errands'), source('errands.c'), '-lrabbitmq'],
    }),
    command: (directory) => [join(directory, 'errands')],
  },
  {
    name: 'Java: amqp-client',
    packages: 'librabbitmq-client-java default-jdk-headless',
    installed: () => existsSync(javaClient) && runs('javac', '-version'),
    build: (directory) => ({
      command: ['javac', '-encoding', 'UTF-8', '-cp', javaClient, '-d', directory, source('Errands.java')],
    }),
    command: (directory) => {
      const classPath = [directory, javaClient, `${debianJava}/slf4j-api.jar`, `${debianJava}/slf4j-nop.jar`];
      return [
        'java',
        '-Dfile.encoding=UTF-8',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        classPath.join(':'),
        'Errands',
      ];
    },
  },
  {
    name: 'Go: streadway/amqp',
    packages: 'golang-go golang-github-streadway-amqp-dev',
    installed: () => existsSync(goClient) && runs('go', 'version'),
    build: (directory) => ({
      command: ['go', 'build', '-o', join(directory, 'errands'), source('errands.go')],
      env: {
        GO111MODULE: 'off',
        GOPATH: '/usr/share/gocode',
        GOCACHE: join(directory, 'cache'),
        GOFLAGS: '',
      },
    }),
    command: (directory) => [join(directory, 'errands')],
  },
];

const directories: string[] = [];

/** What the program reports; its names begin with `prefix`. */
async function report({ build, command }: Client, prefix: string): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'conformance-client-'));
  directories.push(directory);
  if (build) {
    const { command: compiler, env } = build(directory);
    const [program, ...args] = compiler;
    const { code, stderr } = await run(program, args, { env });
    expect([code, stderr]).toEqual([0, '']);
  }
  const [program, ...args] = command(directory);
  const { code, stdout, stderr } = await run(program, [...args, brokerUrl(), prefix]);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

scenarios(
  'Client libraries',
  () => {
    afterAll(async () => {
      for (const directory of directories) await rm(directory, { recursive: true, force: true });
    });

    for (const client of CLIENTS) {
      if (!client.installed()) {
        test.skip(`${client.name} is not installed: apt-get install ${client.packages}`);
        continue;
      }
      test(client.name, { timeout: TIMEOUT_MS }, async () => {
        const prefix = queueName('errands');
        expect(await report(client, prefix)).toEqual({ ...expectedReport(prefix), ...client.exceptions });
      });
    }
  },
  { concurrent: true },
);

import { hostname } from 'node:os';
import { getCiphers } from 'node:tls';
import { availableBytes } from '../../resources/memory-monitor.ts';
import type { Api } from '../api.ts';
import { badRequest, notAuthorised, objectNotFound } from '../http/api-error.ts';
import { noContent, type Route, route } from '../http/route.ts';
import { bool, integer, number, object, optional } from '../http/schema.ts';
import type { Program } from '../program.ts';

const tag = 'Node';

/** What rabbitmqctl does to a node, and RabbitMQ's HTTP API does not. */
export function nodeControlRoutes(api: Api): readonly Route[] {
  const administrator = { access: 'administrator', tag, isExtension: true } as const;
  return [
    route('GET', {
      ...administrator,
      path: '/nodes/{name}/environment',
      summary: 'Every setting, its value and where it came from',
      handle: ({ parameters }) => programOf(api, parameters.name).settings,
    }),
    route('GET', {
      ...administrator,
      path: '/nodes/{name}/process',
      summary: 'The process: its number, command line, versions and variables of the environment',
      handle: ({ parameters }) => {
        requireNode(api, parameters.name);
        return processView(api.program);
      },
    }),
    route('PUT', {
      ...administrator,
      path: '/nodes/{name}/memory-high-watermark',
      summary: 'Sets, until the next start, above what memory in use publishers are blocked',
      body: object({
        relative: optional(number('A share of the memory there is, from 0 to 1.')),
        absolute: optional(integer('Bytes.')),
      }),
      handle: ({ parameters, body: { relative, absolute } }) => {
        requireNode(api, parameters.name);
        if (absolute !== undefined && absolute >= 0) api.controls.setMemoryWatermark({ absolute });
        else if (relative !== undefined && relative >= 0 && relative <= 1) {
          api.controls.setMemoryWatermark({ relative });
        } else throw badRequest('say relative, from 0 to 1, or absolute, in bytes');
        return noContent;
      },
    }),
    route('PUT', {
      ...administrator,
      path: '/nodes/{name}/disk-free-limit',
      summary: 'Sets, until the next start, below what free space publishers are blocked',
      body: object({
        absolute: optional(integer('Bytes.')),
        relative: optional(number('A multiple of the memory there is.')),
      }),
      handle: async ({ parameters, body: { relative, absolute } }) => {
        requireNode(api, parameters.name);
        const bytes = absolute ?? (relative === undefined ? -1 : Math.round(relative * availableBytes()));
        if (!(bytes >= 0)) throw badRequest('say absolute, in bytes, or relative, a multiple of the memory');
        await api.controls.setDiskFreeLimit(bytes);
        return noContent;
      },
    }),
    route('PUT', {
      ...administrator,
      path: '/nodes/{name}/listeners',
      summary: 'Lets AMQP clients in, or for the time being not; who is connected stays',
      body: object({ suspended: bool() }),
      handle: async ({ parameters, body: { suspended } }) => {
        requireNode(api, parameters.name);
        if (suspended) api.controls.suspendListeners();
        else await api.controls.resumeListeners();
        return noContent;
      },
    }),
    route('POST', {
      ...administrator,
      path: '/nodes/{name}/reload',
      summary: 'Reads configuration and certificates again, as on SIGHUP',
      handle: async ({ parameters }) => {
        await programOf(api, parameters.name).reload();
        return noContent;
      },
    }),
    route('POST', {
      ...administrator,
      path: '/nodes/{name}/stop',
      summary: 'Ends the broker, as SIGTERM does; for those on its own machine only',
      answers: { 204: 'It stops now' },
      handle: ({ parameters, principal }) => {
        const program = programOf(api, parameters.name);
        if (!principal.isLocal) throw notAuthorised('Only the local socket may stop the broker.');
        program.stop();
        return noContent;
      },
    }),
  ];
}

/** @throws ApiError 404 */
function requireNode({ node }: Api, name: string): void {
  if (name !== node) throw objectNotFound();
}

/** @throws ApiError */
function programOf(api: Api, name: string): Program {
  requireNode(api, name);
  if (api.program === undefined) throw badRequest('this broker is a part of another program: look there');
  return api.program;
}

function processView(program: Program | undefined): Readonly<Record<string, unknown>> {
  return {
    pid: process.pid,
    hostname: hostname(),
    command_line: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    environment: program?.environment ?? {},
    tls_versions: ['tlsv1.3', 'tlsv1.2'],
    cipher_suites: getCiphers(),
    versions: process.versions,
    platform: `${process.platform} ${process.arch}`,
    working_directory: process.cwd(),
  };
}

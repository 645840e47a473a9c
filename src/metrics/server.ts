import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pipeline, Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { negotiate } from '@fastify/accept-negotiator';
import { type FastifyReply, fastify } from 'fastify';
import { type Logger, ofCategory } from '../logger.ts';
import { aggregated, detailed, type Family, families, type Page, perObject } from './collect.ts';
import { contentType } from './exposition.ts';
import { GarbageCollections } from './garbage-collections.ts';
import { LineThread } from './line-thread.ts';
import { eventLoopResolutionMs } from './own-metrics.ts';
import { Scrape } from './samples.ts';
import type { MetricsSource } from './source.ts';

/** What is measured, and where it is read. */
export interface MetricsOptions extends Omit<MetricsSource, 'eventLoopDelay' | 'garbageCollections'> {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** `/metrics` has a line for every object, too. */
  readonly isPerObject: boolean;
  readonly log: Logger;
}

/** Prometheus' endpoint (RabbitMQ page "Monitoring with Prometheus"), listening. */
export interface MetricsServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Pages at the same time: what all objects say is kept until a page is read. */
const pagesMax = 16;
const paths = ['/metrics', '/metrics/per-object', '/metrics/detailed'];
/** A page that nobody reads on is given up. */
const stalledMs = 300_000;

/** @throws the listener's error, such as EADDRINUSE. */
export async function startMetrics(options: MetricsOptions): Promise<MetricsServer> {
  const eventLoopDelay = monitorEventLoopDelay({ resolution: eventLoopResolutionMs });
  eventLoopDelay.enable();
  const garbageCollections = new GarbageCollections();
  const source: MetricsSource = { ...options, eventLoopDelay, garbageCollections };
  const log = ofCategory(options.log, 'http');
  const thread = new LineThread(log);
  const scrape = () => new Scrape(thread);
  const app = fastify({
    forceCloseConnections: true,
    connectionTimeout: stalledMs,
    routerOptions: { ignoreTrailingSlash: true },
  });
  const aggregatedPage = options.isPerObject ? perObject : aggregated;
  let pages = 0;
  const written = async function* (page: Page, url: string, isGivenUp: () => boolean): Page {
    pages++;
    try {
      yield* page;
    } catch (error) {
      // It is broken off, so that Prometheus counts the scrape as failed.
      if (!isGivenUp()) log.error({ err: error, url }, 'a page of metrics could not be written');
      throw error;
    } finally {
      pages--;
    }
  };
  const send = (reply: FastifyReply, page: Page) => {
    if (pages >= pagesMax)
      return reply.code(503).send(`${pagesMax} pages of metrics are being read already\n`);
    const text = written(page, reply.request.url, () => parts.destroyed);
    const parts: Readable = Readable.from(text, { objectMode: false });
    reply.type(contentType).header('vary', 'accept-encoding');
    if (negotiate(reply.request.headers['accept-encoding'] ?? '', ['gzip']) === null)
      return reply.send(parts);
    return reply.header('content-encoding', 'gzip').send(zipped(parts));
  };
  app.get('/metrics', (_request, reply) => send(reply, aggregatedPage(source, scrape())));
  app.get('/metrics/per-object', (_request, reply) => send(reply, perObject(source, scrape())));
  app.get('/metrics/detailed', (request, reply) => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const chosen = new Set<Family>();
    for (const name of query.getAll('family')) {
      const family = families.find((each) => each === name);
      if (family !== undefined) chosen.add(family);
    }
    return send(
      reply,
      detailed(source, scrape(), chosen, {
        vhosts: new Set(query.getAll('vhost')),
        queues: new Set(query.getAll('queue')),
      }),
    );
  });
  for (const url of paths) {
    app.route({
      url,
      method: ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'],
      // Whatever comes with it is of no interest.
      onRequest: async (_request, reply) =>
        reply.code(405).header('allow', 'GET, HEAD').send('metrics can only be read: use GET\n'),
      handler: () => undefined,
    });
  }
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(`there is nothing here; metrics are at ${paths.join(', ')}\n`),
  );
  const close = async () => {
    eventLoopDelay.disable();
    garbageCollections.close();
    await app.close();
    await thread.close();
  };
  try {
    await app.listen({ port: options.port, host: options.host });
  } catch (error) {
    await close();
    throw error;
  }
  const address = app.server.address();
  return {
    host: options.host,
    port: address !== null && typeof address === 'object' ? address.port : options.port,
    close,
  };
}

/**
 * A page as Prometheus asks for it, a twentieth of its size or less. A thread of libuv's pool makes it so in less time
 * than it takes the event loop to write the whole page to a socket.
 */
function zipped(page: Readable): Readable {
  // Whoever reads it learns of a failure.
  return pipeline(page, createGzip({ level: constants.Z_BEST_SPEED }), () => {});
}
